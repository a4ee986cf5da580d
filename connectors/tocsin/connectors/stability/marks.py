"""The marks: for each kind a file in `names/` says of every name whether it is stable, and since when."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Literal, get_args

from msgspec import Struct

from tocsin.schemas.errors import TocsinError

Kind = Literal["commands", "events", "metrics", "python", "routes", "rules", "settings", "topics"]
"""What names there are: each kind has its file."""

KINDS: tuple[Kind, ...] = get_args(Kind)


class Level(StrEnum):
    """What may be expected of a name."""

    STABLE = "stable"
    UNSTABLE = "unstable"
    DEPRECATED = "deprecated"


class Mark(Struct, frozen=True):
    """Of one name: its level, and since which release that holds; of a deprecated one also what to use instead."""

    level: Level
    since: str
    instead: str = ""

    def __str__(self) -> str:
        """In words, for people."""
        return f"{self.level} since {self.since}" + (f": {self.instead}" if self.instead else "")


class MarksWrong(TocsinError):
    """A file of names that says something twice, or what is no level."""

    exit_code = 70


def read_marks(text: str) -> dict[str, Mark]:
    """The marks of a file. `[stable]` and `[unstable]` have lists of names by release, `[deprecated.RELEASE]` says of
    each name what to use instead. Raises MarksWrong."""
    found: dict[str, Mark] = {}
    for level, releases in tomllib.loads(text).items():
        if level not in set(Level):
            raise MarksWrong(f"{level} is no level; there are {', '.join(Level)}")
        for since, names in releases.items():
            for name, instead in _named(names):
                if name in found:
                    raise MarksWrong(f"{name} stands there twice")
                if (level == Level.DEPRECATED) != bool(instead):
                    raise MarksWrong(f"{name}: what is deprecated says what to use instead, and nothing else does")
                found[name] = Mark(Level(level), since, instead)
    return found


def _named(names: list[str] | Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield from names.items() if isinstance(names, Mapping) else ((name, "") for name in names)


@cache
def marks(kind: Kind) -> Mapping[str, Mark]:
    """Every name of a kind, with its mark."""
    return read_marks(files("tocsin.connectors.stability").joinpath("names", f"{kind}.toml").read_text("utf-8"))


def mark_of(kind: Kind, name: str) -> Mark:
    """The mark of a name. Raises MarksWrong where there is none."""
    try:
        return marks(kind)[name]
    except KeyError:
        raise MarksWrong(f"{name} has no mark yet: python -m tests.stability.names") from None
