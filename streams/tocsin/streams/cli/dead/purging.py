"""Dead letters that nobody wants any more. What Kafka can do for it is little, and it is said.

A topic is only ever deleted from its beginning. So letters are deleted up to the first one that is kept, of each
partition; those behind it are noted, and `tocsin dead` leaves them out, while their bytes stay until retention (90
days) or a later purge takes them.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiokafka.admin import RecordsToDelete
from aiokafka.structs import TopicPartition

from tocsin.connectors.kafka import open_producer
from tocsin.streams.processes.dead.index import Index
from tocsin.streams.processes.dead.notes import PURGED_OF, notes_of
from tocsin.streams.processes.kafka import admin_of, needed_bootstrap
from tocsin.streams.settings import Settings
from tocsin.streams.topology import topic_name

DELETED_BEFORE = "tocsin.deleted-before"
"""On a note of a purge: the offset before which the partition was deleted."""


@dataclass(frozen=True, slots=True)
class Purge:
    """What a purge does in one partition: delete everything before `until` (None: nothing), and note these letters."""

    partition: int
    until: int | None
    deleted: int
    noted: list[int]


def purges(index: Index) -> list[Purge]:
    """What is done in each partition. Deleted is what lies before the first letter that is kept; notes go with it, as
    letters that were purged before do. Where the log begins before what was looked at, nothing is."""
    return [_purge(index, number) for number in sorted(index.stretches)]


def _purge(index: Index, number: int) -> Purge:
    stretch, chosen = index.stretches[number], index.chosen[number]
    seen = index.letters[number].without(index.purged[number])
    kept = seen.without(chosen).lowest()
    until = stretch.last if kept is None else kept
    before = sum(offset < until for offset in chosen)
    if stretch.first != stretch.start or not before:
        return Purge(number, None, 0, list(chosen))
    return Purge(number, until, before, [offset for offset in chosen if offset >= until])


async def carry_out(settings: Settings, plan: list[Purge], by: str) -> None:
    """Note who purged what, then delete; each may be done again. Raises KafkaError, ServiceUnreachable."""
    topic = topic_name(settings.prefix, "dead")
    async with open_producer(needed_bootstrap(settings)) as producer:
        for purge in plan:
            notes = list(notes_of(PURGED_OF, purge.partition, purge.noted, by))
            if purge.until is not None:
                deleted = (DELETED_BEFORE, str(purge.until).encode())
                notes = notes or [[(PURGED_OF, b""), ("tocsin.by", by.encode("utf-8", "replace"))]]
                notes[0] = [*notes[0], deleted]
            for headers in notes:
                await producer.send_and_wait(topic, b"", partition=purge.partition, headers=headers)
    wanted = {
        TopicPartition(topic, purge.partition): RecordsToDelete(before_offset=purge.until)
        for purge in plan
        if purge.until is not None
    }
    if wanted:
        async with admin_of(settings) as admin:
            await admin.delete_records(wanted)
