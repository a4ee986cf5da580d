"""What a client accepts (RFC 9110, 12.5.1), and whether that is a page for people rather than a document."""

from __future__ import annotations

import re
from collections.abc import Sequence

from starlette.requests import Request

MAX_ACCEPTED = 32
"""How many media ranges of an Accept header are looked at."""

PAGE, DOCUMENT = "text/html", "application/json"

Range = tuple[str, float]

_QUALITY = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")


def ranges_of(request: Request) -> list[Range]:
    """The media ranges that are accepted, each with how much; everything where nothing is said."""
    accepted = ",".join(request.headers.getlist("accept")) or "*/*"
    return [_range(text) for text in accepted.split(",")[:MAX_ACCEPTED]]


def quality(media_type: str, ranges: Sequence[Range]) -> float:
    """How much a media type is wanted: the most specific range that fits says so."""
    main = media_type.partition("/")[0]
    for fits in (media_type, f"{main}/*", "*/*"):
        found = [quality for name, quality in ranges if name == fits]
        if found:
            return max(found)
    return 0.0


def prefers_page(request: Request) -> bool:
    """Whether a page is wanted: by `?form=html`, or because HTML is accepted rather than JSON, as by browsers."""
    said = request.query_params.getlist("form")
    if said:
        return said == ["html"]
    ranges = ranges_of(request)
    return quality(PAGE, ranges) > quality(DOCUMENT, ranges)


def _range(text: str) -> Range:
    name, *parameters = (part.strip().lower() for part in text.split(";"))
    quality = next((part[2:] for part in parameters if part.startswith("q=")), "1")
    return name, min(float(quality), 1.0) if _QUALITY.fullmatch(quality) else 0.0
