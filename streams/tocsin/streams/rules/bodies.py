"""Which body an endpoint is sent: our notification, or the problem as a document of the dialect that it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tocsin.schemas.problem import Problem
from tocsin.streams.rules.config import NOTIFICATION, RuleBook
from tocsin.streams.rules.documents import document_of, media_type_of
from tocsin.streams.rules.notification import CONTENT_TYPE


class Body(NamedTuple):
    """The bytes of a delivery, and what they are."""

    content: bytes
    content_type: str = CONTENT_TYPE


class Bodies:
    """The bodies in which one thing is told, each at most `limit` bytes: endpoints that take the same form get the same
    bytes.

    `notification` writes ours in an endpoint's languages. `problem` is what endpoints that take a dialect are sent,
    `for_peers` what peers are: no peer is told without. `instance` is the RFC 9457 id of the occurrence.
    """

    def __init__(
        self,
        book: RuleBook,
        tenant: str,
        limit: int,
        notification: Callable[[tuple[str, ...]], bytes],
        *,
        instance: str,
        problem: Problem | None = None,
        for_peers: Callable[[], Problem] | None = None,
    ) -> None:
        self._book, self._tenant, self._limit, self._instance = book, tenant, limit, instance
        self._notification, self._problem, self._for_peers = notification, problem, for_peers
        self._notifications: dict[tuple[str, ...], Body] = {}
        self._documents: dict[tuple[str, bool], Body | None] = {}

    def of(self, name: str) -> Body | None:
        """What this endpoint is sent; None: nothing. What a dialect cannot say is told to an owner or operator as a
        notification; a peer does not know that, and may not see what stands in it."""
        endpoint = self._book.endpoints.get(name)
        if endpoint is None:
            return self._notified(name)
        peer = endpoint.audience == "peer"
        if endpoint.body == NOTIFICATION:
            return None if peer else self._notified(name)
        if self._problem is None:
            return None
        form = (endpoint.body, peer)
        if form not in self._documents:
            self._documents[form] = self._document(*form)
        return self._documents[form] or (None if peer else self._notified(name))

    def _notified(self, name: str) -> Body:
        languages = self._book.languages_of(name, self._tenant)
        if languages not in self._notifications:
            self._notifications[languages] = Body(self._notification(languages))
        return self._notifications[languages]

    def _document(self, dialect: str, peer: bool) -> Body | None:
        problem = self._problem if not peer else None if self._for_peers is None else self._for_peers()
        document = None if problem is None else document_of(problem, dialect, self._instance, self._limit)
        return None if document is None else Body(document, media_type_of(dialect))
