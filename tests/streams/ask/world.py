"""What the store of these tests has: the problems of a careful peer, of a careless one, and of one that means harm."""

from __future__ import annotations

from typing import Any

from tests.harness.projected import TIME
from tests.harness.stored import Story, told_story
from tocsin.schemas.events import ProblemOpened, ProblemReported, ProblemResolved, ThreadContext, TimeoutNoticed
from tocsin.schemas.problem import Item, Problem, Severity, Source, Violation

SECOND = 1_000_000
EVIL = "<script>alert(1)</script>\x1b[31m\x07\u202e\"'&`|[x](javascript:alert(1))\n# shout"
EVIL_PEER = "did:evil:`|<b>[x](http://evil.example)"


def _reported(report: str, told: Problem, at: int, tenant: str = "acme", case: str | None = None) -> Story:
    base: dict[str, Any] = {"tenant": tenant, "occurred_at": at, "recorded_at": at}
    events: list[Any] = [("inbox", tenant, ProblemReported(event_id=report, problem=told, raw=b"{}", **base))]
    if case is not None:
        thread = ThreadContext(thread_id=told.thread_id or "", first_seen=at, last_seen=at)
        opened = ProblemOpened(event_id=f"o-{report}", case=case, report=report, problem=told, thread=thread, **base)
        events.append(("problems", case, opened))
    return events


def _plain(**more: Any) -> Problem:
    fields: dict[str, Any] = {"dialect": "rfc9457", "code": "e.p.job", "code_key": "e.p.job"}
    return Problem(
        **fields | {"severity": Severity.ERROR, "text": "The job failed", "source": Source(job="j-1")} | more
    )


RECORD = Source(connection="c-1", record_type="issuance", record_id="r-1")
RESOLVED: Story = [
    *_reported("p-later", _plain(source=RECORD, text="later"), TIME + 100 * SECOND, case="case-later"),
    (
        "problems",
        "case-later",
        ProblemResolved(
            event_id="resolved-later", case="case-later", by="ann", why="mended", tenant="acme",
            occurred_at=TIME + 101 * SECOND, recorded_at=TIME + 101 * SECOND,
        ),
    ),
]  # fmt: skip
"""A later case of the same record, which was resolved."""

OTHER_RECORD = Source(record_type="issuance", record_id="r-2")
ENDED: Story = [
    event
    for number in (1, 2)
    for event in (
        *_reported(f"p-ended{number}", _plain(source=OTHER_RECORD), TIME + number * SECOND, case=f"case-ended{number}"),
        (
            "problems",
            f"case-ended{number}",
            ProblemResolved(
                event_id=f"resolved-ended{number}", case=f"case-ended{number}", by="ann", tenant="acme",
                occurred_at=TIME + (9 + number) * SECOND, recorded_at=TIME + (9 + number) * SECOND,
            ),
        ),
    )
]  # fmt: skip
"""A record with two cases, both resolved."""

HOSTILE = Problem(
    dialect="canonical", code=EVIL, code_key=EVIL, severity=Severity.ERROR, text=EVIL, conformant=False,
    localized={"en": EVIL}, fix_hint={"en": EVIL}, items=[Item(key=EVIL, value=EVIL)], thread_id="t/../evil ?#%2f",
    violations=[Violation(rule=EVIL, pointer=f"/{EVIL}"), Violation(rule="code-not-lower-case", pointer="/code")],
    source=Source(
        sender=EVIL_PEER, connection="https://evil.example/c?x#y", record_type="job ?&#", record_id="../../cases",
        service=EVIL,
    ),
)  # fmt: skip

MANY = 11
"""Problems of a careless job, one a second."""

STORY: Story = [
    *told_story("acme", "Bob did not say where to"),
    *told_story("globex", "only-globex-knows", report="p-globex", case="case-globex"),
    ("problems", "", TimeoutNoticed(event_id="late-1", thread_id="t-1", connection="c-1", waited=5, choice="wait",
                                    tenant="acme", occurred_at=TIME + 9 * SECOND, recorded_at=TIME + 9 * SECOND)),
    *RESOLVED,
    *ENDED,
    *_reported("p-alone", _plain(), TIME + 30 * SECOND),
    *_reported("p-evil", HOSTILE, TIME + 31 * SECOND, case="case-evil"),
    *(
        event
        for number in range(MANY)
        for event in _reported(
            f"p-many{number}", _plain(source=Source(job="many", connection="c-many")), TIME + (40 + number) * SECOND
        )
    ),
]  # fmt: skip
