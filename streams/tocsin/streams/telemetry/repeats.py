"""Lines that say the same again and again: the first are logged, the rest are counted and told once a minute.

Without Kafka its client logs 40,000 lines a minute, all of them true and all but the first few of no use.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

WINDOW = 60.0
"""Seconds from the first repeat of a source until its repeats are told."""
AT_ONCE = 2
"""Different lines of one source that are logged in one window: a fault of a library shows in many of its loggers."""
FORGOTTEN_AFTER = 600.0
"""Seconds of silence after which a line counts as new."""
REMEMBERED = 200
"""Different lines of one source that are told apart; it forgets all of them rather than hold more."""
SHOWN = 2
"""Lines that the text about the repeats quotes."""
QUOTED = 120
"""Characters of each of them."""

_VARYING = re.compile(r"0x[0-9a-f]+|\d+")


class _Source:
    """What one source said."""

    def __init__(self, now: float) -> None:
        self.since = now
        self.logged = 0
        self.seen: dict[str, float] = {}
        self.held: Counter[str] = Counter()


class Repeats:
    """Decides which lines are logged; `now` is in seconds of any clock that only goes forward."""

    def __init__(self) -> None:
        self._sources: dict[str, _Source] = {}

    def is_new(self, source: str, text: str, now: float, *, exact: bool = False) -> bool:
        """Whether this line is to be logged; if not, it is counted. Lines that differ only in numbers are the same;
        unless `exact`: then each number counts, and a line is new again after a window."""
        said = self._sources.setdefault(source, _Source(now))
        if now - said.since >= WINDOW and not said.held:
            said.since, said.logged = now, 0
        line = text[: 4 * QUOTED] if exact else _VARYING.sub("N", text[: 4 * QUOTED])
        forgotten_after = WINDOW if exact else FORGOTTEN_AFTER
        known = now - said.seen.get(line, -forgotten_after) < forgotten_after
        if line not in said.seen and len(said.seen) >= REMEMBERED:
            said.seen.clear()
        said.seen[line] = now
        if not known and said.logged < AT_ONCE:
            said.logged += 1
            return True
        said.held[line] += 1
        return False

    def told(self, now: float, *, all_of_it: bool = False) -> Iterator[tuple[str, str]]:
        """Source and text for each source whose window has ended, or with `all_of_it` for each that has repeats; its
        counts begin anew."""
        for source, said in self._sources.items():
            if said.held and (all_of_it or now - said.since >= WINDOW):
                yield source, _text(said.held)
                said.held = Counter()
                said.since, said.logged = now, 0

    def holds_any(self) -> bool:
        """Whether there is something to tell, now or at the end of a window."""
        return any(said.held for said in self._sources.values())


def _text(held: Counter[str]) -> str:
    shown = held.most_common(SHOWN)
    quoted = "; ".join(f"{count:,} times {line[:QUOTED]!r}" for line, count in shown)
    others = len(held) - len(shown)
    more = f"; and {others} other {'line' if others == 1 else 'lines'}" if others else ""
    return f"the same {held.total():,} times in the last minute: {quoted}{more}"
