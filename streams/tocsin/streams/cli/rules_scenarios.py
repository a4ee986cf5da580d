"""`tocsin rules test --scenario`: given these events, the rules of a file notify exactly as the scenario says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from tocsin.streams.processes.exit_codes import BAD_INPUT, CommandFailed
from tocsin.streams.rules.config import RuleBook
from tocsin.streams.scenarios import BadScenario, Scenario, VirtualBus, differences, parse_scenarios, said


class Played(Struct, frozen=True, kw_only=True):
    """What became of one scenario: `differences` is None when all was as expected, `happened` all that happened."""

    file: str
    name: str
    differences: str | None
    happened: list[str]

    def lines(self) -> Iterator[str]:
        """For people: one line, or what differs and all that happened."""
        yield f"{self.file}: {self.name}: {'as expected' if self.differences is None else 'NOT as expected'}"
        if self.differences is not None:
            yield from self.differences.splitlines()
            yield "all that happened:"
            yield from (f"  {line}" for line in self.happened or ["nothing"])

    def summary(self) -> dict[str, Any]:
        """For scripts."""
        differ = {"differences": self.differences, "happened": self.happened} if self.differences is not None else {}
        return {"file": self.file, "scenario": self.name, "ok": self.differences is None, **differ}


def played(book: RuleBook, files: Iterable[Path]) -> Iterator[Played]:
    """Every scenario of the files under the rules of `book`. Raises CommandFailed(65) for a file that is none."""
    for file in files:
        try:
            for scenario in _scenarios_in(file):
                lines = VirtualBus(scenario, book).run()
                differ = differences(scenario.then, lines, notified=scenario.notified)
                happened = [said(line) for line in lines]
                yield Played(file=str(file), name=scenario.name, differences=differ, happened=happened)
        except BadScenario as bad:
            message = str(bad) if str(bad).startswith(str(file)) else f"{file}: {bad}"
            raise CommandFailed(BAD_INPUT, message) from None


def _scenarios_in(file: Path) -> list[Scenario]:
    try:
        found = parse_scenarios(file.read_text("utf-8"), str(file))
    except UnicodeDecodeError:
        raise BadScenario("this is not UTF-8") from None
    if not found:
        raise BadScenario("there is no scenario in it")
    if any(one.rules for one in found):
        raise BadScenario("`rules` stand in the rules file that is tested; leave them out here")
    return found
