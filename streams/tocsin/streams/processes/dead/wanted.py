"""Which dead letters are meant: one filter, whoever asks."""

from __future__ import annotations

from msgspec import Struct

from tocsin.streams.engine.dead import NOT_A_PROBLEM
from tocsin.streams.processes.dead.letter import Opened


class Wanted(Struct, frozen=True, kw_only=True):
    """A filter: of each field one alternative must fit, empty ones fit everything. Times in milliseconds, as Kafka's.

    Documents that are no problem are meant only where their reason is asked for: they are no records that died."""

    reasons: frozenset[str] = frozenset()
    stages: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    endpoints: frozenset[str] = frozenset()
    tenants: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    since: int | None = None
    until: int | None = None

    def anything(self) -> bool:
        """Whether nothing was asked for: all letters are meant."""
        return self == Wanted()

    def fits(self, letter: Opened) -> bool:
        """Whether this letter is meant. What costs least is asked first; the event is decoded only where it must be."""
        at = letter.record.timestamp
        return (
            (self.since is None or at >= self.since)
            and (self.until is None or at < self.until)
            and (letter.reason in self.reasons if self.reasons else letter.reason != NOT_A_PROBLEM)
            and (not self.stages or letter.stage in self.stages)
            and (not self.groups or letter.group in self.groups)
            and (not self.topics or any(_is_topic(letter.topic, name) for name in self.topics))
            and (not self.tenants or letter.tenant in self.tenants)
            and (not self.endpoints or letter.endpoint in self.endpoints)
            and (not self.types or letter.type.lower() in self.types)
            and (not self.codes or code_fits(letter.code, self.codes))
        )


def code_fits(code: str, wanted: frozenset[str]) -> bool:
    """Whether a code is one of these, or one below: `e.p.xfer.cant` is below `e.p.xfer`, `e.p.xferred` is not."""
    return any(code == one or code.startswith(f"{one}.") for one in wanted)


def _is_topic(topic: str, name: str) -> bool:
    """`tocsin.inbox` is meant by its name and by `inbox`."""
    return topic == name or topic.endswith(f".{name}")
