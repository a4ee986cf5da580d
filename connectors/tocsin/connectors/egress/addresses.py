"""A URL as a setting or a DID document has it: read strictly, since two programs that read one URL differently may mean
two hosts."""

from __future__ import annotations

import re

from yarl import URL

from tocsin.connectors.guard import why_not_public

MAX_HOST = 253
_AUTHORITY = re.compile(r"[^/]*//([^/?#]*).*")
_NOT_IN_URL = re.compile(r"[\x00-\x20\x7f\\]")


def http_url(text: str) -> URL:
    """An absolute http or https URL, each part of which can be read. Raises ValueError without quoting it."""
    if _NOT_IN_URL.search(text):
        raise ValueError("must have neither spaces, control characters nor backslashes")
    try:
        url = URL(text)
        # what cannot be decoded raises only when it is asked for
        host, _, _ = url.raw_host or "", url.host, url.origin()
        port = url.port
    except Exception:  # whatever the URL library raises: ValueError, UnicodeError, ...
        raise ValueError("must be an http or https URL with a host") from None
    if url.scheme not in ("https", "http") or not 0 < len(host) <= MAX_HOST or not port:
        raise ValueError("must be an http or https URL with a host")
    if ("[" in _AUTHORITY.sub(r"\1", text)) is not (":" in host):
        raise ValueError("has brackets, or a colon, where no IPv6 address is")
    return url


def refuse_private(url: URL) -> None:
    """Raises ValueError for a host that cannot be public."""
    why_not = why_not_public(url.raw_host or "")
    if why_not is not None:
        raise ValueError(f"{why_not}; with allow_private it may be")


def outgoing_url(text: str, *, private: bool) -> URL:
    """A URL that may be asked for: without credentials and fragment; unless `private`, https on port 443 and with a
    host that can be public. Raises ValueError without quoting it."""
    url = http_url(text)
    if url.user is not None or url.password is not None or url.fragment:
        raise ValueError("must have neither a user, a password nor a fragment")
    if not private and (url.scheme != "https" or url.port != 443):
        raise ValueError("must be https on port 443, unless allow_private is set")
    if not private:
        refuse_private(url)
    return url
