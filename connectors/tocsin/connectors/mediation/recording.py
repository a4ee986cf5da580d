"""The event of a step that is no problem: a message that was answered as the table says. Every step is recorded."""

from __future__ import annotations

import time
from collections.abc import Mapping

from tocsin.connectors.mediation.deciding import Context, Decision
from tocsin.schemas.events import ActivityKind, ActivityObserved
from tocsin.schemas.ids import idempotent_id


def reply_observed(
    decision: Decision, context: Context, *, tenant: str, key: str, digest: str | None, detail: Mapping[str, str]
) -> ActivityObserved:
    """The message came in and is answered: an activity, which explains what follows in its thread and tells nobody.
    `key` makes its id, `digest` is the message's, `detail` says more of the step."""
    now = time.time_ns() // 1000
    step = {
        "mediation.scenario": decision.scenario_id,
        "mediation.behaviour": decision.behaviour,
        "mediation.action": str(decision.action),
        "mediation.code": decision.code,
        "mediation.reply_with": decision.reply_with or "",
    }
    return ActivityObserved(
        event_id=idempotent_id(tenant, key, "activity"),
        tenant=tenant,
        occurred_at=now,
        recorded_at=now,
        kind=ActivityKind.MESSAGE_RECEIVED,
        message_id=context.message_id,
        message_type=context.message_type,
        thread_id=context.thread_id or context.message_id,
        digest=digest,
        detail={name: text for name, text in (step | dict(detail)).items() if text},
    )
