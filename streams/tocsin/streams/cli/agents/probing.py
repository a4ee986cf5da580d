"""Sends a probe as an agent would send a message, once, and says what came back."""

from __future__ import annotations

import http.client
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tocsin.streams.cli.agents.address import Webhook
from tocsin.streams.cli.over_http import object_in

TIMEOUT = 10.0
"""Seconds; agents wait for 5 to 10."""
MAX_ANSWER = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back: a status and the JSON object of the body, empty for any other; or `fault`, why nothing did."""

    status: int = 0
    body: dict[str, Any] | None = None
    location: str | None = None
    fault: OSError | http.client.HTTPException | None = None

    @property
    def understood(self) -> bool:
        """Whether the gateway has read the probe."""
        return self.status == 200 and (self.body or {}).get("probe") == "understood"

    @property
    def kind(self) -> str:
        """The kind of a refusal of the gateway, empty for any other answer."""
        said = (self.body or {}).get("type")
        return said.rpartition(":")[2] if isinstance(said, str) and said.startswith("urn:tocsin:problem:") else ""


def probe(webhook: Webhook) -> Answered:
    """Send the probe."""
    return _asked(webhook, "POST", webhook.path, dict(webhook.headers), webhook.body)


def is_ready(webhook: Webhook) -> Answered:
    """What the gateway says of itself: 200 when it can store what comes."""
    return _asked(webhook, "GET", "/readyz", {"accept": "application/json"}, None)


def _asked(webhook: Webhook, method: str, path: str, headers: dict[str, str], body: bytes | None) -> Answered:
    parts = urlsplit(webhook.base)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT)
        try:
            connection.request(method, parts.path + path, body, headers)
            response = connection.getresponse()
            said = response.read(MAX_ANSWER)
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ssl.SSLError) as error:
        return Answered(fault=error)
    return Answered(response.status, object_in(said), response.headers.get("location"))
