"""The scenarios of this folder, and the bus that runs them: every row and every event passes through its bytes."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import msgspec

from tests.harness.dict_rows import DictRows
from tocsin.schemas.codec import decode, encode
from tocsin.schemas.events import Event, ProblemOpened, ProblemRepeated, ProblemReported, ProblemSuppressed
from tocsin.streams.rules.config import RuleBook
from tocsin.streams.rulesfile import load_rulebook
from tocsin.streams.scenarios.bus import VirtualBus
from tocsin.streams.scenarios.reading import Scenario, Then, parse_scenarios

FOLDER = Path(__file__).parent
"""Where the files lie, one folder for each topic."""

YEAR = 366 * 86_400_000_000
"""After this long without anything new, nothing may be remembered."""


@cache
def all_scenarios() -> tuple[Scenario, ...]:
    """Every scenario of every file, in the order of the listing. Raises BadScenario."""
    files = sorted(FOLDER.glob("*/*.yaml"))
    return tuple(
        each for path in files for each in parse_scenarios(path.read_text("utf-8"), str(path.relative_to(FOLDER)))
    )


@cache
def house_rules() -> RuleBook:
    """What holds in a scenario that says nothing of rules."""
    return load_rulebook(FOLDER / "house-rules.yaml", {})


def spoilt(then: tuple[Then, ...]) -> list[tuple[Then, ...]]:
    """The same with one thing wrong each, which must be seen."""
    late = Then(at=0, head="event", value="ProblemOpened", wanted={})
    spoilt: list[tuple[Then, ...]] = [(*then, late)]
    if then:
        spoilt.append(then[:-1])
        spoilt.append((msgspec.structs.replace(then[0], at=then[0].at + 1, latest=None), *then[1:]))
        spoilt.append((*then[:-1], msgspec.structs.replace(then[-1], value="another")))
        spoilt.append((*then[:-1], msgspec.structs.replace(then[-1], wanted={"case": "another"})))
    return spoilt


class WatchedBus(VirtualBus):
    """Runs a scenario; `ends` counts how often each report came and ended."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario, house_rules(), DictRows())
        self.ends: Counter[str] = Counter()

    def leftovers(self) -> list[str]:
        """Row keys that are still there a year later: rows that no timer forgets."""
        self.advance(self.partition.now + YEAR)
        return sorted(self.partition.rows.rows)

    def advance(self, until: int) -> None:
        super().advance(until)
        assert self.partition.left_due == [], "a rule left its timer due: it would fire for ever"

    def heard(self, event: Event) -> None:
        if isinstance(event, ProblemReported):
            self.ends[f"{event.event_id} came"] += 1

    def emitted(self, event: Event, topic: str) -> None:
        assert decode(encode(event)) == event, f"{type(event).__name__} does not survive the topic {topic}"
        if isinstance(event, ProblemOpened | ProblemRepeated | ProblemSuppressed):
            self.ends[f"{event.report} ended"] += 1
