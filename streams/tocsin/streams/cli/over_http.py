"""A gateway as a command asks it (`--url`): no Kafka needed, and none of its libraries."""

from __future__ import annotations

import http.client
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Annotated, Any, Self
from urllib.parse import urlencode, urlsplit

import typer

from tocsin.connectors.kafka_security import SecurityUnusable, secret_of
from tocsin.connectors.printable import clipped, printable
from tocsin.streams.processes.exit_codes import BAD_CONFIGURATION, UNREACHABLE, USAGE, CommandFailed

Url = Annotated[
    str | None,
    typer.Option("--url", envvar="TOCSIN_URL", help="A gateway to ask instead of Kafka: http://host:8700."),
]

API_KEY = "TOCSIN_API_KEY"
"""The variable with the key that is sent: `env:NAME`, `file:PATH`, or the key itself."""

TIMEOUT = 30.0
"""Seconds that one request may take; the gateway answers within 10."""
TRIES = 5
"""How often a request is made that the gateway has no room or no time for now."""
LONGEST_WAIT = 30.0
MAX_ANSWER = 4 * 1024 * 1024
"""Bytes of an answer that are read; a gateway's are far smaller, but it may be none."""
MAX_WHY = 1000
"""Characters of a refusal that are shown."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gateway said: the status, and the JSON object of the body."""

    status: int
    body: dict[str, Any]

    @property
    def why(self) -> str:
        """Why it was refused, in one line: what is wrong, where, what was expected."""
        said = [str(self.body.get("detail") or self.body.get("title") or f"HTTP {self.status}")]
        if self.body.get("reason"):
            said.append(str(self.body["reason"]) + (f" at {self.body['pointer']}" if self.body.get("pointer") else ""))
        if self.body.get("expected"):
            said.append(f"expected {self.body['expected']}")
        return clipped(": ".join(said), MAX_WHY)


class GatewayClient:
    """One connection to a gateway; a context manager. What it is too busy for (429) is asked again when it
    says."""

    def __init__(self, url: str, tenant: str | None = None) -> None:
        """Raises CommandFailed(2) for what is no address of a gateway."""
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").encode("idna").decode(), parts.port
            (parts.path + (tenant or "")).encode("ascii")  # what HTTP can say
        except ValueError as error:
            raise CommandFailed(USAGE, f"--url and --tenant make no address that there can be: {error}") from None
        if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc or parts.query or parts.fragment:
            shown = url if "@" not in url else "one with a password"
            raise CommandFailed(
                USAGE, f"--url is the address of a gateway, such as http://localhost:8700, not {shown!r}"
            )
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(host, port, timeout=TIMEOUT)
        self._url, self._path, self._tenant = url, parts.path.rstrip("/"), tenant
        self._credential = credential_for(parts.scheme, host)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def post(self, path: str, body: bytes, media_type: str = "application/json", **headers: str) -> Answer:
        """The answer to a POST. Raises CommandFailed(69) when there is none."""
        return self._ask("POST", path, {"content-type": media_type, **headers}, body)

    def get(self, path: str, **query: str) -> Answer:
        """The answer to a GET. Raises CommandFailed(69) when there is none."""
        return self._ask("GET", path + (f"?{urlencode(query)}" if query else ""), {}, None)

    def delete(self, path: str, **headers: str) -> Answer:
        """The answer to a DELETE. Raises CommandFailed(69) when there is none."""
        return self._ask("DELETE", path, headers, None)

    def _ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        named = {"tocsin-tenant": self._tenant} if self._tenant else {}
        sent = {"accept": "application/json", **self._credential, **named, **headers}
        for again in reversed(range(TRIES)):
            self._connect()
            try:
                self._connection.request(method, self._path + path, body, sent)
                response = self._connection.getresponse()
                said = response.read(MAX_ANSWER)
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                why = printable(getattr(error, "strerror", None) or str(error) or type(error).__name__)
                raise CommandFailed(
                    UNREACHABLE, f"{self._url} does not answer ({why}): nobody knows whether it took this; try again"
                ) from None
            if response.status != http.client.TOO_MANY_REQUESTS or not again:
                return Answer(response.status, object_in(said))
            if response.length:
                self._connection.close()  # more than is read
            time.sleep(_seconds(response.headers.get("retry-after", "1")))
        raise AssertionError("the last try returns")

    def _connect(self) -> None:
        if self._connection.sock is not None:
            return
        try:
            self._connection.connect()
        except OSError as error:
            why = error.strerror or str(error) or type(error).__name__
            raise CommandFailed(UNREACHABLE, f"{self._url} does not answer ({why}): nothing was sent") from None


def credential_for(scheme: str, host: str) -> dict[str, str]:
    """The header of TOCSIN_API_KEY. Raises CommandFailed(78) for one that is none, or that would go in plain text over
    a network."""
    given = os.environ.get(API_KEY)
    if not given:
        return {}
    try:
        key = secret_of(given, "API key")
        key.encode("ascii")
    except (SecurityUnusable, UnicodeError) as error:
        why = str(error) if isinstance(error, SecurityUnusable) else "it is no key"
        raise CommandFailed(BAD_CONFIGURATION, f"{API_KEY}: {why}") from None
    if scheme == "http" and host not in ("localhost", "127.0.0.1", "::1"):
        raise CommandFailed(BAD_CONFIGURATION, f"{API_KEY} is not sent over http to {host}: use https")
    return {"authorization": f"Bearer {key}"}


def object_in(body: bytes) -> dict[str, Any]:
    """The JSON object of an answer; empty for any other."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _seconds(retry_after: str) -> float:
    """How long to wait. A date, which a proxy may say, is no number: a second, and the next try shows."""
    digits = retry_after.strip()
    return min(float(digits), LONGEST_WAIT) if digits.isdecimal() and len(digits) < 9 else 1.0
