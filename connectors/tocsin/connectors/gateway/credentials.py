"""Credentials: the one place where a key or a token is checked, whether it came in a header or in the cookie."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec import Struct
from starlette.requests import Request

from tocsin.connectors.access import ApiKeys, Audit, Caller, CredentialRefused, RefusedFor, id_of_key
from tocsin.connectors.gateway.access_kinds import BAD_CREDENTIAL, CREDENTIAL_IN_URL, TWO_CREDENTIALS
from tocsin.connectors.gateway.problems import Refusal
from tocsin.connectors.gateway.rates import Guesses

KEY_HEADER = "x-api-key"
"""Where a key may stand as well: some senders of webhooks (ACA-Py's `--webhook-url URL#KEY`) have no other place."""


class Way(Struct, frozen=True, kw_only=True):
    """Where else a key may stand on the routes of a source whose senders can say it nowhere else: in a `header`, in
    whose text `keys_in` finds it, or in a `parameter` of the query. `nobody` is what stands there of who has none."""

    header: str
    keys_in: Callable[[str], list[str]]
    parameter: str
    nobody: str | None = None


_SENTRY_AUTH = re.compile(r"Sentry\s", re.IGNORECASE)
_SENTRY_KEY = re.compile(r"(?:^Sentry\s+|,\s*)sentry_key=([^,\s]+)", re.IGNORECASE)


def _in_sentry_auth(text: str) -> list[str]:
    """The key in `Sentry sentry_key=..., sentry_version=7, ...`; all of them where it stands more than once."""
    return _SENTRY_KEY.findall(text) if _SENTRY_AUTH.match(text) else []


_SENTRY = Way(header="x-sentry-auth", keys_in=_in_sentry_auth, parameter="sentry_key", nobody="anonymous")
"""The key of a DSN, which must have one. SDKs in JavaScript say it in the query."""
_SENTRY_ROUTES = [f"/api/{{project}}/{what}{slash}" for what in ("envelope", "store") for slash in ("/", "")]
WAYS: Mapping[str, Way] = dict.fromkeys(_SENTRY_ROUTES, _SENTRY)
"""By route. On every other route what stands there is no credential."""

_TOLD = frozenset({
    RefusedFor.REVOKED, RefusedFor.EXPIRED, RefusedFor.WRONG_AUDIENCE, RefusedFor.WRONG_ISSUER, RefusedFor.NO_TENANT,
    RefusedFor.NOT_YET_VALID, RefusedFor.BAD_ALGORITHM, RefusedFor.TOO_LONG,
})  # fmt: skip


class TokenPort(Protocol):
    """Where tokens are checked."""

    async def caller(self, token: str) -> Caller:
        """Who has it. Raises CredentialRefused, or a Refusal when the issuer's keys are not to be had."""
        ...


class Access(Struct, frozen=True, kw_only=True):
    """What admission knows: the keys, the tokens of an issuer, and where it is written down."""

    keys: ApiKeys | None = None
    tokens: TokenPort | None = None
    audit: Audit | None = None


class Credentials:
    """Says who has a credential, and bounds how often somebody may guess."""

    def __init__(self, access: Access) -> None:
        self._access, self._guesses = access, Guesses()

    async def caller(self, given: str, address: str) -> Caller:
        """Who has it. Raises Refusal for one that does not hold, and for too many of those from an address."""
        try:
            return await self._caller(given)
        except CredentialRefused as refused:
            self._guesses.allow(address)
            self._guesses.count(address)
            # what is wrong is said only to who has the whole of a key, or of a token: its signature was right
            told = refused.reason if refused.reason in _TOLD else ""
            raise Refusal(BAD_CREDENTIAL, reason=told) from refused

    async def _caller(self, given: str) -> Caller:
        if id_of_key(given) is not None or given.count(".") != 2:
            if self._access.keys is None:
                raise CredentialRefused(RefusedFor.NOT_CONFIGURED)
            return self._access.keys.caller(given, time.time_ns() // 1000)
        if self._access.tokens is None:
            raise CredentialRefused(RefusedFor.NOT_CONFIGURED)
        return await self._access.tokens.caller(given)


def credential_of(request: Request) -> str | None:
    """The credential in the headers of a request, or where its route has another way, if there is one. Raises Refusal
    for one in the URL otherwise, or more than one."""
    way = WAYS.get(getattr(request.scope.get("route"), "path", ""))
    open_to_it = None if way is None else way.parameter
    if any(id_of_key(value) for name, value in request.query_params.multi_items() if name != open_to_it):
        raise Refusal(CREDENTIAL_IN_URL)
    given = [*request.headers.getlist("authorization"), *request.headers.getlist(KEY_HEADER)]
    given += [] if way is None else _said_otherwise(request, way)
    if len(given) > 1:
        raise Refusal(TWO_CREDENTIALS)
    if not given:
        return None
    if "authorization" not in request.headers:
        return given[0].strip()
    scheme, _, text = given[0].partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise Refusal(BAD_CREDENTIAL, detail="Authorization is: Bearer, a space, and the API key or token.")
    return text.strip()


def _said_otherwise(request: Request, way: Way) -> list[str]:
    """The credentials that stand where the way says, each once: some senders say it in both places."""
    found = [key for text in request.headers.getlist(way.header) for key in way.keys_in(text)]
    found += request.query_params.getlist(way.parameter)
    return list(dict.fromkeys(one for one in found if one and one != way.nobody))


def address_of(request: Request) -> str:
    """From where a request comes."""
    return request.client.host if request.client is not None else ""
