"""Dead letters are written to their topics again, and noted: at least once, whatever ends this process.

A batch of letters is written and acknowledged, then the notes of it; so after a kill in between its letters count as
not replayed, and are replayed again by the next run: the same bytes under the same ids, which the bus absorbs.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass, field

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from msgspec.structs import replace

from tocsin.connectors.kafka import open_producer
from tocsin.connectors.publish import cloud_event_headers
from tocsin.schemas.codec import encode
from tocsin.schemas.events import DeliveryRequested
from tocsin.schemas.ids import derived_id
from tocsin.streams.engine.failpoints import failpoint_from
from tocsin.streams.processes.dead.index import Refusal
from tocsin.streams.processes.dead.letter import Opened
from tocsin.streams.processes.dead.notes import REPLAYED_OF, notes_of
from tocsin.streams.processes.dead.origins import misplaced
from tocsin.streams.processes.exit_codes import CHECK_FAILED, UNREACHABLE, CommandFailed
from tocsin.streams.processes.kafka import kafka_unreachable, needed_bootstrap
from tocsin.streams.settings import Settings
from tocsin.streams.topology import CARRIER_LIMIT, MIB

AT_ONCE = 200
"""Letters that are written before they are noted: as many are replayed twice at most, after a kill."""
SIZE_AT_ONCE = 4 * MIB
"""... and bytes."""

REFUSED = "its topic refuses it: it is larger than the topic takes"


@dataclass
class Written:
    """What came of a replay: how many letters were written and noted, and how many were not, by why. `complete` is
    False when it was stopped before its end."""

    count: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    complete: bool = True


def refusals(settings: Settings, even_unreadable: bool = False) -> Refusal:
    """Why a letter is not replayed. One that this release cannot read either would only die again, and many of them
    halt their partition; one that names a topic which it cannot come from may be forged."""

    def refusal(letter: Opened) -> str | None:
        if why := letter.why_not() or misplaced(letter, settings.prefix):
            return why
        if letter.event is None and not even_unreadable:
            return f"this release cannot read it either ({letter.unreadable.partition(':')[0]})"
        return None

    return refusal


def record_to_write(letter: Opened) -> tuple[bytes | None, list[tuple[str, bytes]]]:
    """Value and headers of what is written: the original bytes. Only a delivery says that it is sent again: the number
    of its replay, by which the bus knows it from a repeat, and its receiver, too."""
    event = letter.event
    if not isinstance(event, DeliveryRequested):
        return letter.record.value, letter.original_headers()
    marked = sent_again(event, event.replay + 1)
    return encode(marked), cloud_event_headers(marked, b"tocsin:cli")


def sent_again(request: DeliveryRequested, number: int, cause: str | None = None) -> DeliveryRequested:
    """The request of replay `number` of a delivery: the same delivery id and body."""
    return replace(
        request,
        event_id=derived_id("replayed", request.delivery_id, str(number)),
        cause=cause or request.cause,
        replay=number,
    )


async def write_again(
    settings: Settings,
    letters: AsyncGenerator[Opened, None],
    stop: asyncio.Event,
    by: str,
    on_written: Callable[[list[Opened]], None],
) -> Written:
    """Write these letters again, until `stop` is set; `by` is who
    wants it, `on_written` is told of each batch once it is noted.
    Raises CommandFailed(69) that says how far it came."""
    bootstrap, replayed = needed_bootstrap(settings), Written()
    failpoint = failpoint_from(os.environ.get("TOCSIN_FAILPOINT"))
    try:
        async with open_producer(bootstrap, max_request_size=CARRIER_LIMIT + MIB) as producer:
            async for batch in _batches(letters):
                if stop.is_set():
                    replayed.complete = False
                    return replayed
                written = await _write(producer, batch, replayed.left_out)
                failpoint("letters_written")
                await _note(producer, written, by)
                failpoint("letters_noted")
                replayed.count += len(written)
                on_written(written)
    except KafkaError as error:
        if not replayed.count:
            raise kafka_unreachable(bootstrap, error) from error
        raise CommandFailed(
            UNREACHABLE,
            f"Kafka does not answer any more ({type(error).__name__}): {replayed.count} were replayed and noted, a few "
            "more may be written; the same command goes on with the rest",
        ) from error
    return replayed


async def write_one(settings: Settings, letter: Opened, by: str) -> None:
    """Write one letter again. Raises ServiceUnreachable, CommandFailed(1)."""

    async def alone() -> AsyncGenerator[Opened, None]:
        yield letter

    done = await write_again(settings, alone(), asyncio.Event(), by, lambda letters: None)
    for why in done.left_out:
        raise CommandFailed(CHECK_FAILED, f"not replayed: {why}")


async def _batches(letters: AsyncGenerator[Opened, None]) -> AsyncGenerator[list[Opened], None]:
    batch, size = list[Opened](), 0
    async for letter in letters:
        batch.append(letter)
        size += len(letter.record.value or b"")
        if len(batch) >= AT_ONCE or size >= SIZE_AT_ONCE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


async def _write(producer: AIOKafkaProducer, batch: Iterable[Opened], left_out: Counter[str]) -> list[Opened]:
    """The letters of the batch that Kafka has taken. Raises KafkaError."""
    under_way = []
    for letter in batch:
        value, headers = record_to_write(letter)
        under_way.append((letter, await producer.send(letter.topic, value, key=letter.record.key, headers=headers)))
    written = []
    for letter, sending in under_way:
        try:
            await sending
            written.append(letter)
        except MessageSizeTooLargeError:
            left_out[REFUSED] += 1
    return written


async def _note(producer: AIOKafkaProducer, written: Iterable[Opened], by: str) -> None:
    places: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
    for letter in written:
        places[letter.record.topic, letter.record.partition].append(letter.record.offset)
    for (topic, partition), offsets in places.items():
        for headers in notes_of(REPLAYED_OF, partition, sorted(offsets), by):
            await producer.send_and_wait(topic, b"", partition=partition, headers=headers)
