"""What an HTTP answer, or the lack of one, means for a delivery (Standard Webhooks 1.0.0: only 2xx is success, only 410
disables the endpoint, everything else is tried again)."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp

from tocsin.connectors.guard import AddressRefused
from tocsin.connectors.outcomes import Delivered, Reason, Rejected, RetryLater, SinkOutcome

MAX_RETRY_AFTER = 3600
"""The longest wait, in seconds, that another side may ask of us."""
MICROSECONDS = 1_000_000

_BY_STATUS = {
    401: Reason.AUTH_ERROR,
    403: Reason.AUTH_ERROR,
    408: Reason.TIMEOUT,
    429: Reason.RATE_LIMITED,
    504: Reason.TIMEOUT,
}
_BY_CLASS = {3: Reason.REDIRECTED, 4: Reason.CLIENT_ERROR, 5: Reason.SERVER_ERROR}


def of_status(status: int, retry_after: str | None, now: int) -> SinkOutcome:
    """The outcome of an answer; `now` (microseconds) turns a Retry-After date into a wait."""
    if 200 <= status < 300:
        return Delivered(status=status)
    if status == 410:
        return Rejected(reason=Reason.GONE, status=status)
    reason = _BY_STATUS.get(status) or _BY_CLASS.get(status // 100, Reason.BAD_ANSWER)
    return RetryLater(reason=reason, after=parse_retry_after(retry_after, now), status=status)


def parse_retry_after(value: str | None, now: int) -> int | None:
    """Retry-After (seconds or an HTTP date, RFC 9110 10.2.3) as microseconds from `now`, within 0 to an hour; None when
    there is none or it is neither."""
    if value is None or len(value) > 64:
        return None
    seconds = _seconds(value.strip(), now)
    if seconds is None or seconds != seconds:
        return None
    return round(min(max(seconds, 0.0), MAX_RETRY_AFTER) * MICROSECONDS)


def _seconds(value: str, now: int) -> float | None:
    if value.isascii() and value.replace(".", "", 1).isdigit():
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return (at - datetime.fromtimestamp(now / MICROSECONDS, UTC)).total_seconds()


def of_error(error: BaseException) -> RetryLater:
    """The outcome of an attempt without an answer; total, and the exception's text goes nowhere."""
    return RetryLater(reason=next((reason for kinds, reason in _ERRORS if _is(error, kinds)), Reason.SINK_FAILED))


def _is(error: BaseException, kinds: tuple[type[BaseException], ...]) -> bool:
    inner = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error.__cause__
    return isinstance(error, kinds) or isinstance(inner, kinds)


# The order matters: aiohttp wraps, and its classes overlap.
_ERRORS: tuple[tuple[tuple[type[BaseException], ...], Reason], ...] = (
    ((AddressRefused, aiohttp.InvalidURL), Reason.ADDRESS_REFUSED),
    ((aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError), Reason.PROXY_FAILED),
    ((TimeoutError,), Reason.TIMEOUT),
    ((aiohttp.ClientConnectorDNSError, socket.gaierror), Reason.DNS_FAILED),
    ((aiohttp.ClientSSLError, ssl.SSLError, ssl.CertificateError), Reason.TLS_FAILED),
    ((aiohttp.ClientConnectorError,), Reason.CONNECT_FAILED),
    ((aiohttp.ServerDisconnectedError, ConnectionError, aiohttp.ClientOSError), Reason.CONNECTION_LOST),
    ((aiohttp.ClientPayloadError, aiohttp.ClientResponseError), Reason.BAD_ANSWER),
    ((aiohttp.ClientError,), Reason.CONNECT_FAILED),
)
