"""What a subscriber waits for, told once each."""

from __future__ import annotations

import logging

log = logging.getLogger("tocsin.subscribe")


class Troubles:
    """What is waited for, by where it was seen. The log has a line when a wait begins, and when it is over."""

    def __init__(self) -> None:
        self._now: dict[str, str] = {}

    def tell(self, where: str, what: str | None) -> None:
        """`what` is waited for; None: nothing any more."""
        before = self._now.get(where)
        if what is None and before is not None:
            del self._now[where]
            log.info("over: %s", before)
        elif what is not None and what != before:
            self._now[where] = what
            log.warning("waiting: %s", what)

    def knows(self, where: str) -> bool:
        """Whether something is waited for there."""
        return where in self._now

    def note(self) -> str | None:
        """All of it, in words for an operator; None when nothing is waited for."""
        return "; ".join(self._now.values()) or None
