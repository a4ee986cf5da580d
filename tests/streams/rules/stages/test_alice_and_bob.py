"""The loop of the source documents: two agents report problems with each other's problem reports."""

from __future__ import annotations

import itertools
import json
from collections import Counter

import msgspec
import pytest

from tests.harness.alice_and_bob import FRESH, THREADS, TYPES, Exchange, another_message, chain, first_message
from tocsin.connectors.dialects import read_document
from tocsin.schemas.events import ActivityObserved, DeliveryRequested, Event, ProblemReported
from tocsin.schemas.problem import Problem, Source
from tocsin.streams.rules.config import DecideConfig, Endpoint, Route, RuleBook
from tocsin.streams.rules.decision import Emit
from tocsin.streams.rules.policies import LoopLimits
from tocsin.streams.rules.replay import Decided, Replay
from tocsin.streams.rules.values import MINUTE, SECOND

NOW = 1_800_000_000_000_000
LIMITS = LoopLimits()
BUDGET = max(LIMITS.thread_errors, LIMITS.connection_errors, LIMITS.ping_pong, LIMITS.exchange)
LIMIT_NOTICE = "e.p.req.max-errors-exceeded"

TOLD = ("never", "before the report", "after the report", "without its type", "with the report")
"""When the messages are told as activity; or the connection is said with the report instead."""


class Loop(Replay):
    """One partition that hears one chain of reports, and the notifications that it asks for."""

    def __init__(self, exchange: Exchange, *, told: str, pace: int, between: bool = False) -> None:
        book = RuleBook(
            endpoints={"owner": Endpoint(name="owner", sink="memory")},
            default_endpoint="owner",
            routes=(Route(name="all", endpoints=("owner",)),),
        )
        super().__init__(DecideConfig(book=book), now=NOW)
        self.exchange, self.told, self.pace, self.between = exchange, told, pace, between
        self.delivered: Counter[str] = Counter()

    def run(self, length: int) -> Counter[str]:
        """What was delivered, by the code that it was about."""
        if self.told not in ("never", "with the report"):
            self._activity("a-0", first_message(self.exchange))
        for message in chain(self.exchange, length):
            self._note(self.wait(self.now + self.pace))
            activity = dict(message.activity)
            if self.told == "without its type":
                del activity["message_type"]
            if self.told == "before the report":
                self._activity(f"a-{message.number}", activity)
            self._report(f"r-{message.number}", message.document)
            if self.told in ("after the report", "without its type"):
                self._activity(f"a-{message.number}", activity)
            if self.between:
                self._activity(f"b-{message.number}", another_message(self.exchange, message.number))
        self._note(self.wait(self.now + 10 * MINUTE))
        return self.delivered

    def _activity(self, name: str, members: dict[str, object]) -> None:
        self._hear(msgspec.convert(self._common(name) | members, ActivityObserved))

    def _report(self, name: str, document: object) -> None:
        problem = read_document(json.dumps(document).encode(), self.exchange.dialect)
        assert isinstance(problem, Problem)
        if self.told == "with the report":
            problem = msgspec.structs.replace(problem, source=Source(connection=self.exchange.connection))
        self._hear(msgspec.convert(self._common(name) | {"problem": problem}, ProblemReported))

    def _common(self, name: str) -> dict[str, object]:
        return {"event_id": name, "tenant": "acme", "occurred_at": self.now, "recorded_at": self.now}

    def _hear(self, event: Event) -> None:
        self._note(self.hear(event, self.now))

    def _note(self, decided: list[Decided]) -> None:
        for decision in itertools.chain.from_iterable(one.decisions for one in decided):
            if isinstance(decision, Emit) and isinstance(decision.event, DeliveryRequested):
                body = json.loads(decision.event.body)
                self.delivered[body["data"]["problem"]["code"]] += 1


CHAINS = [
    (dialect, threads, connection, told)
    for dialect, threads, connection, told in itertools.product(TYPES, THREADS, (None, "c-1"), TOLD)
    if connection or told not in ("never", "with the report")
] + [(dialect, threads, None, "never") for dialect, threads in itertools.product(TYPES, THREADS)]
PACES = {"every second": SECOND, "every two minutes": 2 * MINUTE}


@pytest.mark.parametrize("pace", PACES.values(), ids=PACES)
@pytest.mark.parametrize(("dialect", "threads", "connection", "told"), CHAINS)
def test_the_loop_ends(dialect: str, threads: str, connection: str | None, told: str, pace: int) -> None:
    """At most the budget and one limit notice are delivered, however long it goes on."""
    exchange = Exchange(dialect=dialect, threads=threads, connection=connection)
    found = Loop(exchange, told=told, pace=pace).run(120)
    assert 1 <= found.total() <= BUDGET + 1, found
    assert found[LIMIT_NOTICE] == 1, found


@pytest.mark.parametrize("length", [40, 120])
@pytest.mark.parametrize("threads", THREADS)
def test_the_same_text_each_time(threads: str, length: int) -> None:
    """Then most of it is told in digests."""
    exchange = Exchange(threads=threads, connection="c-1", wording="What?")
    found = Loop(exchange, told="after the report", pace=SECOND).run(length)
    assert 1 <= found.total() <= 6, found
    assert found[LIMIT_NOTICE] <= 1, found


@pytest.mark.parametrize("threads", THREADS)
def test_who_reports_is_known(threads: str) -> None:
    """Between two that are named it ends as soon as it goes to and fro too often."""
    exchange = Exchange(dialect="didcomm-2.0", threads=threads, named=True)
    found = Loop(exchange, told="before the report", pace=SECOND).run(120)
    assert found == {"e.p.msg.not-understood": LIMITS.ping_pong, LIMIT_NOTICE: 1}


# who the two are: the connection, whether reports name both, when the messages are told, whether others come in between
JOINED: dict[str, tuple[str | None, bool, str, bool]] = {
    "by the connection": ("c-1", False, "with the report", False),
    "by the connection, others in between": ("c-1", False, "with the report", True),
    "by the connection of the message": ("c-1", False, "before the report", False),
    "by the connection of the message, others in between": ("c-1", False, "before the report", True),
    "by their names": (None, True, "never", False),
    "by their names, others in between": (None, True, "after the report", True),
    "by both": ("c-1", True, "before the report", True),
}


@pytest.mark.parametrize("codes", ["the same", "its own", "a pair"])
@pytest.mark.parametrize("threads", FRESH)
@pytest.mark.parametrize(("dialect", "pace"), [("aries-1.0", 2 * MINUTE), ("didcomm-2.0", SECOND)], ids=["v1", "v2"])
@pytest.mark.parametrize(("connection", "named", "told", "between"), JOINED.values(), ids=JOINED)
def test_the_loop_ends_whatever_the_reports_say(
    connection: str | None, named: bool, told: str, between: bool, dialect: str, threads: str, codes: str, pace: int,
) -> None:  # fmt: skip
    """Fresh threads and other codes each time: where the two are known, the budget and a limit notice are delivered."""
    exchange = Exchange(dialect=dialect, threads=threads, connection=connection, named=named, codes=codes)
    found = Loop(exchange, told=told, pace=pace, between=between).run(120)
    assert 1 <= found.total() <= BUDGET + 1, found
    # Each code has a budget of its own on the connection; what both have in common, one.
    assert 1 <= found[LIMIT_NOTICE] <= (2 if codes == "a pair" else 1), found


@pytest.mark.parametrize("told", ["never", "before the report", "after the report"])
@pytest.mark.parametrize("codes", ["the same", "its own"])
@pytest.mark.parametrize("threads", FRESH)
def test_the_loop_ends_where_each_acknowledges_the_last(threads: str, codes: str, told: str) -> None:
    exchange = Exchange(dialect="didcomm-2.0", threads=threads, codes=codes, quotes=True)
    found = Loop(exchange, told=told, pace=SECOND).run(120)
    assert (found.total(), found[LIMIT_NOTICE]) == (BUDGET + 1, 1)


def test_where_nothing_joins_them_nothing_ends_it() -> None:
    """Neither thread, nor connection, nor names: docs/reliability.md says so."""
    exchange = Exchange(dialect="didcomm-2.0", threads="pthid of its own", codes="its own")
    assert Loop(exchange, told="never", pace=SECOND).run(120).total() == 120
