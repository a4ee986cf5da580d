"""Traffic for `decide` with all of its rules on: three messages or changes for each problem, and a rules file."""

from __future__ import annotations

from tests.bench.plain_traffic import START, TENANTS
from tocsin.connectors.publish import Origin, problem, problem_reported
from tocsin.schemas.codec import encode
from tocsin.schemas.events import ActivityKind, ActivityObserved
from tocsin.schemas.problem import Source

PROTOCOL = "https://didcomm.org/issue-credential/3.0"
CODES = ("e.p.xfer.cant-use-endpoint", "e.p.me.res.storage", "w.p.req.time", "e.p.msg.bad-lang")
STORY = 4
"""Events of one thread: a message goes out, its reply comes, a record changes, a problem is reported."""

RULES = f"""\
endpoints:
  issuer-team: {{sink: memory}}
  wallet-desk: {{sink: memory}}
  operators: {{sink: memory}}
default_route: operators
limits:
  thread_errors: 50
  connection_errors: 20
  repeat_window: 60s
timeouts:
  - messages: [{PROTOCOL}/request-credential]
    floor: 1d
  - floor: 30s
    unlearned: 5m
escalations:
  night:
    steps:
      - wait: 15m
        endpoints: operators
      - wait: 30m
        endpoints: [operators, wallet-desk]
        repeat: {{every: 15m, times: 3}}
routes:
  - name: issuing
    match: {{protocol: [issue-credential, present-proof], severity: error}}
    endpoints: issuer-team
    escalate: night
    routes:
      - name: storage
        match: {{code: e.p.me.res}}
        endpoints: operators
  - name: wallets
    match: {{tenant: [tenant-1, tenant-2], code: e.p}}
    endpoints: [wallet-desk, operators]
  - name: warnings
    match: {{severity: warning}}
    endpoints: wallet-desk
"""


def tenant_of(number: int) -> str:
    """All of a thread is of one tenant."""
    return f"tenant-{number // STORY % TENANTS}"


def event(number: int) -> bytes:
    """Event `number` as it lies in `inbox`."""
    thread, place = divmod(number, STORY)
    if place == STORY - 1:
        return _problem(number, thread)
    kind = (ActivityKind.MESSAGE_SENT, ActivityKind.MESSAGE_RECEIVED, ActivityKind.RECORD_CHANGED)[place]
    is_record = kind is ActivityKind.RECORD_CHANGED
    observed = ActivityObserved(
        event_id=f"019ab7c1-5f00-7000-8000-{number:012x}",
        tenant=tenant_of(number),
        occurred_at=START + number,
        recorded_at=START + number,
        kind=kind,
        connection=f"connection-{thread % 5000}",
        message_id=None if is_record else f"message-{number}",
        message_type=None if is_record else f"{PROTOCOL}/{('propose', 'offer')[place]}-credential",
        thread_id=f"thread-{thread}",
        record_type="credential-exchange" if is_record else None,
        record_id=f"record-{thread}" if is_record else None,
        record_state="offer-received" if is_record else None,
    )
    return encode(observed)


def _problem(number: int, thread: int) -> bytes:
    told = problem(
        CODES[thread % len(CODES)],
        text_template="Unable to use the {1} endpoint for {2}.",
        args=["https://agents.r.us/inbox", "did:sov:C805sNYhMrjHiqZDTUASHg"],
        thread_id=f"thread-{thread}",
        message_id=f"message-{number}",
        source=Source(connection=f"connection-{thread % 5000}", protocol=PROTOCOL),
    )
    origin = Origin(tenant=tenant_of(number), event_id=f"019ab7c1-5f00-7000-8000-{number:012x}")
    return encode(problem_reported(told, origin, now=START + number))
