"""What is compared in `tests.bench.deliveries`: something that is given problems and delivers webhooks."""

from __future__ import annotations

from typing import Protocol


class Contender(Protocol):
    """Given problems, it sends so many webhooks for each."""

    name: str
    each: int

    def cpu(self) -> dict[str, float]:
        """CPU seconds until now of all its processes, by what they do."""
        ...

    async def publish(self, problems: int) -> None:
        """Give it so many problems, each unlike all before, as fast as it takes them."""
        ...
