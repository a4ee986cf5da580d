"""Deliveries: one request for each endpoint that is told of something."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tocsin.schemas.events import DeliveryRequested, EventBase
from tocsin.schemas.ids import derived_id
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.decision import DELIVERIES, Decision, Emit
from tocsin.streams.rules.derive import about as following
from tocsin.streams.rules.documents import document_of, for_peer, media_type_of
from tocsin.streams.rules.heard import Heard
from tocsin.streams.rules.loops.last_word import last_word as last_word_of
from tocsin.streams.rules.notification import CONTENT_TYPE, MAX_BODY, Notice, instance_of, letter, notification
from tocsin.streams.rules.rulebook import NOTIFICATION

_PLAIN = (NOTIFICATION, False, False)


def tell(
    cause: EventBase,
    endpoints: Iterable[str],
    body: bytes,
    now: int,
    *,
    about: str,
    case: str | None = None,
    thread: str | None = None,
    content_type: str = CONTENT_TYPE,
) -> list[Decision]:
    """Ask for one delivery of `body` to each endpoint, in the lane of the thread.

    `about` is the id of the event that is told; with the endpoint it makes the delivery's id, so that the same thing
    said twice is delivered once.
    """
    decisions: list[Decision] = []
    for endpoint in endpoints:
        delivery_id = derived_id("delivery", about, endpoint)
        request = DeliveryRequested(
            **following(cause, delivery_id, now),
            delivery_id=delivery_id,
            endpoint=endpoint,
            lane=f"{cause.tenant}/{thread}" if thread else None,
            case=case,
            about=about,
            content_type=content_type,
            body=body,
        )
        decisions.append(Emit(DELIVERIES, endpoint, request))
    return decisions


def tell_letter(
    cause: EventBase,
    kind: str,
    endpoints: Iterable[str],
    data: Mapping[str, Any],
    config: DecideConfig,
    *,
    about: str,
    case: str | None = None,
    thread: str | None = None,
    problem: Problem | None = None,
) -> list[Decision]:
    """Tell these endpoints a letter of this kind (`rules.notification.letter`), decided when `cause` was recorded.

    An endpoint that takes a dialect's documents is told `problem` in its dialect, and nothing when the letter is not
    about a single problem or the dialect cannot say it.
    """
    told, now = tuple(endpoints), cause.recorded_at
    limit = min(MAX_BODY, config.bodies // max(1, len(told)))
    body = None
    decisions: list[Decision] = []
    for name in told:
        endpoint = config.book.endpoints.get(name)
        if endpoint is None or endpoint.body == NOTIFICATION:
            body = body or letter(kind, cause.occurred_at, data, limit)
            decisions += tell(cause, (name,), body, now, about=about, case=case, thread=thread)
            continue
        document = document_of(problem, endpoint.body, instance_of(about), limit) if problem is not None else None
        if document is not None:
            form = media_type_of(endpoint.body)
            decisions += tell(cause, (name,), document, now, about=about, case=case, thread=thread, content_type=form)
    return decisions


def tell_problem(
    heard: Heard, notice: Notice, endpoints: tuple[str, ...], config: DecideConfig, last_word: tuple[str, ...] = ()
) -> list[Decision]:
    """Tell these endpoints of a problem that was opened or repeated, each in the form that it takes; those of
    `last_word` that they have been told too much instead."""
    if not endpoints:
        return []
    case, thread = notice.case, heard.problem.thread_id
    bodies = _Bodies(heard, notice, config, min(MAX_BODY, config.bodies // len(endpoints)))
    decisions: list[Decision] = []
    for name in endpoints:
        body, content_type = bodies.for_endpoint(name, last_word=name in last_word)
        decisions += tell(
            notice,
            (name,),
            body,
            heard.now,
            about=heard.report.event_id,
            case=case,
            thread=thread,
            content_type=content_type,
        )
    return decisions


class _Bodies:
    """What is told of one problem, in each form once."""

    def __init__(self, heard: Heard, notice: Notice, config: DecideConfig, limit: int) -> None:
        self._heard, self._notice, self._config, self._limit = heard, notice, config, limit
        self._made: dict[tuple[str, bool, bool], bytes] = {}

    def for_endpoint(self, name: str, *, last_word: bool) -> tuple[bytes, str]:
        """The body and its content type. What a dialect cannot say is told to an owner or operator as a notification;
        a peer was asked about before (`rules.routing.audience`)."""
        endpoint = self._config.book.endpoints.get(name)
        if endpoint is None or endpoint.body == NOTIFICATION:
            return self._once(_PLAIN), CONTENT_TYPE
        document = self._once((endpoint.body, endpoint.audience == "peer", last_word))
        return (document, media_type_of(endpoint.body)) if document else (self._once(_PLAIN), CONTENT_TYPE)

    def _once(self, form: tuple[str, bool, bool]) -> bytes:
        if form not in self._made:
            self._made[form] = self._make(*form)
        return self._made[form]

    def _make(self, body: str, peer: bool, last_word: bool) -> bytes:
        heard = self._heard
        if body == NOTIFICATION:
            return notification(self._notice, heard.report.occurred_at, self._config.public_url, self._limit)
        problem = heard.problem
        if last_word:
            limits = self._config.book.limits_of(heard.tenant)
            problem = last_word_of(heard, "peer_thread", limits.peer_thread).problem
        elif peer:
            problem = for_peer(problem, heard.context.trust)
        return document_of(problem, body, instance_of(heard.report.event_id), self._limit) or b""
