"""Links by which a person answers: an address of the gateway with a signed, expiring token (JWS of RFC 7515, HS256).

A token names tenant, case, what it does and who has it. It stands only in what is sent to that person, never in Kafka,
and says nothing that its reader does not know. Who has the link may do this one thing (docs/people.md#links).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import msgspec
from msgspec import Struct

from tocsin.connectors.people.letter import Link
from tocsin.schemas.errors import TocsinError

PATH = "/v1/act/"
"""Where the gateway takes them."""

OPEN = "open"
"""The action that does nothing but show the others."""

ACTIONS = ("acknowledge", "resolve", "snooze", OPEN)
"""What a link may do, the most wanted first: where there is room for one, it is that."""

SNOOZE_FOR = "1h"
"""For how long a link snoozes."""

LIFETIME = 7 * 86_400
"""Seconds that a link holds: longer than a weekend, and than an escalation that goes on."""

MIN_KEY = 32
"""Characters of a key (RFC 7518 section 3.2: no less than the hash has bytes)."""

_AUDIENCE = "tocsin:act"
_ALGORITHM = "HS256"
_MAX_TOKEN = 2048


class LinkKeyUnusable(ValueError):
    """The key for links is too short, or none; the text does not quote it."""


class LinkRefused(TocsinError):
    """The token is none of ours, or was changed."""


class LinkExpired(TocsinError):
    """The token was ours, and its time is over."""


class Answer(Struct, frozen=True, kw_only=True):
    """What a token says: `by` does `action` about the `case` of `tenant`, until `expires` (seconds)."""

    tenant: str
    case: str
    action: str
    by: str
    expires: int


Sink = TypeVar("Sink")


class ActionLinks:
    """Makes links, and reads their tokens. `keys` has one key, or several during a rotation: the first signs, all are
    accepted. A gateway and the dispatchers share them. Raises LinkKeyUnusable."""

    def __init__(self, public_url: str, keys: Sequence[str]) -> None:
        """`public_url` is the gateway's address as people reach it; a name and a password in it stay out of links."""
        if not keys or any(len(key) < MIN_KEY for key in keys):
            raise LinkKeyUnusable(f"the key for links must have at least {MIN_KEY} characters (openssl rand -hex 32)")
        parts = urlsplit(public_url)
        self._url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")
        self._keys = tuple(keys)

    def __repr__(self) -> str:
        return f"ActionLinks({self._url!r})"

    def of(self, tenant: str, case: str, by: str, now: int) -> tuple[Link, ...]:
        """A link for each action of `by` about a case; `now` in microseconds."""
        expires = now // 1_000_000 + LIFETIME
        answers = (Answer(tenant=tenant, case=case, action=action, by=by, expires=expires) for action in ACTIONS)
        return tuple(Link(answer.action, f"{self._url}{PATH}{self.token(answer)}") for answer in answers)

    def token(self, answer: Answer) -> str:
        """The token of an answer."""
        from joserfc import jwt
        from joserfc.jwk import OctKey

        claims: dict[str, Any] = {"aud": _AUDIENCE, "exp": answer.expires, "ten": answer.tenant, "sub": answer.case}
        claims |= {"act": answer.action, "by": answer.by}
        return jwt.encode({"alg": _ALGORITHM}, claims, OctKey.import_key(self._keys[0]), algorithms=[_ALGORITHM])

    def read(self, token: str, now: int) -> Answer:
        """What a token says; `now` in microseconds. Raises LinkRefused, LinkExpired."""
        claims = self._claims(token)
        try:
            answer = msgspec.convert(
                {"tenant": claims["ten"], "case": claims["sub"], "action": claims["act"], "by": claims["by"],
                 "expires": claims["exp"]}, Answer,
            )  # fmt: skip
        except (KeyError, msgspec.ValidationError):
            raise LinkRefused("not a link of ours") from None
        if answer.action not in ACTIONS:
            raise LinkRefused("not a link of ours")
        if now // 1_000_000 >= answer.expires:
            raise LinkExpired("the link has expired")
        return answer

    def _claims(self, token: str) -> dict[str, Any]:
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import OctKey

        if len(token) > _MAX_TOKEN:
            raise LinkRefused("not a link of ours")
        for key in self._keys:
            try:
                claims = jwt.decode(token, OctKey.import_key(key), algorithms=[_ALGORITHM]).claims
            except (JoseError, ValueError):
                continue
            if claims.get("aud") == _AUDIENCE:
                return claims
        raise LinkRefused("not a link of ours")


def with_links(sink: Sink, links: ActionLinks | None) -> Sink:
    """The sink; one whose readers are people, which has an attribute `links`, puts these into what they read."""
    if links is not None and hasattr(sink, "links"):
        sink.links = links
    return sink
