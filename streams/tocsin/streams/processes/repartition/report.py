"""What is wanted, what was found, what was done."""

from __future__ import annotations

from dataclasses import dataclass, field

from tocsin.streams.processes.repartition.survey import Committed, Figures
from tocsin.streams.settings import Settings
from tocsin.streams.topology import TOPICS


@dataclass(frozen=True, slots=True)
class Wanted:
    """From which bus to which; `since` (microseconds) is from when on history is copied, None is all of it."""

    old: Settings
    new: Settings
    since: int | None = None

    @property
    def prefixes(self) -> tuple[str, str]:
        """The old and the new one."""
        return self.old.prefix, self.new.prefix

    def counts(self) -> dict[str, int]:
        """How many partitions each topic gets."""
        return {spec.name: spec.partitions or self.new.partitions for spec in TOPICS}


@dataclass(frozen=True, slots=True)
class Survey:
    """What there is: about how much, what groups have read, and who is alive in them."""

    figures: list[Figures]
    groups: Committed
    alive: list[str]


@dataclass(slots=True)
class TopicReport:
    """What was copied of one topic."""

    topic: str
    partitions: int
    records: int
    bytes: int
    undecided: int = 0


@dataclass(slots=True)
class Report:
    """What was done; it is kept in the topic FILLING."""

    source: str
    target: str
    partitions: int
    topics: list[TopicReport] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    timers: dict[str, int] = field(default_factory=dict)
    groups: list[str] = field(default_factory=list)
