"""Jitter that only adds and is a hash of what it is for: the same pause again is equally long."""

from __future__ import annotations

from hashlib import sha256

from tocsin.streams.rules.values import MINUTE, SECOND

MIN_JITTER = SECOND
MAX_JITTER = 15 * MINUTE


def jitter(delay: int, name: str, attempt: int) -> int:
    """What is added to `delay` (microseconds) before this attempt of `name`: evenly spread from 0 to 10 %
    of it, the bound being at least 1 s and at most 15 min."""
    bound = max_jitter(delay)
    digest = sha256(f"{name}\x1f{attempt}".encode("utf-8", "surrogatepass")).digest()
    return (int.from_bytes(digest[:8], "big") * (bound + 1)) >> 64


def max_jitter(delay: int) -> int:
    """The most that `jitter` adds to a delay (microseconds); an immediate attempt has none."""
    return min(max(delay // 10, MIN_JITTER), MAX_JITTER) if delay > 0 else 0
