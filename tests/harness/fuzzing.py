"""How far tests by chance go: with few examples in every run, with many in `make fuzz`."""

from __future__ import annotations

import os


def examples(few: int, many: int) -> int:
    """How many examples (seeds, worlds) a test tries: `many` when TOCSIN_FUZZ is set."""
    return many if "TOCSIN_FUZZ" in os.environ else few
