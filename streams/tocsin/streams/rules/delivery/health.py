"""Whether an endpoint takes what it is sent: what is counted of it, and what its operators are told.

They are told of a change, once: that it fails, that it was switched off, and, by the end of that case, that it takes
letters again. What is told may go to the very endpoint; that it fails there changes nothing, so that it leads to no
further report.
"""

from __future__ import annotations

from typing import Literal

from msgspec.structs import replace

from tocsin.schemas.events import CommandIssued, CommandKind, ProblemReported
from tocsin.schemas.ids import derived_id
from tocsin.schemas.problem import Problem, Severity, Source
from tocsin.streams.rules.context.threads import clip
from tocsin.streams.rules.decision import BUS, INBOX, Emit
from tocsin.streams.rules.delivery.deliveries import Deliveries
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
"""The codes of what is told: a shortage of ours, of which operators hear whatever the route (`stages.audience`)."""


def standing_of(row: EndpointRow) -> Literal["enabled", "failing", "disabled", "removed"]:
    """How an endpoint stands: one that is enabled may be failing."""
    return "failing" if row.status == "enabled" and row.failures >= FAILURES else row.status


def note_failure(deliveries: Deliveries, error: str) -> None:
    """An attempt went wrong."""
    state, now = deliveries.state(), deliveries.now
    since = now if state.failing_since is None else state.failing_since
    state = replace(state, failures=state.failures + 1, failing_since=since, last_error=error[:MAX_ERROR])
    if not state.told and state.failures >= FAILURES and now - since >= FAILING_AFTER and state.status == "enabled":
        name = clip(state.endpoint)
        text = (
            f"Endpoint {name} has taken nothing since {timestamp(since)}: {state.failures} attempts failed, the last "
            f"with {state.last_error}. Deliveries are tried again by their schedule; `tocsin endpoint disable {name}` "
            "parks them meanwhile."
        )
        state = replace(state, told=_tell(deliveries, FAILING, Severity.WARNING, text))
    deliveries.endpoints.replace(deliveries.endpoints.key(), state)


def note_success(deliveries: Deliveries) -> None:
    """An attempt went well: what was told of the endpoint is over, unless it was switched off meanwhile."""
    state = deliveries.endpoints.find()
    if state is None or not (state.failures or state.told):
        return
    over = state.status == "enabled"
    if over:
        _resolve(deliveries, state.told, f"endpoint {clip(state.endpoint)} takes deliveries again")
    state = replace(state, failures=0, failing_since=None, last_error="", told=() if over else state.told)
    if over and state.parked is None:
        deliveries.endpoints.delete(deliveries.endpoints.key())
    else:
        deliveries.endpoints.replace(deliveries.endpoints.key(), state)


def note_gone(deliveries: Deliveries) -> None:
    """The endpoint said that it is gone, and was switched off."""
    name = clip(deliveries.endpoint)
    text = (
        f"Endpoint {name} answered that it is gone (410) and was switched off: what is for it is parked, and dead "
        f"after {deliveries.config.disabled_limit // HOUR} h. `tocsin endpoint enable {name}` gets it back."
    )
    state = replace(deliveries.state(), last_error="gone (410)")
    told = _tell(deliveries, DISABLED, Severity.ERROR, text)
    deliveries.endpoints.replace(deliveries.endpoints.key(), replace(state, told=(*state.told, *told)))


def note_removed(deliveries: Deliveries) -> None:
    """The endpoint was given up: so is what was told of it."""
    state = deliveries.state()
    _resolve(deliveries, state.told, f"endpoint {clip(state.endpoint)} was removed")
    forgotten = replace(state, failures=0, failing_since=None, told=())
    deliveries.endpoints.replace(deliveries.endpoints.key(), forgotten)


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
