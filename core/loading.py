"""Loading models: what a folder of weights holds, and with transformers one at a time.

While it loads, transformers replaces methods of its classes by empty ones and puts back what it found there. Two
threads at once put back an empty one: from then on every model of the process has a head that was never trained.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

ALONE = threading.Lock()


def weights_kind(folder: Path) -> Literal["adapter", "full"]:
    """What a folder of weights holds: an adapter to a base model, as peft writes it, or a whole model."""
    return "adapter" if (folder / "adapter_config.json").is_file() else "full"


@contextmanager
def quietly() -> Iterator[None]:
    """While peft builds a model: it asks transformers for a property by its old name."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing`", category=FutureWarning)
        yield
