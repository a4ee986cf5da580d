"""Who is told what: one delivery request for each endpoint, in the form that the endpoint takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tocsin.connectors.tracing import trace
from tocsin.schemas.events import DeliveryRequested, EventBase
from tocsin.schemas.ids import derived_id
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.config import NOTIFICATION
from tocsin.streams.rules.context.threads import clip
from tocsin.streams.rules.decision import DELIVERIES
from tocsin.streams.rules.derive import about as common_fields
from tocsin.streams.rules.documents import document_of, for_peer, media_type_of
from tocsin.streams.rules.limit_notice import limit_notice
from tocsin.streams.rules.notification import CONTENT_TYPE, MAX_BODY, Notice, body_of, body_of_notice, instance_of
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.verdict import Limit
from tocsin.streams.rules.wording import wording_of


def request_delivery(
    turn: Turn,
    cause: EventBase,
    endpoint: str,
    body: bytes,
    *,
    about: str,
    case: str | None,
    thread: str | None,
    content_type: str = CONTENT_TYPE,
    tracestate: str | None = None,
) -> None:
    """Ask for one delivery of `body`, in the lane of the thread, in the trace of `cause` and its state `tracestate`.

    `about` is the id of the event that is told; with the endpoint it makes the delivery's id, so that the same thing
    told twice is delivered once.
    """
    delivery_id = derived_id("delivery", about, endpoint)
    request = DeliveryRequested(
        **common_fields(cause, delivery_id, turn.now),
        delivery_id=delivery_id,
        endpoint=endpoint,
        lane=f"{cause.tenant}/{clip(thread)}" if thread else None,  # as rows remember it, for those that tell of a row
        case=case,
        about=about,
        content_type=content_type,
        body=body,
        tracestate=tracestate,
    )
    turn.emit(DELIVERIES, endpoint, request)


def notify(
    turn: Turn,
    cause: EventBase,
    kind: str,
    endpoints: Iterable[str],
    data: Mapping[str, Any],
    *,
    about: str,
    case: str | None = None,
    thread: str | None = None,
    problem: Problem | None = None,
    tracestate: str | None = None,
) -> None:
    """Send these endpoints a notification of this kind (`notification.body_of`) about the event `about`, in the trace
    of `cause` and its state `tracestate`.

    An endpoint that takes a dialect's documents is sent `problem` in its dialect, and nothing when the notification is
    not about a single problem or the dialect cannot say it.
    """
    told = tuple(endpoints)
    limit, bodies = _limit(turn, told), dict[tuple[str, ...], bytes]()
    about_problem = problem if problem is not None else data.get("problem")
    for name in told:
        endpoint = turn.config.book.endpoints.get(name)
        if endpoint is None or endpoint.body == NOTIFICATION:
            languages = turn.config.book.languages_of(name, cause.tenant)
            if languages not in bodies:
                said = dict(data) | trace(cause.traceparent, tracestate)
                if languages and isinstance(about_problem, Problem):
                    said["wording"] = wording_of(about_problem, languages, None)
                bodies[languages] = body_of(kind, cause.occurred_at, said, limit)
            request_delivery(
                turn, cause, name, bodies[languages], about=about, case=case, thread=thread, tracestate=tracestate
            )  # fmt: skip
            continue
        document = document_of(problem, endpoint.body, instance_of(about), limit) if problem is not None else None
        if document is not None:
            form = media_type_of(endpoint.body)
            request_delivery(
                turn, cause, name, document, about=about, case=case, thread=thread, content_type=form,
                tracestate=tracestate,
            )  # fmt: skip


def notify_of_problem(turn: Turn, report: Report, notice: Notice) -> None:
    """Send the report's endpoints the problem that was opened or repeated, each in the form that it takes: our
    notification, or the problem in a dialect; to a peer no more than it may know, and to one that was told too much the
    limit notice instead.

    What a dialect cannot say is told to an owner or operator as a notification; a peer was asked about before (stage
    `audience`).
    """
    bodies: dict[_Form, bytes] = {}
    limit = _limit(turn, report.endpoints)
    for name in report.endpoints:
        endpoint = turn.config.book.endpoints.get(name)
        form = notification = _Form(language=turn.config.book.languages_of(name, report.tenant))
        if endpoint is not None and endpoint.body != NOTIFICATION:
            form = _Form(
                body=endpoint.body, peer=endpoint.audience == "peer", over_limit=name in report.over_limit
            )  # fmt: skip
        for each in (form, notification):
            if each not in bodies:
                bodies[each] = _body(turn, report, notice, each, limit)
            if bodies[each]:
                form = each
                break
        request_delivery(
            turn, notice, name, bodies[form], about=report.event.event_id, case=notice.case,
            thread=report.lane,
            content_type=CONTENT_TYPE if form.body == NOTIFICATION else media_type_of(form.body),
            tracestate=notice.tracestate,
        )  # fmt: skip


class _Form(NamedTuple):
    """What an endpoint is sent: endpoints of the same form get the same bytes."""

    body: str = NOTIFICATION
    peer: bool = False
    over_limit: bool = False
    language: tuple[str, ...] = ()


def _body(turn: Turn, report: Report, notice: Notice, form: _Form, limit: int) -> bytes:
    """Empty when the dialect cannot say it."""
    if form.body == NOTIFICATION:
        wording = wording_of(notice.problem, form.language, notice.thread.protocol) if form.language else {}
        return body_of_notice(notice, report.event.occurred_at, turn.config.public_url, limit, wording)
    problem = report.problem
    if form.over_limit:
        problem = limit_notice(problem, Limit.PEER_THREAD, turn.limits.peer_thread).instead or problem
    elif form.peer:
        problem = for_peer(problem, report.context.trust)
    return document_of(problem, form.body, instance_of(report.event.event_id), limit) or b""


def _limit(turn: Turn, endpoints: tuple[str, ...]) -> int:
    """Bytes of one body: all about one problem have a bound together."""
    return min(MAX_BODY, turn.config.bodies // max(1, len(endpoints)))
