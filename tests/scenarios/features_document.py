"""Writes streams/FEATURES.md from features.yaml and the tags of the scenarios.

`python -m tests.scenarios.features_document`, or `make documents`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

from tests.scenarios.all_scenarios import FOLDER, all_scenarios
from tocsin.streams.rulesfile.document import read_document
from tocsin.streams.scenarios.reading import Scenario

ROOT = FOLDER.parents[1]
FILE = ROOT / "streams" / "FEATURES.md"
"""Where the document lies."""

_COUNTS = {"H": 24, "R": 13, "G": 8, "M": 5, "T": 6, "B3-": 4}

ISSUE = [f"{letter}{number}" for letter, count in _COUNTS.items() for number in range(1, count + 1)]
"""Every number that must have a scenario."""

NUMBERS = [*ISSUE, *(f"A{n}" for n in range(1, 17)), *(f"W{n}" for n in range(1, 12))]
"""Every number of docs/requirements.md that must be listed."""

_HEAD = """# Features, and what shows them

Written by `make documents` from `tests/scenarios/features.yaml` and the tags of the
scenario files: change those. The numbers are those of [docs/requirements.md](../docs/requirements.md), which says what
each asks for and where it comes from. Modules are without `tocsin.`; scenario files are in `tests/scenarios/`, other
tests in `tests/`. A scenario says: given these events at these times, then exactly these; each runs against the real
rules.
"""


class Feature(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One number: what it is, the modules that carry it out, further tests, and what of it is not built
    or built and shown by no test."""

    what: str
    where: list[str]
    tests: list[str] = field(default_factory=list)
    not_built: str | None = None
    not_shown: str | None = None


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Features that belong together."""

    title: str
    features: dict[str, Feature]


def sections() -> list[Section]:
    """What features.yaml says. Raises msgspec.ValidationError for an unknown key."""
    data: Any = read_document((FOLDER / "features.yaml").read_text("utf-8"))[0]
    return msgspec.convert(data["sections"], list[Section])


def shown_by(scenarios: Iterable[Scenario]) -> dict[str, dict[str, int]]:
    """Feature -> scenario file -> how many of its scenarios show it."""
    found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for scenario in scenarios:
        for feature in scenario.features:
            found[feature][scenario.file] += 1
    return found


def document() -> str:
    """The whole document."""
    tagged = shown_by(all_scenarios())
    return "\n".join([_HEAD, *(line for section in sections() for line in _table(section, tagged))])


def _table(section: Section, tagged: dict[str, dict[str, int]]) -> Iterator[str]:
    yield f"## {section.title}\n"
    yield "| | what | where | scenarios (how many) | other tests |"
    yield "| --- | --- | --- | --- | --- |"
    for number, feature in section.features.items():
        files = ", ".join(f"{file} ({count})" for file, count in sorted(tagged.get(number, {}).items()))
        lacks = (("Not built", feature.not_built), ("Not shown", feature.not_shown))
        what = ". ".join([feature.what, *(f"**{name}:** {text}" for name, text in lacks if text)])
        cells = [
            f"[{number}](../docs/requirements.md#{number.lower()})",
            what,
            ", ".join(feature.where),
            files,
            ", ".join(feature.tests),
        ]
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
    yield ""


def module_path(module: str) -> Path:
    """The file or folder of a module that is named without `tocsin.`."""
    portion, *rest = module.split(".")
    path = ROOT.joinpath(portion, "tocsin", portion, *rest)
    return path if path.is_dir() else path.with_suffix(".py")


if __name__ == "__main__":
    FILE.write_text(document(), "utf-8")
