"""Which body an endpoint is sent: our notification, plain or as a CloudEvent; an event of Identus' agent; or the
problem as a document of the dialect that it takes. One that is no dialect is a row of a table below."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from tocsin.schemas.events import ThreadContext
from tocsin.schemas.problem import Problem
from tocsin.streams.rules import cloud_events, identus
from tocsin.streams.rules.addressee import Addressee, Form
from tocsin.streams.rules.cloud_events import as_cloud_event
from tocsin.streams.rules.config import CLOUD_EVENTS, IDENTUS, NOTIFICATION, NOTIFICATIONS, RuleBook
from tocsin.streams.rules.documents import MAX_DOCUMENT, as_new_message, document_of, in_thread, media_type_of
from tocsin.streams.rules.identus import Told, identus_event
from tocsin.streams.rules.notification import CONTENT_TYPE, instance_of
from tocsin.streams.rules.wording import in_language

DIDCOMM_V2 = "didcomm-2.0"

UNNAMED = "unknown"
"""The code of a problem that has none, in a form that must have one."""


class Body(NamedTuple):
    """The bytes of a delivery, and what they are."""

    content: bytes
    content_type: str = CONTENT_TYPE


class Envelope(NamedTuple):
    """A form of our notification: `put` one into it (about an event, from a gateway's address) adds at most `room`."""

    put: Callable[[bytes, str, str | None], bytes]
    room: int
    content_type: str


ENVELOPES: Mapping[str, Envelope] = {
    CLOUD_EVENTS: Envelope(as_cloud_event, cloud_events.ROOM, cloud_events.CONTENT_TYPE),
}
"""Forms of our notification besides the plain one."""

EVENTS: Mapping[str, tuple[Callable[[Problem, Told, int], bytes | None], str]] = {
    IDENTUS: (identus_event, identus.CONTENT_TYPE),
}
"""Forms in which one problem is told, with what is known around it, that are no dialect's; and their media types."""


def message_of(
    problem: Problem, to: Addressee, lane: str | None, about: str, limit: int = MAX_DOCUMENT
) -> bytes | None:
    """The problem as the plain text of a DIDComm message to an agent, in the thread `lane` unless it names its own;
    None when its form cannot say it. `about` is the id of the event that is told, and of the message unless that is one
    of ours already: then it is the same whenever it is sent."""
    v2 = to.form.dialect == DIDCOMM_V2
    told = in_thread(problem if to.keeps_id else as_new_message(problem), lane, about if v2 and to.alone else None)
    said = document_of(told, to.form.dialect, instance_of(about), limit, to.form.message_type)
    if said is None and to.alone:  # an agent of our own is told in any case
        told = msgspec.structs.replace(told, code=told.code or UNNAMED, text=told.text or told.code or UNNAMED)
        said = document_of(told, to.form.dialect, instance_of(about), limit, to.form.message_type)
    return said


class Bodies:
    """The bodies in which one thing is told, each at most `limit` bytes: endpoints that take the same form get the same
    bytes.

    `notification` writes ours in an endpoint's languages, within so many bytes. `problem` is what endpoints that take a
    dialect are sent, `for_peers` what peers are: no peer is told without. `addressees` are those of endpoints that tell
    by DIDComm: none of these is sent anything without; they are told in the thread `lane`, if the problem names none.
    `about` is the id of the event that is told,
    which occurred at `occurred_at`; `public_url` is the gateway's.
    """

    def __init__(
        self,
        book: RuleBook,
        tenant: str,
        limit: int,
        notification: Callable[[tuple[str, ...], int], bytes],
        *,
        about: str,
        occurred_at: int,
        public_url: str | None = None,
        problem: Problem | None = None,
        thread: ThreadContext | None = None,
        for_peers: Callable[[], Problem] | None = None,
        addressees: Mapping[str, Addressee] | None = None,
        lane: str | None = None,
    ) -> None:
        self._book, self._tenant, self._limit, self._about = book, tenant, limit, about
        self._occurred_at, self._public_url, self._thread = occurred_at, public_url, thread
        self._notification, self._problem, self._for_peers = notification, problem, for_peers
        self._addressees, self._lane = addressees or {}, lane
        self._notifications: dict[tuple[str, tuple[str, ...]], Body] = {}
        self._documents: dict[tuple[str, bool], Body | None] = {}
        self._messages: dict[tuple[Form, bool, tuple[str, ...]], Body | None] = {}

    def of(self, name: str) -> Body | None:
        """What this endpoint is sent; None: nothing. What a dialect cannot say is told to an owner or operator as a
        notification; a peer does not know that, and may not see what stands in it."""
        endpoint = self._book.endpoints.get(name)
        if endpoint is None:
            return self._notified(name)
        peer = endpoint.audience == "peer"
        if endpoint.recipient is not None:
            to = self._addressees.get(name)
            return None if to is None else self._message(to, peer)
        if endpoint.body in NOTIFICATIONS:
            return None if peer else self._notified(name, endpoint.body)
        if self._problem is None:
            return None
        form = (endpoint.body, peer)
        if form not in self._documents:
            self._documents[form] = self._document(*form)
        return self._documents[form] or (None if peer else self._notified(name))

    def _notified(self, name: str, form: str = NOTIFICATION) -> Body:
        languages = self._book.languages_of(name, self._tenant)
        key = (form, languages)
        if key not in self._notifications:
            envelope = ENVELOPES.get(form)
            if envelope is None:
                self._notifications[key] = Body(self._notification(languages, self._limit))
            else:
                inside = self._notification(languages, self._limit - envelope.room)
                put = envelope.put(inside, self._about, self._public_url)
                self._notifications[key] = Body(put, envelope.content_type)
        return self._notifications[key]

    def _message(self, to: Addressee, peer: bool) -> Body | None:
        """What a DIDComm agent is sent, in plain text: its sink packs it."""
        key = (to.form, peer, to.languages)
        if key not in self._messages:
            problem, document = self._told_problem(peer), None
            if problem is not None:
                protocol = None if self._thread is None else self._thread.protocol
                said = in_language(problem, to.languages, protocol, one=to.form.dialect == DIDCOMM_V2)
                document = message_of(said, to, self._lane, self._about, min(self._limit, MAX_DOCUMENT))
            self._messages[key] = None if document is None else Body(document, media_type_of(to.form.dialect))
        return self._messages[key]

    def _told_problem(self, peer: bool) -> Problem | None:
        return self._problem if not peer else None if self._for_peers is None else self._for_peers()

    def _document(self, form: str, peer: bool) -> Body | None:
        problem = self._told_problem(peer)
        if problem is None:
            return None
        if form in EVENTS:
            write, content_type = EVENTS[form]
            event = None if peer else write(problem, self._told(problem), self._limit)
            return None if event is None else Body(event, content_type)
        document = document_of(problem, form, instance_of(self._about), self._limit)
        return None if document is None else Body(document, media_type_of(form))

    def _told(self, problem: Problem) -> Told:
        # The file's word stands over the publisher's: who reports for one tenant does not name another's wallet.
        wallet = self._book.wallet_of(self._tenant) or problem.source.wallet or self._tenant
        return Told(self._about, self._occurred_at, self._thread, wallet)
