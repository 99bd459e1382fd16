"""Models may be loaded in several threads: a server opens versions while a trainer starts."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from serving import EMBEDDED, local
from training import model


def _tied(loaded: Any) -> bool:
    return loaded.lm_head.weight is loaded.model.embed_tokens.weight


def test_models_loaded_at_once_are_whole_and_so_are_later_ones() -> None:
    with ThreadPoolExecutor(4) as threads:
        loading = [threads.submit(load, EMBEDDED) for load in (local._load, model.load) * 4]
        assert all(_tied(one.result()) for one in loading)
    assert _tied(model.load(EMBEDDED))
