"""The cookies of the pages: who is signed in, what that one is called, and what came of the last form.

The first holds the credential itself, so that a key that is revoked is signed out by that. No script can read it, no
page elsewhere makes a browser send it with a POST, and over https it is sent to no other host and never in the clear.
"""

from __future__ import annotations

import json
import re
from urllib.parse import quote, unquote, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.gateway.config import GatewayConfig

SIGNED_IN = 30 * 24 * 3600
"""Seconds that a browser keeps it; a key's own end comes before."""
TOLD_FOR = 60

MAX_NAME = 100
"""Characters of a name."""
MAX_CREDENTIAL = 3800
"""Browsers keep cookies of 4,096 bytes with their name and attributes."""

CREDENTIAL, NAME, TOLD = "tocsin", "tocsin-name", "tocsin-told"

ENDED = "ended"
"""In place of a credential that did not hold any more."""

_CREDENTIAL = re.compile(r"[A-Za-z0-9._~+/=-]+")
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+:@%/-]*")


def credential_cookie(config: GatewayConfig) -> str:
    """What the cookie is called; over https a name that browsers let no other host set."""
    return f"__Host-{CREDENTIAL}" if config.secure else CREDENTIAL


def credential_in(request: Request, config: GatewayConfig) -> str | None:
    """The credential of who is signed in, or None."""
    return request.cookies.get(credential_cookie(config)) or None


def can_be_kept(credential: str) -> bool:
    """Whether a credential fits into a cookie."""
    return len(credential) <= MAX_CREDENTIAL and _CREDENTIAL.fullmatch(credential) is not None


def sign_in(response: Response, credential: str, name: str, config: GatewayConfig) -> None:
    """From now on the browser shows this credential (none: where none is needed), and `name` stands beside what is
    done with it."""
    _set(response, credential_cookie(config), credential, config, SIGNED_IN if credential else 0)
    _set(response, NAME, quote(name[:MAX_NAME]), config, SIGNED_IN)


def end_credential(response: Response, config: GatewayConfig) -> None:
    """The credential does not hold any more, and none is needed here: the browser remembers that it had one, so that
    nothing is done as somebody else until its owner says so."""
    _set(response, credential_cookie(config), ENDED, config, SIGNED_IN)


def sign_out(response: Response, config: GatewayConfig) -> None:
    """The browser forgets both."""
    for name in (credential_cookie(config), NAME):
        _set(response, name, "", config, 0)


def name_in(request: Request) -> str | None:
    """What who is signed in wants to be called."""
    return unquote(request.cookies.get(NAME, ""))[:MAX_NAME].strip() or None


def tell(response: Response, told: dict[str, str], target: str, config: GatewayConfig) -> None:
    """Let the page at `target` (path and query) say what came of a form, once."""
    text = quote(json.dumps(told, separators=(",", ":")))
    _set(response, TOLD, text, config, TOLD_FOR, _path(urlsplit(target).path))


def told_in(request: Request) -> dict[str, str]:
    """What came of the last form; empty when nothing is told."""
    try:
        said = json.loads(unquote(request.cookies.get(TOLD, "{}")))
    except (ValueError, RecursionError):  # whatever is served under the same host name can set cookies
        return {}
    return {str(name): str(value) for name, value in said.items()} if isinstance(said, dict) else {}


def forget_told(response: Response, request: Request, config: GatewayConfig) -> None:
    """It was told."""
    _set(response, TOLD, "", config, 0, _path(request.scope.get("raw_path", b"/").decode("latin-1")))


def _path(path: str) -> str:
    return path if _PLAIN_PATH.fullmatch(path) else "/"


def _set(response: Response, name: str, value: str, config: GatewayConfig, seconds: int, path: str = "/") -> None:
    # Lax, not strict: a link in a mail or chat leads to the page, not to another sign-in.
    response.set_cookie(
        name, value, max_age=seconds, path=path, secure=config.secure, httponly=True, samesite="lax"
    )  # fmt: skip
