"""URIs in reports: where help or the state of a problem is to be found."""

from __future__ import annotations

import re
from urllib.parse import quote

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+")
_MAIL_ADDRESS = re.compile(r"[^\s@:/]+@[^\s@:/]+")


def is_uri(text: str) -> bool:
    """Whether the text is an absolute URI, by its characters (RFC 3986 section 2; the grammar is not checked)."""
    return _URI.fullmatch(text) is not None


def as_uri(text: str | None) -> str | None:
    """A URI as it is; a bare e-mail address becomes `mailto:` (REQUIREMENTS b.1 19), letters beyond ASCII are percent
    encoded (RFC 3987 section 3.1); None for what is no URI even then."""
    if text and _MAIL_ADDRESS.fullmatch(text):
        text = f"mailto:{text}"
    if text and not text.isascii():
        text = "".join(each if each.isascii() else quote(each, errors="replace") for each in text)
    return text if text and is_uri(text) else None
