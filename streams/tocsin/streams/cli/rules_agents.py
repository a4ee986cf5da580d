"""For `tocsin rules check` and `test`: which DIDComm agent an endpoint tells, in which form, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tocsin.schemas.events import DeliveryRequested, Event, ProblemOpened, ProblemRepeated, ProblemReported
from tocsin.streams.rules.addressee import Addressee
from tocsin.streams.rules.config import AUTO, Endpoint, RuleBook
from tocsin.streams.rules.decision import Decision, Emit
from tocsin.streams.rules.peers.addressing import addressee_of
from tocsin.streams.rules.replay import Replay
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.stages.audience import why_not
from tocsin.streams.rules.stages.route import matching
from tocsin.streams.rules.turn import Turn


def agents_of(book: RuleBook) -> dict[str, str]:
    """Whom each endpoint tells that tells by DIDComm, and in which form, in words."""
    return {name: _described(book.endpoints[name]) for name in sorted(book.by_didcomm)}


def _described(endpoint: Endpoint) -> str:
    recipient = endpoint.recipient
    assert recipient is not None
    if recipient.did is not None:
        whom = recipient.did
    elif recipient.connection is not None:
        whom = f"the other side of connection {recipient.connection}"
    else:
        whom = "the other side of the connection that a report is about"
    form = "what that agent understands" if endpoint.body == AUTO else endpoint.body
    return f"tells {whom} ({endpoint.audience}) in {form}"


def agents_told(replay: Replay, event: Event | None, decisions: list[Decision]) -> Iterator[dict[str, Any]]:
    """For each endpoint that tells by DIDComm: who is told because of an event, or why the peer is not."""
    book, emitted = replay.config.book, [one.event for one in decisions if isinstance(one, Emit)]
    if not book.by_didcomm:
        return
    report = _report(event, emitted)
    turn = Turn(replay.rows, replay.now, replay.config, event.tenant if event is not None else "")
    for one in emitted:
        if isinstance(one, DeliveryRequested) and one.endpoint in book.by_didcomm:
            turn.begin(replay.now, replay.config, one.tenant, one.tenant)
            yield _told(one, addressee_of(turn, book.endpoints[one.endpoint], report))
    if report is None:
        return
    told = {one.endpoint for one in emitted if isinstance(one, DeliveryRequested)}
    matched = matching(book.routes, report.facts)
    wanted = {name for one in matched for name in one.route.endpoints} & book.by_didcomm
    for name in sorted(wanted - told):
        known = addressee_of(turn, book.endpoints[name], report) is not None
        reason = why_not(turn, report) or ("its budget, or the form" if known else "nobody knows the peer's DID")
        yield {"does": "PeerNotTold", "endpoint": name, "reason": reason}


def _told(request: DeliveryRequested, to: Addressee | None) -> dict[str, Any]:
    message = json.loads(request.body)
    said = {
        "does": "PeerTold",
        "endpoint": request.endpoint,
        "peer": request.peer,
        "own": request.own,
        "connection": request.connection,
        "message_type": message.get("@type", message.get("type")),
        "found": None if to is None else to.found,
        "chosen": None if to is None else to.chosen,
    }
    return {name: value for name, value in said.items() if value is not None}


def _report(event: Event | None, emitted: list[Event]) -> Report | None:
    """The report with the context in which it was decided about."""
    if not isinstance(event, ProblemReported):
        return None
    notice = next((one for one in emitted if isinstance(one, ProblemOpened | ProblemRepeated)), None)
    if notice is None:
        return Report(event)
    return Report(event, notice.case, notice.thread)
