"""Who wrote a problem report, we or the peer, and at whose side the trouble is: who is told, who retries."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.harness.routed_reports import NOW, a_book
from tocsin.connectors.dialects import read_document
from tocsin.connectors.dialects.context import ProblemContext, with_context
from tocsin.schemas.events import ActivityObserved, DeliveryRequested, EscalationRaised, Event, ProblemReported
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.config import DecideConfig, Route
from tocsin.streams.rules.decision import Emit
from tocsin.streams.rules.policies import EscalationPolicy, Step
from tocsin.streams.rules.replay import Replay
from tocsin.streams.rules.values import MINUTE, SECOND

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

PAGER = EscalationPolicy(
    name="pager", steps=(Step(wait=5 * MINUTE, endpoints=("desk",)),), while_they_retry=15 * MINUTE
)
BOOK = a_book(Route(name="all", endpoints=("owner",), escalate="pager"), escalations={"pager": PAGER})
TYPES = {
    "aries-1.0": "https://didcomm.org/report-problem/1.0/problem-report",
    "hipe": "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/notification/1.0/problem-report",
    "didcomm-2.0": "https://didcomm.org/report-problem/2.0/problem-report",
}


def document(dialect: str, **members: Any) -> bytes:
    said: dict[str, Any]
    if dialect == "didcomm-2.0":
        said = {"id": "m-1", "type": TYPES[dialect], "pthid": "t", "body": {"code": "e.p.me.res.storage"}}
    else:
        text = "description" if dialect == "aries-1.0" else "friendly-ltxt"
        said = {"@id": "m-1", "@type": TYPES[dialect], text: {"en": "no space left", "code": "disk-full"}}
    return json.dumps(said | members).encode()


class Bus(Replay):
    """One partition that hears reports and the messages that they are; `problem` is the fields read of the last."""

    def __init__(self, rows: DictRows) -> None:
        super().__init__(DecideConfig(book=BOOK), rows, NOW)
        self.events: list[Event] = []

    def message(self, kind: str, **members: Any) -> None:
        self._hear({"event_id": kind, "kind": kind, "connection": "c-1"} | members, ActivityObserved)

    def report(self, raw: bytes, dialect: str, category: str | None = "me.res.storage", **context: Any) -> None:
        problem = read_document(raw, dialect)
        assert isinstance(problem, Problem)
        problem = with_context(problem, ProblemContext(**context))
        self._hear(
            {"event_id": "r", "problem": msgspec.structs.replace(problem, category=category)}, ProblemReported
        )  # fmt: skip

    def told(self) -> set[str]:
        return {one.endpoint for one in self.events if isinstance(one, DeliveryRequested)}

    def first_step(self) -> int:
        """How long after the report, microseconds."""
        [raised] = [one for one in self.events if isinstance(one, EscalationRaised)]
        return (raised.first_step_at or 0) - raised.occurred_at

    def _hear(self, members: dict[str, Any], kind: type[Event]) -> None:
        now = self.now + SECOND
        common = {"tenant": "acme", "occurred_at": now, "recorded_at": now}
        for one in self.hear(msgspec.convert(common | members, kind), now):
            self.events += [emit.event for emit in one.decisions if isinstance(emit, Emit)]


SENT, RECEIVED = ("message_sent",), ("message_received",)
BOTH = (*SENT, *RECEIVED)
# what was told of the report's message, the context beside the report, more of its members; are operators told?
SHORTAGES: dict[str, tuple[tuple[str, ...], dict[str, Any], dict[str, Any], bool]] = {
    "nobody says whose report it is, and nobody else is known": ((), {}, {}, True),
    "nobody says whose report it is: the peer's": ((), {"connection": "c-1"}, {}, False),
    "we sent it": (SENT, {}, {}, True),
    "we sent it, over this connection": (SENT, {"connection": "c-1"}, {}, True),
    "we received it": (RECEIVED, {}, {}, False),
    "we received it, over this connection": (RECEIVED, {"connection": "c-1"}, {}, False),
    "from one of ours to another": (BOTH, {"connection": "c-1"}, {}, True),
    "we sent it, of their trouble": (SENT, {"connection": "c-1"}, {"where": "you - agency"}, False),
    "we received it, of our trouble": (RECEIVED, {"connection": "c-1"}, {"where": "you - agency"}, True),
    "we sent it, of our trouble": (SENT, {"connection": "c-1"}, {"where": "me - agency"}, True),
    "stated: our side": ((), {"connection": "c-1", "side": "own"}, {}, True),
    "stated: our side, though it was received": (RECEIVED, {"connection": "c-1", "side": "own"}, {}, True),
    "stated: their side, though it was sent": (SENT, {"connection": "c-1", "side": "peer"}, {}, False),
}


@pytest.mark.parametrize(
    ("dialect", "messages", "context", "members", "paged"),
    [
        pytest.param(dialect, *row, id=f"{dialect}, {name}")
        for name, row in SHORTAGES.items()
        for dialect in TYPES
        if dialect != "didcomm-2.0" or not row[2]  # which has no `where`
    ],
)
def test_whose_shortage_it_is(
    rows: DictRows,
    dialect: str,
    messages: tuple[str, ...],
    context: dict[str, Any],
    members: dict[str, Any],
    paged: bool,
) -> None:
    bus = Bus(rows)
    for kind in messages:
        bus.message(kind, message_id="m-1", message_type=TYPES[dialect])
    bus.report(document(dialect, **members), dialect, **context)
    assert ("ops" in bus.told()) is paged


# the message as it was told, whether that says that we sent the report
SAID: dict[str, tuple[dict[str, Any], bool]] = {
    "with its type": ({"message_id": "m-1", "message_type": TYPES["aries-1.0"]}, True),
    "without its type": ({"message_id": "m-1"}, True),
    "a protocol's own report": ({"message_id": "m-1", "message_type": "https://x.org/ours/1.0/problem_report"}, True),
    "another message": ({"message_id": "m-2", "message_type": TYPES["aries-1.0"]}, False),
    "no report": ({"message_id": "m-1", "message_type": "https://didcomm.org/basicmessage/1.0/message"}, False),
    "without an id": ({"message_type": TYPES["aries-1.0"], "thread_id": "m-1"}, False),
}


@pytest.mark.parametrize(("message", "ours"), SAID.values(), ids=SAID)
def test_which_message_says_it(rows: DictRows, message: dict[str, Any], ours: bool) -> None:
    bus = Bus(rows)
    bus.message("message_sent", **message)
    bus.report(document("aries-1.0"), "aries-1.0", connection="c-1")
    assert ("ops" in bus.told()) is ours


# what was told of the report's message, the context beside it, `who-retries`, `where`; does the peer retry?
RETRIES: dict[str, tuple[tuple[str, ...], dict[str, Any], str | None, str | None, bool]] = {
    "they say: me": (RECEIVED, {}, "me", None, True),
    "they say: you": (RECEIVED, {}, "you", None, False),
    "they say: both": (RECEIVED, {}, "both", None, True),
    "they say: none": (RECEIVED, {}, "none", None, False),
    "we say: me": (SENT, {}, "me", None, False),
    "we say: you": (SENT, {}, "you", None, True),
    "we say: both": (SENT, {}, "both", None, True),
    "we say: none": (SENT, {}, "none", None, False),
    "we say: You": (SENT, {}, "You", None, True),
    "nothing is said": (SENT, {}, None, None, False),
    "a word that nobody knows": (SENT, {}, "whoever", None, False),
    "whose report is not said: theirs, me": ((), {}, "me", None, True),
    "whose report is not said: theirs, you": ((), {}, "you", None, False),
    "at our side, as its writer says: we say you": ((), {"side": "own"}, "you", None, True),
    "at our side, as its writer says: we say me": ((), {"side": "own"}, "me", "me - cloud", False),
    "at our side, which its writer calls yours: they say me": ((), {"side": "own"}, "me", "you - cloud", True),
    "at their side: they say me": ((), {"side": "peer"}, "me", None, True),
    "at their side, which its writer calls yours: we say you": ((), {"side": "peer"}, "you", "you - cloud", True),
    "the message counts more than the side": (RECEIVED, {"side": "own"}, "you", None, False),
}


@pytest.mark.parametrize("dialect", ["aries-1.0", "hipe"])
@pytest.mark.parametrize(("messages", "context", "who", "where", "delayed"), RETRIES.values(), ids=RETRIES)
def test_who_retries(
    rows: DictRows,
    dialect: str,
    messages: tuple[str, ...],
    context: dict[str, Any],
    who: str | None,
    where: str | None,
    delayed: bool,
) -> None:
    bus = Bus(rows)
    for kind in messages:
        bus.message(kind, message_id="m-1", message_type=TYPES[dialect])
    name = "who_retries" if dialect == "aries-1.0" else "who-retries"
    said = {key: value for key, value in ((name, who), ("where", where)) if value is not None}
    bus.report(document(dialect, **said), dialect, None, connection="c-1", **context)
    assert bus.first_step() == (PAGER.while_they_retry if delayed else PAGER.steps[0].wait)
