"""A tenant with a usual day behind it: codes, peers, cases in every state, deliveries, silences."""

from __future__ import annotations

from typing import Any

from tests.harness.stored import Story
from tocsin.schemas.events import (
    ActivityKind,
    ActivityObserved,
    DeliveryAttempt,
    DeliveryOutcome,
    DeliveryRequested,
    EscalationAcknowledged,
    EscalationRaised,
    EscalationSnoozed,
    EscalationStepped,
    Event,
    Matcher,
    MatchOperator,
    Outcome,
    ProblemOpened,
    ProblemRepeated,
    ProblemReported,
    ProblemResolved,
    ProblemSuppressed,
    SilenceSet,
    ThreadContext,
    TimeoutNoticed,
)
from tocsin.schemas.problem import Problem, Severity, Source, Violation

SECOND = 1_000_000
MINUTE, HOUR = 60 * SECOND, 3600 * SECOND

PEERS = (
    "did:peer:2.Ez6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc.Vz6MkqRYqQiSgvZQdnBytw86Qbs2ZWUkGv22od935YF4s8M7V",
    "did:web:wallet.harbour.example", "did:sov:WgWxqztrNooG92RXvxSTWv",
)  # fmt: skip

KINDS: tuple[tuple[str, str, Severity, str], ...] = (
    ("e.p.xfer.cant-use-endpoint", "didcomm-2.0", Severity.ERROR, "Cannot use https://agents.r.us/inbox"),
    ("issuance-abandoned", "aries-rfc0035", Severity.ERROR, "The holder abandoned the exchange"),
    ("e.m.req.time", "didcomm-2.0", Severity.ERROR, "The message expired before it could be processed"),
    ("ledger_timeout", "canonical", Severity.WARNING, "The ledger did not answer within 30 s; the job will run again"),
    ("w.m.msg.unsupported-version", "didcomm-2.0", Severity.WARNING, "present-proof 1.0 is not supported"),
    ("urn:problem:revocation-registry-full", "rfc9457", Severity.ERROR, "Revocation registry 4:CL:27 is full"),
)  # fmt: skip

THREAD = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
AS_LONG_AS_REAL = "9d2fc1b04e7a4c0f8b36a5d1"
CASE, EVIL = f"case-000-{AS_LONG_AS_REAL}", f"case-evil-{AS_LONG_AS_REAL}"
HOSTILE = "<script>document.title='owned'</script><img src=x onerror=alert(1)>\x1b[31m\u202etxt.exe " + "W" * 300


def busy_story(tenant: str, now: int, problems: int = 60) -> Story:
    """What happened in the last day up to `now`, in microseconds."""
    story: list[tuple[str, str, Event]] = []
    for number in range(problems):
        at = now - (problems - number) ** 2 * 20 * SECOND - 40 * SECOND
        story += _case(tenant, number, at) if number % 3 != 2 else _again(tenant, number, at)
    story += _reported(tenant, "p-evil", _hostile(), now - 90 * SECOND, EVIL)
    story += [_silence(tenant, number, now) for number in range(3)]
    return sorted(story, key=lambda one: one[2].recorded_at)


def _base(tenant: str, at: int) -> dict[str, Any]:
    return {"tenant": tenant, "occurred_at": at - 2 * SECOND, "recorded_at": at}


def _problem(number: int) -> Problem:
    code, dialect, severity, text = KINDS[number * 7 % len(KINDS)]
    thread = THREAD if number % 10 == 0 else f"{number:08x}-5717-4562-b3fc-2c963f66afa6"
    broken = [
        Violation(rule="code-not-lower-case", pointer="/body/code"),
        Violation(rule="no-thread", pointer="/pthid"),
    ]
    return Problem(
        dialect=dialect, code=code, code_key=code, severity=severity, text=text, thread_id=thread,
        conformant=number % 4 != 0, violations=broken[: 1 + number % 2] if number % 4 == 0 else [],
        source=Source(
            connection=f"connection-{number % 4}", sender=PEERS[number % len(PEERS)], service="issuer",
            record_type="issuance", record_id=f"cred-ex-{number % 8}", protocol="https://didcomm.org/issue-credential/2.0",
        ),
    )  # fmt: skip


def _hostile() -> Problem:
    return Problem(
        dialect="canonical", code=HOSTILE[:120], code_key=HOSTILE[:120], severity=Severity.ERROR, text=HOSTILE,
        thread_id=HOSTILE[:80], conformant=False,
        violations=[Violation(rule="code-not-lower-case", pointer=HOSTILE[:60])],
        fix_hint={"en": HOSTILE}, source=Source(sender=HOSTILE[:90], connection=HOSTILE[:70], service=HOSTILE[:60]),
    )  # fmt: skip


def _context(told: Problem, at: int) -> ThreadContext:
    return ThreadContext(
        thread_id=told.thread_id or "", first_seen=at - MINUTE, last_seen=at, state="offer-sent",
        connection=told.source.connection, record_type=told.source.record_type, record_id=told.source.record_id,
    )  # fmt: skip


def _reported(tenant: str, report: str, told: Problem, at: int, case: str) -> Story:
    base = _base(tenant, at)
    opened = ProblemOpened(
        event_id=f"o-{report}", case=case, report=report, problem=told, thread=_context(told, at), **base
    )
    return [
        ("inbox", tenant, ProblemReported(event_id=report, problem=told, raw=b'{"@type": "..."}', **base)),
        ("problems", case, opened),
    ]


def _case(tenant: str, number: int, at: int) -> Story:
    case, report, told = f"case-{number:03}-{AS_LONG_AS_REAL}", f"p-{number:03}", _problem(number)
    base = _base(tenant, at)
    story = [
        *_activity(tenant, number, told, at), *_reported(tenant, report, told, at, case),
        *_delivery(tenant, report, case, number, at),
    ]  # fmt: skip
    if number % 2 == 0:
        raised = EscalationRaised(event_id=f"e-{report}", case=case, policy="on-call", report=report, **base)
        stepped = EscalationStepped(
            event_id=f"s-{report}", case=case, policy="on-call", step=0, endpoints=["ops-webhook"], **base
        )
        story += [("escalations", case, raised), ("escalations", case, stepped)]
    later = _base(tenant, at + 30 * SECOND)
    became: dict[int, Event] = {
        1: EscalationAcknowledged(event_id=f"k-{report}", case=case, by="ann", why="looking at it", **later),
        2: EscalationSnoozed(event_id=f"z-{report}", case=case, by="bo", until=at + 30 * HOUR, **later),
        3: ProblemResolved(event_id=f"r-{report}", case=case, by="ann", why="the endpoint is back", **later),
    }  # fmt: skip
    if found := became.get(number // 2 % 5):
        topic = "problems" if isinstance(found, ProblemResolved) else "escalations"
        story.append((topic, case, found))
    return story


def _again(tenant: str, number: int, at: int) -> Story:
    report, told, base = f"p-{number:03}", _problem(number - 2), _base(tenant, at)
    case = f"case-{number - 2:03}-{AS_LONG_AS_REAL}"
    after: Event = ProblemRepeated(
        event_id=f"o-{report}", case=case, report=report, problem=told, thread=_context(told, at), count=2, **base
    )
    if number % 2:
        reason = ("identical", "ping_pong", "thread_budget")[number // 6 % 3]
        after = ProblemSuppressed(
            event_id=f"o-{report}", case=case, report=report, reason=reason, survivor="p-000", **base
        )
    return [
        ("inbox", tenant, ProblemReported(event_id=report, problem=told, raw=b"{}", **base)),
        ("problems", case, after),
    ]


def _activity(tenant: str, number: int, told: Problem, at: int) -> Story:
    kinds = ("propose-credential", "offer-credential", "request-credential")
    ways = (ActivityKind.MESSAGE_RECEIVED, ActivityKind.MESSAGE_SENT)
    story: list[tuple[str, str, Event]] = [
        (
            "inbox",
            tenant,
            ActivityObserved(
                event_id=f"a-{number}-{step}", kind=ways[step % 2], thread_id=told.thread_id,
                connection=told.source.connection, message_type=f"https://didcomm.org/issue-credential/2.0/{kinds[step]}",
                record_type="issuance", record_id=told.source.record_id, **_base(tenant, at - (4 - step) * 10 * SECOND),
            ),
        )
        for step in range(3)
    ]  # fmt: skip
    if number % 6 == 0:
        late = TimeoutNoticed(
            event_id=f"late-{number}", thread_id=told.thread_id, connection=told.source.connection, waited=40 * SECOND,
            expected=15 * SECOND, choice="wait", **_base(tenant, at - SECOND),
        )  # fmt: skip
        story.append(("problems", "", late))
    return story


def _delivery(tenant: str, report: str, case: str, number: int, at: int) -> Story:
    endpoint = ("ops-webhook", "oncall-mail", "partner-didcomm")[number % 3]
    same: dict[str, Any] = {"delivery_id": f"d-{report}", "endpoint": endpoint}
    body: dict[str, Any] = {"about": report, "content_type": "application/json", "body": b"{}"}
    ends = [Outcome.DELIVERED] if number % 4 else [Outcome.RETRY_LATER, Outcome.RETRY_LATER, Outcome.REJECTED]
    story: list[tuple[str, str, Event]] = [
        (
            "deliveries",
            endpoint,
            DeliveryRequested(event_id=f"q-{report}", case=case, **body, **same, **_base(tenant, at)),
        )
    ]
    for attempt, outcome in enumerate(ends, 1):
        when = _base(tenant, at + attempt * 5 * SECOND)
        said = {Outcome.DELIVERED: ("delivered", 200), Outcome.RETRY_LATER: ("timeout", None)}.get(
            outcome, ("http-410", 410)
        )
        made = DeliveryAttempt(event_id=f"t{attempt}-{report}", attempt=attempt, **body, **same, **when)
        ended = DeliveryOutcome(
            event_id=f"x{attempt}-{report}", attempt=attempt, outcome=outcome, reason=said[0], status=said[1],
            duration=180_000, **same, **when,
        )  # fmt: skip
        story += [("attempts", endpoint, made), ("deliveries", endpoint, ended)]
    return story


def _silence(tenant: str, number: int, now: int) -> tuple[str, str, Event]:
    why = (None, "maintenance of the ledger until noon", "known: ticket 4711")[number]
    matcher = Matcher(field="code", operator=MatchOperator.EQUAL, value=KINDS[number][0])
    return (
        "settings",
        f"silence-{number}",
        SilenceSet(
            event_id=f"set-{number}", silence=f"silence-{number}", matchers=[matcher], by="ann", why=why,
            starts_at=now - HOUR, ends_at=now + (number + 1) * HOUR, **_base(tenant, now - HOUR),
        ),
    )  # fmt: skip
