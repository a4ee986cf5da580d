"""What the requests of Sentry SDKs mean: envelopes, and single events as older SDKs send them.

The id that an SDK gives its event is its identity, whatever it looks like when it is sent again. SDKs send once: an
item that cannot be read is left out of its envelope, so that the error beside it is not lost with it.
"""

from __future__ import annotations

import re

import msgspec

from tocsin.connectors.dialects import Unreadable, UnreadableReason
from tocsin.connectors.publish import problem_reported
from tocsin.connectors.sources.port import OTHER, Heard, Message
from tocsin.connectors.sources.sentry.check_ins import CheckInMembers, events_of_check_in
from tocsin.connectors.sources.sentry.envelope import Item, read_envelope
from tocsin.connectors.sources.sentry.events import EventMembers, event_id_of, problem_of_event, traceparent_of
from tocsin.connectors.sources.sentry.lenient import read_object
from tocsin.connectors.sources.sentry.tags import read_tags
from tocsin.schemas.ids import idempotent_id

EVENT, CHECK_IN = "event", "check_in"
NOT_TAKEN = {
    "transaction": "transaction", "span": "span", "session": "session", "sessions": "session", "profile": "profile",
    "profile_chunk": "profile_chunk", "replay_event": "replay", "replay_recording": "replay", "replay_video": "replay",
    "attachment": "attachment", "log": "log_item", "trace_metric": "trace_metric", "statsd": "metric_bucket",
    "metric_buckets": "metric_bucket", "feedback": "feedback", "user_report": "", "client_report": "",
    "security": "", "raw_security": "", "nel": "", "form_data": "", "unreal_report": "",
}  # fmt: skip
"""Items that become nothing, and the category by which an SDK can be told to keep them to itself."""
KINDS = frozenset({EVENT, CHECK_IN, *NOT_TAKEN})

MINUTE = 60 * 1_000_000
"""Microseconds; within them a check-in of no run is the same when its bytes are."""

_PROJECT = re.compile(r"[A-Za-z0-9._-]{1,64}")


def read_items(message: Message) -> list[Heard]:
    """What each item of an envelope means; the topic is the project. One that cannot be read became nothing, and says
    why. Raises Unreadable for what is no envelope, and for one of which no item can be read."""
    service, envelope = service_of(message.topic), read_envelope(message.body)
    first = next((item for item in envelope.items if item.type == EVENT), None)
    stated = event_id_of(envelope.headers)  # an envelope has one event, and names it as well
    heard, wrong = list[Heard](), list[Unreadable]()
    for item in envelope.items:
        try:
            heard.append(_read(item, message, service, stated if item is first else None))
        except Unreadable as error:
            heard.append(Heard(what=item.type or OTHER, ignored=(str(error),)))
            wrong.append(error)
    if wrong and len(wrong) == len(envelope.items):
        raise wrong[0]
    return heard


def read_event(message: Message) -> list[Heard]:
    """What a single event means; the topic is the project. Raises Unreadable."""
    service = service_of(message.topic)
    if not message.body.strip():
        raise Unreadable(UnreadableReason.EMPTY, expected="an event")
    return [_read(Item(type=EVENT, payload=message.body, at=""), message, service)]


def service_of(project: str) -> str:
    """The service of a project, which is a number in all that SDKs take. Raises Unreadable."""
    if not _PROJECT.fullmatch(project):
        raise Unreadable(UnreadableReason.WRONG_TYPE, "/project", "1 to 64 letters, digits, '.', '_' or '-'")
    return f"project-{project}" if project.isdigit() else project


def _read(item: Item, message: Message, service: str, stated: str | None = None) -> Heard:
    if item.type == EVENT:
        return _read_event(item, message, service, stated)
    if item.type == CHECK_IN:
        return _read_check_in(item, message, service)
    if not item.type:
        raise Unreadable(UnreadableReason.MISSING_MEMBER, f"{item.at}/type", "the type of the item, a string")
    return Heard(what=item.type)


def _read_event(item: Item, message: Message, service: str, stated: str | None) -> Heard:
    event = read_object(item.payload, item.at, EventMembers)
    event["event_id"] = said = event_id_of(event) or stated
    tagged = read_tags(event, service)
    problem = problem_of_event(event, tagged)
    if problem is None:
        return Heard(what=EVENT)
    origin = msgspec.structs.replace(
        message.origin,
        event_id=_id(message, item, EVENT, said),
        context=tagged.context,
        request_id=None,  # a proxy's, of the request that tells of the error and not of one that failed
        traceparent=traceparent_of(event) or message.origin.traceparent,
    )
    return Heard(what=EVENT, events=(problem_reported(problem, origin, now=message.now),))


def _read_check_in(item: Item, message: Message, service: str) -> Heard:
    check_in = read_object(item.payload, item.at, CheckInMembers)

    def ident(run: str, *parts: str) -> str:
        # A script says the same of each night's run: only when it came tells them apart.
        when = () if run else (str(message.now // MINUTE),)
        return _id(message, item, CHECK_IN, run, *parts, *when)

    events = events_of_check_in(check_in, item.at, message.origin, message.now, service, ident)
    return Heard(what=CHECK_IN, events=events)


def _id(message: Message, item: Item, what: str, said: str | None, *parts: str) -> str:
    """The id of the event to be: by the one that its SDK `said`, or by the bytes that came."""
    scope = ("sentry", message.topic, what, *parts)
    return idempotent_id(message.origin.tenant, said, *scope) if said else message.event_id(*scope, item.at)
