"""Several requests as one batch of the gateway's (POST /v1/batch), how large it may be, and what the answer says of
each of them.

An item is the event that its request would be alone: the same id, the same bytes. What cannot stand in a batch byte
for byte goes alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import Raw

from tocsin.connectors.dialects import AUTO, DIALECT_OF_MEDIA_TYPE, text
from tocsin.connectors.publish.requests import ACTIVITY, JSON, PublishRequest
from tocsin.connectors.publish.wire import NO_ANSWER, NOT_IN_TIME, Answer

BATCH = "/v1/batch"
MOST, MOST_BYTES = 200, 256 * 1024
"""Items and bytes of a batch: a gateway takes 1000 and 1 MiB by itself, and other requests wait while it reads them."""
KNOWN_FOR = 600.0
"""Seconds for which it is remembered that a gateway takes no batches, or only smaller ones."""

_MAY_JOIN = frozenset({JSON, *DIALECT_OF_MEDIA_TYPE})
_NO_BATCHES = frozenset({404, 405, 501})
"""What a gateway answers that does not know of batches."""
_OF_THE_WHOLE = frozenset({NO_ANSWER, NOT_IN_TIME, 401, 408, 425, 429})
"""What has nothing to do with what is in it; so are all from 500 on."""


def item_of(request: PublishRequest) -> bytes | None:
    """The item of a batch that a request is; None if it must go alone."""
    media_type = request.headers["content-type"]
    document = _document(request.body, media_type) if media_type in _MAY_JOIN else None
    if document is None:
        return None
    path = urlsplit(request.path)
    item: dict[str, object] = {"key": request.headers["idempotency-key"]}
    if path.path == ACTIVITY:
        item["activity"] = Raw(document)
    else:
        item |= {"problem": Raw(document), "media_type": media_type} | _beside(path.query)
    traced = {name: request.headers[name] for name in ("traceparent", "tracestate") if name in request.headers}
    made = msgspec.json.encode(item | traced)
    return made if len(made) <= MOST_BYTES else None


def batch_of(items: Iterable[bytes]) -> bytes:
    """The body of a batch."""
    return b"[" + b",".join(items) + b"]"


def answers_of(answer: Answer, count: int) -> list[Answer] | None:
    """What is answered to each of so many items; None if it is no answer to a batch: smaller ones are to be tried."""
    items = answer.document.get("items")
    if isinstance(items, list) and len(items) == count and all(isinstance(item, dict) for item in items):
        return [_answer_to(item, answer.retry_after) for item in items]
    if answer.status in _OF_THE_WHOLE or (answer.status >= 500 and answer.status not in _NO_BATCHES):
        return [answer] * count
    return None


class BatchSize:
    """How many items the next batch may have. After what came to nothing it is half as many, and after what went well
    more again; what a gateway refused as a whole is halved for a while, and one that knows no batches gets none."""

    def __init__(self) -> None:
        self._size = self._cap = MOST
        self._until = 0.0

    def at(self, now: float) -> int:
        """At this time; 1: no batches."""
        if now >= self._until:
            self._cap = MOST
        return min(self._size, self._cap)

    def not_taken(self, count: int, status: int, now: float) -> None:
        """So many were refused as a whole, with this status."""
        self._cap = 1 if status in _NO_BATCHES else max(1, count // 2)
        self._until = now + KNOWN_FOR

    def failed(self) -> None:
        """Nothing came of one, or of a request alone. What seemed to be a gateway of another version may have been a
        proxy without one behind it, so that is known no more."""
        self._size = max(1, self._size // 2)
        self._until = 0.0

    def went(self, count: int) -> None:
        """So many went well together."""
        if count >= self._size:
            self._size = min(MOST, 2 * self._size)


def _document(body: bytes, media_type: str) -> bytes | None:
    """The document as it stands in an item; None if it would not be the same bytes when it is read there."""
    try:
        if DIALECT_OF_MEDIA_TYPE.get(media_type) == text.NAME:
            return msgspec.json.encode(body.decode())
        read = msgspec.json.decode(b"[" + body + b"]", type=list[Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    whole = len(read) == 1 and bytes(read[0]) == body
    return body if whole and not body.startswith(b"[") else None  # which would be a batch of its own, alone


def _beside(query: str) -> dict[str, object]:
    """What the query says: the dialect, and the context."""
    said = {name: found if name == "recipients" else found[0] for name, found in parse_qs(query).items()}
    dialect = said.pop("dialect", AUTO)
    return {"dialect": dialect} | ({"context": said} if said else {})


def _answer_to(item: Mapping[str, object], retry_after: float) -> Answer:
    error = item.get("error")
    if not isinstance(error, dict):
        return Answer(202, document=item)
    status, wait = error.get("status"), error.get("retry_after")
    words = [error[name] for name in ("title", "detail") if isinstance(error.get(name), str)]
    return Answer(
        status if isinstance(status, int) else 500,
        ". ".join(words)[:500],
        max(retry_after, float(wait)) if isinstance(wait, int | float) else retry_after,
        error,
    )
