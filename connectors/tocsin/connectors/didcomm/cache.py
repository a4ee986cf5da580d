"""DID documents that were found, and that none was: kept for a while, a bounded number of them."""

from __future__ import annotations

from collections import OrderedDict

from msgspec import Struct

from tocsin.connectors.didcomm.dids import short
from tocsin.connectors.didcomm.faults import Unresolvable
from tocsin.connectors.didcomm.port import DidDocument

Outcome = DidDocument | Unresolvable


class _Entry(Struct, frozen=True):
    outcome: Outcome
    at: float
    until: float


class DocumentCache:
    """The last DIDs that were asked for. Times are seconds of any clock that only goes on."""

    def __init__(self, *, limit: int, age: float, failure_age: float) -> None:
        """`age` is how long a document is used that may change at its host; one that its DID holds is used until
        `limit` others were asked for since. `failure_age` is how long none is believed."""
        self._limit, self._age, self._failure_age = limit, age, failure_age
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, did: str, now: float, *, at_most: float = float("inf")) -> Outcome | None:
        """What was found, unless that was too long ago: longer than `at_most`, or than it is kept."""
        entry = self._entries.get(did)
        if entry is None or now >= entry.until or now - entry.at > at_most:
            return None
        self._entries.move_to_end(did)
        return entry.outcome

    def put(self, did: str, outcome: Outcome, now: float, *, lasting: bool = False) -> None:
        """Keep what was found. The long form of a did:peer:4 is found by its short one from then on."""
        age = self._failure_age if isinstance(outcome, Unresolvable) else self._age
        entry = _Entry(outcome, now, float("inf") if lasting else now + age)
        for name in {did, short(did)} if lasting else {did}:
            self._entries[name] = entry
            self._entries.move_to_end(name)
        while len(self._entries) > self._limit:
            self._entries.popitem(last=False)
