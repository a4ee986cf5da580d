"""The agent `decide` in the engine's hands: silence is grace for replies, and what is read is written unchanged."""

from __future__ import annotations

import msgspec
import pytest

from tests.harness.canaries import JWT
from tocsin.connectors.publish import Origin, problem, problem_reported
from tocsin.connectors.redaction import Redaction
from tocsin.schemas.codec import decode, encode
from tocsin.schemas.events import (
    ActivityKind,
    ActivityObserved,
    CommandIssued,
    CommandKind,
    Event,
    ProblemOpened,
    TimeoutNoticed,
)
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.agents.decide import DecideAgent
from tocsin.streams.engine.fold import Folder, Limits
from tocsin.streams.engine.outbox import OutboxRecord
from tocsin.streams.engine.record import Record
from tocsin.streams.engine.rows import RowStore
from tocsin.streams.rules.config import DecideConfig, TenantRules, default_rulebook
from tocsin.streams.rules.policies import LoopLimits, TimeoutPolicy
from tocsin.streams.rules.values import MINUTE, SECOND

START = 1_795_000_000 * SECOND
TIMEOUT = 5 * MINUTE


class Partition:
    """One partition of `inbox`, whose records come when the test says."""

    def __init__(self) -> None:
        policy = TimeoutPolicy(floor=SECOND, unlearned=TIMEOUT, waits=0, retries=0)
        self.config = DecideConfig(book=msgspec.structs.replace(default_rulebook(), timeouts=(policy,)))
        self.agent = agent = DecideAgent(lambda: self.config, "t.", SchemaBook())
        self.rows = RowStore(agent.encode_row, agent.decode_row, agent.row_version, agent.per_scope)
        self.folder = Folder(self.agent, self.rows, 0, Limits(), lambda key: 0)
        self.now = self.offset = 0

    def read(self, at: int, value: bytes | None) -> list[Event]:
        """What is said about a record that Kafka took at `at` (microseconds after START)."""
        return [decode(output.value) for output in self.outputs(value, at)]

    def outputs(self, value: bytes | None, at: int = 0) -> list[OutboxRecord]:
        """What is written because of a record."""
        folded = self.folder.fold([Record("t.inbox", 0, self.offset, START + at, None, value)], self.now)
        self.now, self.offset = folded.now, self.offset + 1
        assert not folded.dead
        return list(folded.outputs)

    def tick(self, at: int) -> list[Event]:
        return self.read(at, self.agent.tick(0, START + at).value)


def asked() -> bytes:
    return encode(
        ActivityObserved(
            event_id="e1", tenant="acme", occurred_at=START, recorded_at=START, kind=ActivityKind.MESSAGE_SENT,
            message_id="m1", message_type="https://didcomm.org/ask/1.0/question", thread_id="t1",
            connection="c1", detail={"expects_reply": "true"},
        )
    )  # fmt: skip


def noticed_at(partition: Partition, start: int, end: int) -> int | None:
    """Tick every 30 s like a heartbeat; when the time-out was noticed."""
    for at in range(start, end, 30 * SECOND):
        if any(isinstance(event, TimeoutNoticed) for event in partition.tick(at)):
            return at
    return None


SILENCES: dict[str, tuple[int, int]] = {
    "never silent": (30 * SECOND, TIMEOUT),
    "everything was down beyond the time-out": (12 * MINUTE, 12 * MINUTE + TIMEOUT),
    "everything was down for a while": (2 * MINUTE, 2 * MINUTE + TIMEOUT),
}


@pytest.mark.parametrize(("first_heard", "wanted"), SILENCES.values(), ids=SILENCES.keys())
def test_a_reply_that_could_not_be_heard_is_not_late(first_heard: int, wanted: int) -> None:
    partition = Partition()
    partition.read(0, asked())
    assert noticed_at(partition, first_heard, 30 * MINUTE) == wanted


def test_a_problem_is_told_with_the_bytes_in_which_it_came() -> None:
    told = problem("e.p.xfer", text="näh", thread_id="t1", extensions={"b": "2", "a": "1"})
    report = problem_reported(told, Origin(tenant="acme", event_id="e1"), now=START)
    (opened,) = [event for event in Partition().read(0, encode(report)) if isinstance(event, ProblemOpened)]
    assert opened.problem == report.problem
    assert encode(opened) == encode(msgspec.structs.replace(opened, problem=msgspec.structs.replace(opened.problem)))


def test_a_secret_that_a_foreign_producer_wrote_goes_no_further() -> None:
    """Such a producer does not know of redaction: its record is in `inbox`, but in nothing that is made of it."""
    partition = Partition()
    extensions, args = {"a": f'"{JWT}"'}, ["4111 1111 1111 1111"]
    told = problem("e.p.x", text=f"refused {JWT}", thread_id="t1", args=args, extensions=extensions)
    report = problem_reported(told, Origin(tenant="acme", event_id="e1"), now=START)
    lost = CommandIssued(
        event_id="e2", tenant="acme", occurred_at=START, recorded_at=START, kind=CommandKind.CHOOSE, target="nowhere",
        by="a", why=JWT, choice="wait",
    )  # fmt: skip
    written = [output for value in (report, lost) for output in partition.outputs(encode(value))]
    rows = partition.folder.fold([], partition.now)
    assert len(written) > 2
    for output in (*written, *rows.outputs):
        assert b"eyJzdWIi" not in (output.value or b"")
        assert b"1111 1111" not in (output.value or b"")
    (opened,) = [event for one in written if isinstance(event := decode(one.value), ProblemOpened)]
    assert opened.problem.text == "refused [redacted JWT]"


def test_a_tenant_may_keep_what_others_may_not() -> None:
    partition = Partition()
    own = TenantRules(limits=LoopLimits(), timeouts=(), redaction=Redaction(keep=("jwt",)))
    partition.config = msgspec.structs.replace(
        partition.config, book=msgspec.structs.replace(partition.config.book, tenants={"acme": own})
    )
    for tenant, text in (("acme", JWT), ("other", "[redacted JWT]")):
        told = problem("e.p.x", text=JWT, thread_id="t1")
        report = problem_reported(told, Origin(tenant=tenant), now=START)
        (opened,) = [event for event in partition.read(0, encode(report)) if isinstance(event, ProblemOpened)]
        assert opened.problem.text == text
