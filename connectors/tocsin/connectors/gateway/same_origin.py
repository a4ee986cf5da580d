"""Whether a browser was made to ask by a page of ours, or by one from elsewhere (cross-site request forgery).

A browser says so in `Sec-Fetch-Site`, and older ones in `Origin`, which each sends with every POST. Who sends neither
is no browser. Ports count: another program on this machine is somebody else, although a cookie goes to it as well.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request

OURS = frozenset({"same-origin", "none"})
"""`none` is a person's own doing: an address that was typed, a bookmark."""

MAX_PATH = 2000


def from_our_page(request: Request, hosts: frozenset[str]) -> bool | None:
    """Whether it comes from a page of this gateway; None when no browser says where it comes from. `hosts` are the
    gateway's other names, whose pages on the usual port are its own: a proxy may stand before it."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in OURS
    origins = request.headers.getlist("origin")
    if not origins:
        return None
    try:
        origin = urlsplit(origins[0])
        port = origin.port
    except ValueError:
        return False
    if len(origins) > 1 or origin.scheme not in ("http", "https"):
        return False
    return origin.netloc.lower() == request.headers.get("host", "").lower() or (port is None and origin.netloc in hosts)


def used_elsewhere(request: Request) -> bool:
    """Whether a page from elsewhere uses it, as an image, in a frame, or by a script, and does not merely lead to it.
    It is shown no answer, but sees how long one takes, which says whether something is there."""
    site = request.headers.get("sec-fetch-site")
    return site is not None and site not in OURS and request.headers.get("sec-fetch-dest") != "document"


def own_path(text: str | None) -> str | None:
    """A path of this gateway with its query, as somebody may be sent to; None for anything else."""
    if not text or len(text) > MAX_PATH or not text.isascii() or not text.isprintable():
        return None
    # two slashes, or a backslash that a browser takes for one, begin the name of another host
    return text if text.startswith("/") and not text.startswith("//") and "\\" not in text and " " not in text else None
