"""How fast the store is filled, and answers: `python -m tests.bench.store [PROBLEMS] [TOCSIN_STORE]`; of 1,000,000.

Each problem is three events: the report, what `decide` says of it (mostly repeats, told or suppressed), and some
activity. The first PROJECTED problems are taken up as the projector does; the database copies them under other ids and
times until there are enough; then as many are taken up again, by now into a full store. At last questions are asked at
random, one after another, and the slowest of a hundred is told.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from sqlalchemy import Connection, text

from tests.harness.projected import nothing_more
from tocsin.connectors.store import Filter, Store, address_of
from tocsin.connectors.store.database import Database, database_of
from tocsin.connectors.store.migrating import migrate
from tocsin.connectors.store.tables import activity, problems
from tocsin.schemas.codec import decode, encode
from tocsin.schemas.events import (
    ActivityKind,
    ActivityObserved,
    Event,
    ProblemOpened,
    ProblemRepeated,
    ProblemReported,
    ProblemSuppressed,
    ThreadContext,
)
from tocsin.schemas.ids import derived_id
from tocsin.schemas.problem import Http, Item, Problem, Source
from tocsin.streams.projector.batch import apply, standing_of
from tocsin.streams.projector.projector import RECORDS
from tocsin.streams.projector.taken import Taken

CASES, CODES, CONNECTIONS, RECORD_COUNT = 5_000, 40, 5_000, 10_000
BEGIN = 1_780_000_000_000_000
STEP = 500_000
"""Microseconds between two problems: a million are six days."""
ASKED = 1_000
PROJECTED = 20_000
WORDS = (
    "credential", "connection", "mediator", "timeout", "signature", "revoked", "offer", "proof", "wallet", "ledger",
    "key", "route",
)  # fmt: skip


def problem_of(number: int, chance: random.Random) -> Problem:
    """A usual problem, of about a kilobyte."""
    words = " ".join(chance.choices(WORDS, k=12))
    code = f"e.p.xfer.cause-{number % CODES}"
    return Problem(
        dialect="didcomm-2.0", code=code, code_key=code, text=f"The mediator does not answer: {words} n{number}",
        thread_id=f"thread-{number // 4}", message_id=f"message-{number}", args=words.split()[:3],
        items=[Item(key="attempt", value=str(number % 7))], http=Http(status=502, title="Bad Gateway"),
        source=Source(
            service="agent-7", connection=f"connection-{number % CONNECTIONS}",
            sender=f"did:peer:2.Vz6Mk{number % CONNECTIONS:08d}",
        ),
    )  # fmt: skip


def events_of(number: int, chance: random.Random) -> Iterator[tuple[str, str, Event]]:
    """What there is about the problem of this number."""
    report, case = derived_id("report", str(number)), f"case-{number % CASES}"
    at = BEGIN + number * STEP
    base: dict[str, Any] = {"tenant": f"tenant-{number % 3}", "occurred_at": at - 1000, "recorded_at": at}
    problem = problem_of(number, chance)
    yield "inbox", base["tenant"], ProblemReported(event_id=report, problem=problem, raw=b"{}" * 200, **base)
    event_id = derived_id("told", report)
    record = f"record-{number % RECORD_COUNT}"
    thread = ThreadContext(
        first_seen=at, last_seen=at, thread_id=problem.thread_id, record_type="issuance", record_id=record, state="done"
    )
    about: dict[str, Any] = {"event_id": event_id, "case": case, "report": report, **base}
    if number < CASES:
        yield "problems", case, ProblemOpened(problem=problem, thread=thread, **about)
    elif number % 2:
        yield "problems", case, ProblemRepeated(problem=problem, thread=thread, count=number // CASES, **about)
    else:
        yield "problems", case, ProblemSuppressed(reason="identical", **about)
    yield "inbox", base["tenant"], ActivityObserved(
        event_id=derived_id("activity", report), kind=ActivityKind.RECORD_CHANGED, thread_id=problem.thread_id,
        connection=problem.source.connection, record_type="issuance", record_id=record, record_state="offer-sent",
        **base,
    )  # fmt: skip


async def fill(database: Database, numbers: range) -> None:
    """Take up the events of these problems, and print how many a second (with decoding)."""
    chance, standing = random.Random(1), await database.read(standing_of)
    raw: list[tuple[str, str, int, bytes]] = []
    took, used, done = 0.0, 0.0, 0
    for number in numbers:
        raw += [(topic, key, number, encode(event)) for topic, key, event in events_of(number, chance)]
        if len(raw) < RECORDS and number + 1 < numbers.stop:
            continue
        began, cpu = perf_counter(), process_time()
        batch, at = [], {("inbox", 0): 0, ("problems", 0): 0} | standing
        for topic, key, of, value in raw:
            milliseconds = (BEGIN + of * STEP) // 1000
            batch.append(Taken(topic, 0, at[topic, 0], milliseconds, key.encode(), value, _REDACTED, decode(value)))
            at[topic, 0] += 1
        await database.write(lambda connection: apply(connection, batch, standing, nothing_more))  # noqa: B023
        took, done, standing = took + perf_counter() - began, done + len(batch), at
        used += process_time() - cpu
        raw = []
    print(f"{done:,} events: {done / took:,.0f} a second, {done / used:,.0f} a CPU second", flush=True)


def copy(connection: Connection, number: int) -> None:
    """A copy of all problems and activity, as long after them as `number` times what all of them take."""
    for table in (problems, activity):
        names = [column.name for column in table.c if column.name not in ("seq", "id", "at")]
        listed, later = ", ".join(names), number * PROJECTED * STEP
        connection.execute(
            text(
                f"INSERT INTO {table.name} ({listed}, id, at) SELECT {listed}, id || '-{number}', at + {later}"
                f" FROM {table.name} WHERE at < {BEGIN + PROJECTED * STEP} ORDER BY at"
            )
        )


async def ask(store: Store, count: int) -> list[tuple[str, list[float]]]:
    """The seconds of each question."""
    chance = random.Random(2)
    readers = [store.reader(f"tenant-{number}") for number in range(3)]

    def number() -> int:
        return chance.randrange(count)

    async def point() -> object:
        chosen, of = number() % PROJECTED, number() // PROJECTED
        return await readers[chosen % 3].problem(derived_id("report", str(chosen)) + (f"-{of}" if of else ""))

    async def page() -> object:
        until = BEGIN + number() * STEP
        return await chance.choice(readers).problems(Filter(until=until), limit=50)

    async def page_of_code() -> object:
        wanted = Filter(code=f"e.p.xfer.cause-{number() % CODES}", until=BEGIN + number() * STEP)
        return await chance.choice(readers).problems(wanted, limit=50)

    async def search() -> object:
        words = [chance.choice(WORDS), *([f"n{number()}"] if chance.random() < 0.5 else [chance.choice(WORDS)])]
        return await chance.choice(readers).search(" ".join(words), limit=50)

    async def case() -> object:
        chosen = number()
        return await readers[chosen % 3].case(f"case-{chosen % CASES}", limit=50)

    async def record() -> object:
        chosen = number()
        return await readers[chosen % 3].record("issuance", f"record-{chosen % RECORD_COUNT}")

    async def thread() -> object:
        chosen = number()
        return await readers[chosen % 3].thread(f"thread-{chosen % PROJECTED // 4}")

    questions: list[tuple[str, Callable[[], Awaitable[object]]]] = [
        ("one problem", point), ("page of 50", page), ("page of 50 of a code", page_of_code), ("search", search),
        ("page of a case", case), ("record with its error", record), ("time line of a thread", thread),
    ]  # fmt: skip
    return [(name, [await timed(question) for _ in range(ASKED)]) for name, question in questions]


async def timed(question: Callable[[], Awaitable[object]]) -> float:
    began = perf_counter()
    await question()
    return perf_counter() - began


async def main(count: int, address: str | None) -> None:
    """Fill, ask, and print."""
    with tempfile.TemporaryDirectory(prefix="tocsin-store-") as folder:
        where = address_of(address or f"sqlite:///{Path(folder) / 'store.db'}")
        database = database_of(where, make=True)
        await database.write(migrate)
        first = min(count, PROJECTED)
        await fill(database, range(first))
        if count > PROJECTED:
            for number in range(1, count // PROJECTED):
                await database.write(lambda connection: copy(connection, number))  # noqa: B023
            await database.settle()  # else what comes would be measured beside a log as large as the store
            print(f"{count:,} problems in the store", flush=True)
            await fill(database, range(10**9, 10**9 + PROJECTED // 4))
        async with Store(where) as store:
            for name, seconds in await ask(store, count):
                seconds.sort()
                half, most = seconds[len(seconds) // 2], seconds[len(seconds) * 99 // 100]
                print(f"{name:>24}: p50 {half * 1000:7.2f} ms   p99 {most * 1000:7.2f} ms")
        await database.close()


_REDACTED = (("tocsin-redacted", b"1"),)

if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, sys.argv[2] if len(sys.argv) > 2 else None))
