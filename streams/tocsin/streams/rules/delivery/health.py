"""Whether an endpoint takes what it is sent: what is counted of it, and what its operators are told.

They are told of a change, once: that it fails, that it was switched off, and, by the end of that case, that it takes
letters again, and how many it missed. What is told may go to the very endpoint; that it fails there changes nothing, so
that it leads to no further report.
Deliveries that died are told of together: the first at once, what follows after an hour, two, four, ... a day at most.
Those of our own reports are not counted: nothing that is told leads to something that is told.
"""

from __future__ import annotations

from typing import Literal

from msgspec.structs import replace

from tocsin.connectors.outcomes import Reason
from tocsin.schemas.events import CommandIssued, CommandKind, DeliveryOutcome, Outcome, ProblemReported
from tocsin.schemas.ids import derived_id
from tocsin.schemas.problem import Problem, Severity, Source
from tocsin.streams.rules.context.threads import clip
from tocsin.streams.rules.decision import BUS, INBOX, Emit
from tocsin.streams.rules.delivery import gate
from tocsin.streams.rules.delivery.deliveries import Deliveries
from tocsin.streams.rules.delivery.schedule import digest_at
from tocsin.streams.rules.notification import timestamp
from tocsin.streams.rules.state import EndpointRow
from tocsin.streams.rules.values import HOUR, MINUTE

FAILURES = 3
FAILING_AFTER = MINUTE
"""An endpoint fails when so many attempts, and for so long (microseconds), went wrong and none well."""

MAX_ERROR = 200
"""Characters of the last error that are remembered."""

WATCH = "tocsin endpoints"
"""Who resolves what was told. Not the bus as such, whose resolve gives way to a report that came later: here the report
may be decided after the endpoint was well again."""

FAILING, DISABLED = "w.m.me.res.endpoint-failing", "e.m.me.res.endpoint-disabled"
EXHAUSTED = "e.m.me.res.delivery-exhausted"
"""The codes of what is told: a shortage of ours, of which operators hear whatever the route (`stages.audience`)."""


def standing_of(row: EndpointRow) -> Literal["enabled", "failing", "disabled", "removed"]:
    """How an endpoint stands: one that is enabled may be failing."""
    return "failing" if row.status == "enabled" and row.failures >= FAILURES else row.status


UNTOLD = frozenset(("gone", "endpoint_removed"))
"""Why a delivery may die without being told of: it was told of its endpoint, or a person wanted it."""


OF_ONE = frozenset((Reason.UNACCEPTABLE, Reason.NO_PEER, Reason.NO_KEY, Reason.NO_SERVICE))
"""Why a DIDComm peer was sent nothing, when that is the delivery's own matter, which says who tells and in which form:
one tenant's must not hold up another's at a peer."""


def note_other_tenant(deliveries: Deliveries) -> None:
    """Nothing was sent, since it is not this tenant's to send: that is no failure of the endpoint."""
    state = deliveries.found()
    if state is not None:
        deliveries.keep(gate.not_asked(state, deliveries.now))


def note_failure(deliveries: Deliveries, outcome: DeliveryOutcome, error: str) -> None:
    """An attempt went wrong. That is told after a while; an endpoint that took nothing for much longer is disabled. Not
    of one of the peers that an endpoint tells: that it is away is its own matter, and what died is told together."""
    state, now, policy = deliveries.state(), deliveries.now, deliveries.policy
    since = now if state.failing_since is None else state.failing_since
    state = replace(state, failures=state.failures + 1, failing_since=since, last_error=error[:MAX_ERROR])
    if gate.is_refusal(outcome):
        state = gate.has_read(state)
    elif deliveries.peer and outcome.status is None and outcome.reason in OF_ONE:
        state = gate.not_asked(state, now)
    elif outcome.outcome is not Outcome.REJECTED:
        state = gate.went_wrong(state, policy, now, outcome)
    if deliveries.peer:
        deliveries.keep(replace(state, since=now))
        return
    often = state.failures >= FAILURES and state.status == "enabled"
    if often and 0 < policy.disabled_after <= now - since:
        deliveries.endpoints.replace(deliveries.endpoints.own_key(), state)
        deliveries.disable()
        state = deliveries.state()
        hours = (now - since) // HOUR
        told = _tell(deliveries, DISABLED, Severity.ERROR, _off(state, f"has taken nothing for {hours} h", deliveries))
        state = replace(state, told=(*state.told, *told))
    elif often and len(state.told) <= state.digests and now - since >= FAILING_AFTER:  # of deaths alone, if at all
        name = clip(state.endpoint)
        text = (
            f"Endpoint {name} has taken nothing since {timestamp(since)}: {state.failures} attempts failed, the last "
            f"with {state.last_error}. Deliveries wait and are tried again; `tocsin endpoint disable {name}` keeps "
            "them all until it is enabled."
        )
        state = replace(state, told=(*state.told, *_tell(deliveries, FAILING, Severity.WARNING, text)))
    deliveries.keep(state)


def note_success(deliveries: Deliveries) -> None:
    """An attempt went well: what was told of the endpoint is over, unless it was switched off meanwhile."""
    state = deliveries.found()
    if state is None:
        return
    if state.status != "enabled":
        deliveries.keep(replace(gate.went_well(state), missed=state.missed, digests=state.digests))
        return
    if state.told:
        missed = f"; {_count(state.missed)} died meanwhile, see `tocsin dead list`" if state.missed else ""
        _resolve(deliveries, state.told, f"endpoint {clip(state.endpoint)} takes deliveries again{missed}")
        state = replace(state, told=())
    deliveries.keep(gate.went_well(state))


def note_gone(deliveries: Deliveries) -> None:
    """The endpoint said that it is gone, and was switched off."""
    state = replace(deliveries.state(), last_error="gone (410)")
    told = _tell(deliveries, DISABLED, Severity.ERROR, _off(state, "answered that it is gone (410)", deliveries))
    deliveries.keep(replace(state, told=(*state.told, *told)))


def _off(state: EndpointRow, why: str, deliveries: Deliveries) -> str:
    name = clip(state.endpoint)
    return (
        f"Endpoint {name} {why} and was switched off: what is for it is parked, and dead after "
        f"{deliveries.config.disabled_limit // HOUR} h. `tocsin endpoint enable {name}` gets it back."
    )


def note_deaths(deliveries: Deliveries) -> None:
    """Deliveries died in this event: they are counted, and told of unless others were told of a short time ago."""
    if deliveries.config.operators is None:
        return
    deliveries.peer = ""
    state = deliveries.state()
    dead = sum(reason not in UNTOLD for reason in deliveries.died)
    if state.status != "removed":
        last = deliveries.died[-1]
        state = replace(state, dead=state.dead + dead, missed=state.missed + len(deliveries.died))
        deliveries.keep(_deaths_told(deliveries, state, last) if not state.digested_at else state)


def tell_deaths(deliveries: Deliveries) -> None:
    """The endpoint's timer is due: tell what died since the last report, or forget that there was one."""
    state = deliveries.state()
    if state.digested_at and digest_at(state) <= deliveries.now:
        deliveries.keep(_deaths_told(deliveries, replace(state, digested_at=0)))


def _deaths_told(deliveries: Deliveries, state: EndpointRow, last: str = "") -> EndpointRow:
    if not state.dead:
        return state
    name = clip(state.endpoint)
    why = f" ({last})" if last else " since the last report of it"
    text = (
        f"{_count(state.dead)} for endpoint {name} died{why}. `tocsin dead list` shows what it did not get and why, "
        "`tocsin dead replay` sends it again; `tocsin endpoint list` says how the endpoint is."
    )
    told = _tell(deliveries, EXHAUSTED, Severity.ERROR, text)
    return replace(state, dead=0, digests=state.digests + 1, digested_at=deliveries.now, told=(*state.told, *told))


def _count(deliveries: int) -> str:
    return "1 delivery" if deliveries == 1 else f"{deliveries} deliveries"


def note_removed(deliveries: Deliveries) -> None:
    """The endpoint was given up: so is what was told of it."""
    state = deliveries.state()
    _resolve(deliveries, state.told, f"endpoint {clip(state.endpoint)} was removed")
    deliveries.keep(replace(gate.went_well(state), told=(), dead=0, digested_at=0))


def _tell(deliveries: Deliveries, code: str, severity: Severity, text: str) -> tuple[str, ...]:
    """Report it, to whomever the rules tell of it; the ids of what was reported."""
    tenant, now = deliveries.config.operators, deliveries.now
    if tenant is None:
        return ()
    problem = Problem(
        dialect="canonical",
        code=code,
        code_key=code,
        category="me.res",
        severity=severity,
        scope="message",
        text=text,
        source=Source(service=BUS, side="own", record_type="endpoint", record_id=clip(deliveries.endpoint)),
    )
    event_id = derived_id("endpoint-told", code, deliveries.endpoint, str(now))
    event = ProblemReported(event_id=event_id, tenant=tenant, occurred_at=now, recorded_at=now, problem=problem)
    deliveries.decisions.append(Emit(INBOX, tenant, event))
    return (event_id,)


def _resolve(deliveries: Deliveries, told: tuple[str, ...], why: str) -> None:
    tenant, now = deliveries.config.operators, deliveries.now
    for report in told if tenant is not None else ():
        resolve = CommandIssued(
            event_id=derived_id("endpoint-over", report), tenant=tenant or BUS, occurred_at=now, recorded_at=now,
            kind=CommandKind.RESOLVE, target=report, by=WATCH, why=why,
        )  # fmt: skip
        deliveries.decisions.append(Emit(INBOX, resolve.tenant, resolve))
