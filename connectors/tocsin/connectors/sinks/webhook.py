"""The webhook sink: one POST per attempt, signed by Standard Webhooks, bounded in time and in what it reads.

At least once: after a lost answer the attempt is repeated with the same `webhook-id` and the same body. No redirects,
no proxies from the environment, no decompression, no cookies, only public addresses unless `allow_private`.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Annotated, Literal, Self

import aiohttp
from msgspec import Meta, field
from msgspec.structs import replace
from yarl import URL

from tocsin.connectors.guard import PublicResolver, dial_any, dial_public
from tocsin.connectors.http_outcomes import of_error, of_status
from tocsin.connectors.secrets import Secret
from tocsin.connectors.sections import NOT_IN_FILE, Listed, Section, Text
from tocsin.connectors.sinks.base import Reason, Rejected, RetryLater, SinkMisconfigured, SinkOutcome
from tocsin.connectors.tracing import trace
from tocsin.connectors.webhooks import decode_secret, sign
from tocsin.schemas.events import DeliveryAttempt

READ_AT_MOST = 64 * 1024
"""How much of an answer is read, in bytes; the rest is cut off."""
RESERVED_HEADERS = frozenset(
    {
        "host",
        "content-length",
        "content-type",
        "transfer-encoding",
        "connection",
        "accept-encoding",
        "user-agent",
        "traceparent",
        "tracestate",
    }
)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]{0,4096}")
_CONTENT_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(?:; ?[A-Za-z0-9_.=+\" -]+)?")


def _signing(as_: Literal["any", "text", "env", "file"]) -> Secret:
    return Secret(as_, decode_secret, "make one: whsec_ and what `openssl rand -base64 32` prints")


class WebhookConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A webhook: a signed POST (Standard Webhooks). Exactly one of secret, secret_env and secret_file is needed."""

    url: Annotated[Text, "https on port 443, unless allow_private."]
    secret: Annotated[Annotated[str, _signing("text")] | None, "whsec_ and base64 of 24 to 64 bytes."] = None
    secret_env: Annotated[Annotated[str, _signing("env")] | None, "Name of the environment variable that holds it."] = (
        None
    )
    secret_file: Annotated[Annotated[str, _signing("file")] | None, "File that holds it."] = None
    secrets: Annotated[
        tuple[Annotated[str, _signing("any")], ...],
        Listed(max_length=10),
        "Earlier secrets that still sign too, during a rotation.",
    ] = ()
    """All that sign, the newest first, once the settings are read: the one above stands first."""
    allow_private: Annotated[bool, "Plain http, any port and private addresses are right here."] = False
    headers: Annotated[Mapping[Text, str], Meta(max_length=20), "Sent with each request."] = field(default_factory=dict)
    timeout: Annotated[float, NOT_IN_FILE] = 15.0
    """Seconds of a whole attempt."""
    connect_timeout: Annotated[float, NOT_IN_FILE] = 5.0
    """Seconds of it until the connection stands."""

    def checked(self) -> WebhookConfig:
        """With all that sign in `secrets`; raises ValueError when not exactly one is the newest."""
        given = [one for one in (self.secret, self.secret_env, self.secret_file) if one is not None]
        if len(given) != 1:
            raise ValueError("a webhook needs exactly one of secret, secret_env and secret_file")
        secrets = (*given, *self.secrets)
        return replace(self, secret=None, secret_env=None, secret_file=None, secrets=secrets)

    def __repr__(self) -> str:
        """Without secrets: neither those of the signature, nor headers, nor what the URL's path and query may hold."""
        try:
            origin = str(URL(self.url).origin())
        except ValueError:
            origin = "?"
        return f"WebhookConfig(url={origin!r}, secrets=***)"


class WebhookSink:
    """Posts the body of an attempt to one URL; see the module for what it never does."""

    Config = WebhookConfig

    def __init__(self, config: WebhookConfig, *, now: Callable[[], int] = lambda: time.time_ns() // 1000) -> None:
        """Raises SinkMisconfigured. `now` gives microseconds since the epoch."""
        self._url = _checked_url(config)
        _check_headers(config.headers)
        _check_secrets(config.secrets)
        self._config = config
        self._now = now
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        config = self._config
        connector = aiohttp.TCPConnector(
            socket_factory=dial_any if config.allow_private else dial_public,
            resolver=None if config.allow_private else PublicResolver(),
            limit=0,  # the dispatcher bounds what runs at once; waiting here would eat the attempt's time
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=config.timeout, connect=config.connect_timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            headers={"accept-encoding": "identity", "user-agent": "tocsin-webhook"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def deliver(self, attempt: DeliveryAttempt) -> SinkOutcome:
        """Post it once and classify what came back; raises nothing but CancelledError."""
        session = self._session
        if session is None:
            return RetryLater(reason=Reason.SINK_FAILED)
        try:
            headers = self._headers(attempt)
        except ValueError:
            return Rejected(reason=Reason.UNACCEPTABLE)
        outcome: SinkOutcome | None = None
        try:
            # aiohttp's own total does not cover all of it: a limit around everything does.
            async with asyncio.timeout(self._config.timeout), self._post(session, attempt.body, headers) as answer:
                outcome = of_status(answer.status, answer.headers.get("Retry-After"), self._now())
                await _read_capped(answer)
        except Exception as error:
            # Once the status is there it stands: the rest of the answer is read only to use the connection again.
            return outcome or of_error(error)
        return outcome

    def _post(
        self, session: aiohttp.ClientSession, body: bytes, headers: Mapping[str, str]
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        return session.post(self._url, data=body, headers=headers, allow_redirects=False)

    def _headers(self, attempt: DeliveryAttempt) -> dict[str, str]:
        """Raises ValueError for an id or content type that may not stand in a header."""
        if not _CONTENT_TYPE.fullmatch(attempt.content_type):
            raise ValueError("content type")
        headers = dict(self._config.headers)
        headers |= sign(attempt.delivery_id, self._now(), attempt.body, self._config.secrets)
        headers |= {"content-type": attempt.content_type, "tocsin-attempt": str(attempt.attempt)}
        headers |= trace(attempt.traceparent, attempt.tracestate)
        if attempt.replay > 0:
            headers["tocsin-replay"] = str(attempt.replay)
        return headers


async def _read_capped(answer: aiohttp.ClientResponse) -> None:
    """Read to the end, so that the connection can be used again; a longer answer is cut off with its connection."""
    read = 0
    async for chunk in answer.content.iter_any():
        read += len(chunk)
        if read > READ_AT_MOST:
            answer.close()
            return


def _checked_url(config: WebhookConfig) -> URL:
    try:
        url = URL(config.url)
        # a host that cannot be decoded raises only when it is asked for
        scheme, host, port, user, password = url.scheme, url.host, url.port, url.user, url.password
        url.origin()
    except Exception:  # whatever the URL library raises: ValueError, UnicodeError, ...
        raise SinkMisconfigured("webhook", "url", "not a URL with a host") from None
    if scheme not in ("https", "http") or not host or len(host) > 253:
        raise SinkMisconfigured("webhook", "url", "must be an https URL with a host")
    if user is not None or password is not None or url.fragment:
        raise SinkMisconfigured("webhook", "url", "must have neither a user, a password nor a fragment")
    if not config.allow_private and (scheme != "https" or port != 443):
        raise SinkMisconfigured("webhook", "url", "must be https on port 443, unless allow_private is set")
    return url


def _check_headers(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise SinkMisconfigured("webhook", "headers", "a name or value that HTTP does not allow")
        if name.lower() in RESERVED_HEADERS or name.lower().startswith(("webhook-", "tocsin-")):
            raise SinkMisconfigured("webhook", "headers", f"{name.lower()} is set by the sink")


def _check_secrets(secrets: Sequence[str]) -> None:
    if not secrets:
        raise SinkMisconfigured("webhook", "secrets", "at least one is needed")
    for secret in secrets:
        try:
            decode_secret(secret)
        except ValueError as error:
            raise SinkMisconfigured("webhook", "secrets", str(error)) from None
