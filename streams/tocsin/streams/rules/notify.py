"""Who is told what: one delivery request for each endpoint, in the form that the endpoint takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tocsin.connectors.tracing import trace
from tocsin.schemas.events import DeliveryRequested, EventBase
from tocsin.schemas.ids import derived_id
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.addressee import Addressee
from tocsin.streams.rules.bodies import Bodies
from tocsin.streams.rules.context.threads import clip
from tocsin.streams.rules.decision import DELIVERIES
from tocsin.streams.rules.derive import about as common_fields
from tocsin.streams.rules.documents import for_peer
from tocsin.streams.rules.limit_notice import limit_notice_for_peer
from tocsin.streams.rules.notification import CONTENT_TYPE, MAX_BODY, Notice, body_of, body_of_notice
from tocsin.streams.rules.peers.addressing import addressees_of
from tocsin.streams.rules.peers.learning import note_told
from tocsin.streams.rules.report import NOBODY, Report
from tocsin.streams.rules.turn import Turn
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
    to: Addressee | None = None,
    published_at: int = 0,
) -> None:
    """Ask for one delivery of `body`, in the lane of the thread, in the trace of `cause` and its state `tracestate`; to
    the DIDComm agent `to`, if the endpoint tells one. `published_at` is when the problem was, if it tells of one.

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
        published_at=published_at,
    )
    if to is not None:
        request = msgspec.structs.replace(request, peer=to.peer, own=to.own, connection=clip(to.connection))
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

    An endpoint that takes a dialect's documents is sent `problem` in its dialect, if the notification is about a single
    problem. Peers are sent nothing: they are told of problems, never of what people do about them.
    """
    told = tuple(endpoints)
    limit = _limit(turn, told)
    about_problem = problem if problem is not None else data.get("problem")

    def notification(languages: tuple[str, ...], limit: int) -> bytes:
        said = dict(data) | trace(cause.traceparent, tracestate)
        if languages and isinstance(about_problem, Problem):
            said["wording"] = wording_of(about_problem, languages, None)
        return body_of(kind, cause.occurred_at, said, limit)

    by_didcomm = turn.config.book.by_didcomm if problem is not None else ()
    addressees = addressees_of(turn, told, None, problem) if by_didcomm else NOBODY
    bodies = Bodies(
        turn.config.book, cause.tenant, limit, notification, about=about, occurred_at=cause.occurred_at,
        public_url=turn.config.public_url, problem=problem, addressees=addressees, lane=thread,
    )  # fmt: skip
    _request_all(
        turn, cause, told, bodies, about=about, case=case, thread=thread, tracestate=tracestate, addressees=addressees
    )


def notify_of_problem(turn: Turn, report: Report, notice: Notice) -> None:
    """Send the report's endpoints the problem that was opened or repeated, each in the form that it takes: our
    notification, or the problem in a dialect; to a peer no more than it may know, and to one that was told too much the
    limit notice instead."""
    limit = _limit(turn, report.endpoints)

    def notification(languages: tuple[str, ...], limit: int) -> bytes:
        wording = wording_of(notice.problem, languages, notice.thread.protocol) if languages else {}
        return body_of_notice(notice, report.event.occurred_at, turn.config.public_url, limit, wording)

    def for_peers() -> Problem:
        # The stage `audience` gives all peers of a report the limit notice, or none.
        if not report.over_limit:
            return for_peer(report.problem, report.context.trust)
        return limit_notice_for_peer(report.problem, turn.limits.peer_thread)

    bodies = Bodies(
        turn.config.book, report.tenant, limit, notification,
        about=report.event.event_id, occurred_at=report.event.occurred_at, public_url=turn.config.public_url,
        problem=report.problem, thread=notice.thread, for_peers=for_peers, addressees=report.addressees,
        lane=report.thread,
    )  # fmt: skip
    _request_all(
        turn, notice, report.endpoints, bodies, about=report.event.event_id, case=notice.case, thread=report.lane,
        tracestate=notice.tracestate, addressees=report.addressees, published_at=report.event.recorded_at,
    )  # fmt: skip
    for name, to in report.addressees.items():
        if name in report.endpoints and not to.alone:
            own = report.problem.message_id if to.keeps_id and not report.over_limit else None
            note_told(turn, report, to, own or report.event.event_id)


def _request_all(
    turn: Turn,
    cause: EventBase,
    endpoints: tuple[str, ...],
    bodies: Bodies,
    *,
    about: str,
    case: str | None,
    thread: str | None,
    tracestate: str | None,
    addressees: Mapping[str, Addressee],
    published_at: int = 0,
) -> None:
    for name in endpoints:
        body = bodies.of(name)
        if body is not None:
            request_delivery(
                turn, cause, name, body.content, about=about, case=case, thread=thread, content_type=body.content_type,
                tracestate=tracestate, to=addressees.get(name) if addressees else None,
                published_at=published_at,
            )  # fmt: skip


def _limit(turn: Turn, endpoints: tuple[str, ...]) -> int:
    """Bytes of one body: all about one problem have a bound together."""
    return min(MAX_BODY, turn.config.bodies // (len(endpoints) or 1))
