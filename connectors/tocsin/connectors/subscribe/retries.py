"""When a handler that failed is called again, and when it is given up. Pure."""

from __future__ import annotations

from msgspec import Struct


class Retries(Struct, frozen=True, kw_only=True):
    """A handler is called at most `times` times for one event (None: until it works). It waits `first` seconds before
    the second call, `factor` times as long before each further one, and never longer than `most`."""

    times: int | None = 5
    first: float = 0.5
    factor: float = 3.0
    most: float = 60.0

    def __post_init__(self) -> None:
        """Raises ValueError naming what cannot be."""
        if self.times is not None and self.times < 1:
            raise ValueError(f"times={self.times}: at least 1 is expected, or None for ever")
        for name, least in (("first", 0.0), ("factor", 1.0), ("most", 0.0)):
            value = getattr(self, name)
            if not least <= value < float("inf"):
                raise ValueError(f"{name}={value}: a number of at least {least:g} is expected")

    def after(self, attempt: int) -> float | None:
        """Seconds until the next call when call number `attempt` (from 1) has failed; None: no other."""
        if self.times is not None and attempt >= self.times:
            return None
        # A power of many would not fit into a float.
        return min(self.most, self.first * self.factor ** min(attempt - 1, 60))


USUAL = Retries()
"""Unless you say otherwise."""
