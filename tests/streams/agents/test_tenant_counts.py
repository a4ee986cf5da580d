"""What is counted of each tenant by the agent `decide`: the same when it folds and when another owner recovers."""

from __future__ import annotations

from msgspec.structs import replace

from tests.streams.agents.test_decide_agent import START, Partition
from tocsin.schemas.codec import encode
from tocsin.schemas.events import CommandIssued, CommandKind, ProblemReported
from tocsin.schemas.problem import Problem
from tocsin.streams.engine.rows import RowStore
from tocsin.streams.rules.config import TenantRules
from tocsin.streams.rules.policies import LoopLimits


def report(number: int, tenant: str = "acme") -> bytes:
    problem = Problem(dialect="canonical", code="e.p.xfer", code_key="e.p.xfer", thread_id=f"t{number}")
    event = ProblemReported(
        event_id=f"{tenant}{number}", tenant=tenant, occurred_at=START, recorded_at=START, problem=problem
    )
    return encode(event)


def resolve(number: int) -> bytes:
    return encode(
        CommandIssued(
            event_id=f"c{number}", tenant="acme", occurred_at=START, recorded_at=START, kind=CommandKind.RESOLVE,
            target=f"acme{number}", by="somebody",
        )
    )  # fmt: skip


def recovered(partition: Partition) -> RowStore:
    """The rows of the next owner, read from the changelog."""
    agent = partition.agent
    rows = RowStore(agent.encode_row, agent.decode_row, agent.row_version, agent.per_scope)
    for key in partition.rows.keys():  # noqa: SIM118
        rows.load(key, partition.rows.encoded(key))
    rows.start()
    return rows


def partition_with(**limits: int) -> Partition:
    partition = Partition()
    book = replace(partition.config.book, limits=LoopLimits.off(**limits))
    partition.config = replace(partition.config, book=book)
    return partition


def test_the_next_owner_counts_the_same() -> None:
    partition = partition_with()
    for number in range(10):
        partition.read(number, report(number))
    partition.read(10, report(0, "globex"))
    for number in range(3):
        partition.read(11 + number, resolve(number))
    assert (partition.rows.open_of("acme"), partition.rows.open_of("globex")) == (7, 1)
    again, here = recovered(partition).counts, partition.rows.counts
    assert again is not None
    assert here is not None
    assert (again.rows, again.open) == (here.rows, here.open)


def test_a_take_over_at_the_limit_changes_nothing() -> None:
    partition = partition_with(tenant_cases=3)
    for number in range(4):
        partition.read(number, report(number))
    partition.rows = recovered(partition)
    partition.folder._rows = partition.rows
    partition.rows.begin_batch()
    [suppressed] = partition.read(5, report(5))
    assert getattr(suppressed, "reason", None) == "tenant_limit"
    [first, *_] = partition.read(6, report(5, "globex"))
    assert type(first).__name__ == "ProblemOpened"


def test_a_tenant_s_own_limit_holds_for_it_alone() -> None:
    partition = partition_with(tenant_cases=1)
    own = TenantRules(limits=LoopLimits.off(tenant_cases=5), timeouts=())
    partition.config = replace(partition.config, book=replace(partition.config.book, tenants={"acme": own}))
    said = [partition.read(number, report(number))[0] for number in range(5)]
    assert {type(one).__name__ for one in said} == {"ProblemOpened"}
    partition.read(6, report(1, "globex"))
    assert partition.read(7, report(2, "globex"))[0].problem.code == "e.p.req.max-errors-exceeded"  # type: ignore[union-attr]
