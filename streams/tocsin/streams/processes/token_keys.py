"""The public keys of the issuer of tokens: from a file, or a URL asked again and again.

Keys that were read hold for STALE_AFTER, however long the issuer is away; a key that is not among them is looked for,
but not more often than each AGAIN_AFTER seconds, whatever tokens strangers make.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import structlog
from aiohttp.abc import AbstractResolver
from msgspec import Struct

from tocsin.connectors.access import Caller, CredentialRefused, RefusedFor, TokenKeys, TokenRules, caller_of_token
from tocsin.connectors.access.tokens import MAX_SET, KeysUnusable
from tocsin.connectors.egress.addresses import outgoing_url
from tocsin.connectors.egress.answers import READ_AT_MOST
from tocsin.connectors.egress.proxy import Proxy
from tocsin.connectors.egress.transport import Transport
from tocsin.connectors.files import read_file
from tocsin.connectors.gateway.access_kinds import TOKEN_KEYS_AWAY
from tocsin.connectors.gateway.problems import Refusal
from tocsin.streams.access_settings import AccessSettings, algorithms_of

_log = structlog.get_logger("tocsin.tokens")

FRESH_FOR = 300.0
"""Seconds for which keys are not asked for again."""
AGAIN_AFTER = 30.0
"""Seconds between two questions, whatever comes."""
STALE_AFTER = 24 * 3600.0
"""Seconds for which keys hold that could not be read again."""


class _Way(Struct, frozen=True):
    allow_private: bool
    proxy: Proxy | None = None
    ca_file: str | None = None
    timeout: float = 5.0
    connect_timeout: float = 3.0


class IssuerKeys:
    """A `TokenPort`. `source` is a URL or a path."""

    def __init__(
        self,
        source: str,
        rules: TokenRules,
        *,
        private: bool = False,
        name_servers: AbstractResolver | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._source = source if "://" in source else str(Path(source).expanduser())
        self._rules, self._clock, self._private = rules, clock, private
        self._name_servers = name_servers
        self._keys: TokenKeys | None = None
        self._read_at = self._tried_at = float("-inf")
        self._reading = asyncio.Lock()

    async def caller(self, token: str) -> Caller:
        """Who has this token. Raises CredentialRefused; Refusal while there are no keys."""
        keys = await self._known(FRESH_FOR)
        try:
            return caller_of_token(token, keys, self._rules, self._clock())
        except CredentialRefused as refused:
            if refused.reason is not RefusedFor.UNKNOWN_KEY:
                raise
        # the issuer may have made a key since
        return caller_of_token(token, await self._known(AGAIN_AFTER), self._rules, self._clock())

    async def _known(self, fresh_for: float) -> TokenKeys:
        if self._clock() - self._read_at >= fresh_for and self._clock() - self._tried_at >= AGAIN_AFTER:
            async with self._reading:
                if self._clock() - self._tried_at >= AGAIN_AFTER:  # else another request has just asked
                    await self._read()
        if self._keys is None or self._clock() - self._read_at >= STALE_AFTER:
            raise Refusal(TOKEN_KEYS_AWAY)
        return self._keys

    async def _read(self) -> None:
        try:
            self._keys = TokenKeys(await self._document())
            self._read_at = self._clock()
        except Exception as error:
            # any exception: it comes from elsewhere, and those who have an API key are not concerned
            _log.warning("the issuer's keys cannot be read", source=self._source, error=str(error) or repr(error))
        finally:
            self._tried_at = self._clock()  # at the end: whoever comes meanwhile waits for what is being read

    async def _document(self) -> bytes:
        if "://" not in self._source:
            return await asyncio.to_thread(read_file, Path(self._source), MAX_SET + 1)
        url = outgoing_url(self._source, private=self._private)
        async with Transport(_Way(self._private), self._name_servers, user_agent="tocsin-gateway") as way:
            answer = await way.send("GET", url, {"accept": "application/json"}, keep=READ_AT_MOST)
        if answer.status != 200 or answer.cut:
            raise KeysUnusable(f"status {answer.status}" if not answer.cut else "it is too large")
        return answer.body


def issuer_keys_of(settings: AccessSettings) -> IssuerKeys | None:
    """The keys that the settings name; None when tokens are not configured."""
    if settings.jwt_keys is None or settings.jwt_issuer is None or settings.jwt_audience is None:
        return None
    rules = TokenRules(
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        algorithms=algorithms_of(settings.jwt_algorithms),
        tenant_claim=settings.jwt_tenant_claim,
        scope_claim=settings.jwt_scope_claim,
        leeway=settings.jwt_leeway,
    )
    return IssuerKeys(settings.jwt_keys, rules, private=settings.jwt_keys_private)
