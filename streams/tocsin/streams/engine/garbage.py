"""How often Python looks for cycles, in the processes of the bus (streams/decisions/0017)."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

IN_A_BATCH = 50_000
"""New objects after which a worker looks: a batch makes tens of thousands, none of them in a cycle."""
IN_REQUESTS = 10_000
"""... and every other process: a request that failed is in a cycle, with its body, until somebody looks."""


@contextmanager
def rare_garbage_collection(after: int) -> Iterator[None]:
    """Look after so many new objects; Python itself looks after 700, which was a fifth of the CPU of `decide`
    (streams/decisions/0005), and a third of a gateway's with batches. What is made in cycles (failed tasks) still goes.
    """
    before = gc.get_threshold()
    gc.set_threshold(after, 10, 10)
    try:
        yield
    finally:
        gc.set_threshold(*before)
