"""Documents of DIDs: ours, those that a DID holds, those of did:web, which are fetched by the guarded way out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from tocsin.connectors.dialects.json_text import parse_json
from tocsin.connectors.dialects.reading import Unreadable
from tocsin.connectors.didcomm.cache import DocumentCache
from tocsin.connectors.didcomm.document import read_document
from tocsin.connectors.didcomm.faults import ResolutionFault, Unresolvable
from tocsin.connectors.didcomm.methods import self_contained, web_url
from tocsin.connectors.didcomm.port import DidDocument
from tocsin.connectors.egress.addresses import outgoing_url
from tocsin.connectors.egress.answers import READ_AT_MOST, Answer
from tocsin.connectors.egress.transport import Transport
from tocsin.connectors.http_outcomes import of_error
from tocsin.connectors.outcomes import Reason

MAX_AT_ONCE = 32
"""How many documents are fetched at a time; who comes then waits, within the time of a fetch."""
REFRESH_AFTER = 10.0
"""Seconds after which a document may be fetched again because a key was not found in it."""


class Fetch(Protocol):
    """How a document is fetched."""

    async def __call__(self, did: str) -> DidDocument:
        """The document of a did:web. Raises Unresolvable."""
        ...


class Resolver:
    """Documents of DIDs, each looked up once however many ask for it at the same time."""

    def __init__(
        self,
        own: Callable[[str], DidDocument | None],
        fetch: Fetch,
        cache: DocumentCache,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`own` has the documents of our own DIDs."""
        self._own, self._fetch, self._cache, self._now = own, fetch, cache, now
        self._asked: dict[str, asyncio.Task[DidDocument]] = {}

    async def resolve(self, did: str, *, refresh: bool = False) -> DidDocument:
        """The document of a DID; with `refresh` not one that was fetched longer than REFRESH_AFTER ago. Raises
        Unresolvable."""
        own = self._own(did)
        if own is not None:
            return own
        age = REFRESH_AFTER if refresh and did.startswith("did:web:") else float("inf")
        outcome = self._cache.get(did, self._now(), at_most=age)
        if outcome is None:
            outcome = self._contained(did)
        if outcome is None:
            return await self._look_up(did)
        if isinstance(outcome, Unresolvable):
            raise Unresolvable(outcome.did, outcome.reason, outcome.detail)
        return outcome

    async def close(self) -> None:
        """End the look-ups under way."""
        for asked in list(self._asked.values()):
            asked.cancel()
        await asyncio.gather(*self._asked.values(), return_exceptions=True)

    def _contained(self, did: str) -> DidDocument | Unresolvable | None:
        try:
            outcome = self_contained(did)
        except Unresolvable as unresolvable:
            return unresolvable  # found out again as quickly, and the short form may be known by then
        if outcome is not None:
            self._cache.put(did, outcome, self._now(), lasting=True)
        return outcome

    async def _look_up(self, did: str) -> DidDocument:
        if did not in self._asked:
            asked = self._asked[did] = asyncio.create_task(self._fetched(did))
            asked.add_done_callback(lambda done: self._end(did, done))
        return await asyncio.shield(self._asked[did])

    async def _fetched(self, did: str) -> DidDocument:
        try:
            document = await self._fetch(did)
        except Unresolvable as unresolvable:
            self._cache.put(did, unresolvable, self._now())
            raise
        self._cache.put(did, document, self._now())
        return document

    def _end(self, did: str, done: asyncio.Task[DidDocument]) -> None:
        del self._asked[did]
        if not done.cancelled():
            done.exception()  # nobody may be left to hear of it


async def no_web(did: str) -> DidDocument:
    """In place of a fetch, where did:web is off."""
    raise Unresolvable(did, ResolutionFault.METHOD_UNSUPPORTED, "did:web is off: TOCSIN_DIDCOMM_DID_WEB turns it on")


class WebFetch:
    """Fetches documents of did:web: https, no redirects, bounded in size and time, only public addresses unless the
    way out says otherwise."""

    def __init__(self, transport: Transport, *, private: bool, timeout: float) -> None:
        """`transport` is open, and stays the caller's."""
        self._transport, self._private, self._timeout = transport, private, timeout
        self._room = asyncio.Semaphore(MAX_AT_ONCE)

    async def __call__(self, did: str) -> DidDocument:
        """The document of a did:web. Raises Unresolvable."""
        try:
            url = outgoing_url(web_url(did), private=self._private)
        except ValueError as error:
            raise Unresolvable(did, ResolutionFault.REFUSED, f"its URL {error}") from None
        try:
            async with asyncio.timeout(self._timeout), self._room:
                headers = {"accept": "application/did+json, application/did+ld+json, application/json"}
                answer = await self._transport.send("GET", url, headers, keep=READ_AT_MOST)
        except Exception as error:
            if of_error(error).reason is Reason.ADDRESS_REFUSED:
                raise Unresolvable(did, ResolutionFault.REFUSED, "its address is not public") from None
            raise Unresolvable(did, ResolutionFault.UNREACHABLE, "its host does not answer") from None
        return _document(did, answer)


def _document(did: str, answer: Answer) -> DidDocument:
    if answer.status in (404, 410):
        raise Unresolvable(did, ResolutionFault.NOT_FOUND, f"its host answers {answer.status}")
    if answer.status != 200:
        raise Unresolvable(did, ResolutionFault.UNREACHABLE, f"its host answers {answer.status}")
    if answer.cut:
        raise Unresolvable(did, ResolutionFault.BAD_DOCUMENT, f"it is larger than {READ_AT_MOST} bytes, or was cut off")
    try:
        found = parse_json(answer.body)
    except Unreadable:
        raise Unresolvable(did, ResolutionFault.BAD_DOCUMENT, "it is no JSON that is read") from None
    return read_document(did, found)
