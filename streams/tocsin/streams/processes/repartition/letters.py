"""Notes of dead letters name them by partition and offset: which letters were replayed or purged must be known in the
new partitions, too. Pure."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator

from aiokafka import ConsumerRecord

from tocsin.streams.engine.record import Headers
from tocsin.streams.processes.dead.notes import PURGED_OF, REPLAYED_OF, noted, notes_of
from tocsin.streams.processes.repartition.tally import TOPIC_HEADER
from tocsin.streams.topology import TOPICS

_BY = "tocsin.by"
_NAMES = frozenset(spec.name for spec in TOPICS)


def of_new_topic(headers: Headers, old_prefix: str, new_prefix: str) -> Headers:
    """The headers of a dead letter, which is replayed to the topic that they name; partition and offset there are those
    of the old topic."""
    return tuple(
        (name, _renamed(value, old_prefix, new_prefix) if name == TOPIC_HEADER else value) for name, value in headers
    )


def _renamed(value: bytes | None, old_prefix: str, new_prefix: str) -> bytes | None:
    topic = (value or b"").decode("utf-8", "replace")
    name = topic.removeprefix(old_prefix)
    return (new_prefix + name).encode() if topic.startswith(old_prefix) and name in _NAMES else value


class MovedLetters:
    """Where each letter went; 16 bytes for each."""

    def __init__(self) -> None:
        self._old: dict[int, tuple[array[int], array[int], array[int]]] = {}

    def moved(self, old: int, offset: int, new: int, new_offset: int) -> None:
        """The letter at `offset` of the old partition stands in the new one now. Offsets of a partition ascend."""
        offsets, partitions, places = self._old.setdefault(old, (array("q"), array("i"), array("q")))
        offsets.append(offset)
        partitions.append(new)
        places.append(new_offset)

    def notes(self, record: ConsumerRecord) -> Iterator[tuple[int, list[tuple[str, bytes]]]]:
        """The notes that say the same as this one of the moved letters: the partition of each, and its headers. What it
        says of letters that were not copied is left out."""
        by = next((value or b"" for name, value in record.headers if name == _BY), b"").decode("utf-8", "replace")
        for kind in (REPLAYED_OF, PURGED_OF):
            found: defaultdict[int, list[int]] = defaultdict(list)
            for first, behind in noted(record, kind):
                for new, offset in self._between(record.partition, first, behind):
                    found[new].append(offset)
            for new, offsets in sorted(found.items()):
                for headers in notes_of(kind, new, sorted(set(offsets)), by):
                    yield new, headers

    def _between(self, old: int, first: int, behind: int) -> Iterator[tuple[int, int]]:
        if old not in self._old:
            return
        offsets, partitions, places = self._old[old]
        for at in range(bisect_left(offsets, first), bisect_left(offsets, behind)):
            yield partitions[at], places[at]
