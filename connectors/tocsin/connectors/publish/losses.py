"""What was submitted and did not become safe: nobody waits for it, so it is counted, and said when somebody asks."""

from __future__ import annotations

import logging
import threading

log = logging.getLogger("tocsin.publish")


class Losses:
    """Counts them; may be used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a handler of signals may come in between
        self._lost = self._said = 0
        self._last = "there was no time left"

    def note(self, error: BaseException) -> None:
        """One ended so."""
        with self._lock:
            self._lost += 1
            self._last = str(error) or type(error).__name__

    def none_since(self) -> bool:
        """Whether there were none since this was asked last; how many there were is logged."""
        with self._lock:
            lost, self._said = self._lost - self._said, self._lost
        return self._say(lost, "")

    def none(self, unfinished: int) -> bool:
        """Whether there were none at all, nor any that is `unfinished` when nobody waits any more; logged as well."""
        return self._say(self._lost + unfinished, " in all")

    def _say(self, lost: int, which: str) -> bool:
        if lost:
            log.error("%d submitted events%s are not known to be safe; the last: %s", lost, which, self._last)
        return not lost
