"""Loading models with transformers, one at a time.

While it loads, transformers replaces methods of its classes by empty ones and puts back what it found there. Two
threads at once put back an empty one: from then on every model of the process has a head that was never trained.
"""

from __future__ import annotations

import threading

ALONE = threading.Lock()
