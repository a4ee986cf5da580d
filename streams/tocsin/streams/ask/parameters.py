"""The parameters of a question, read strictly: one that is not known, or said twice, is refused by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct
from starlette.requests import Request

from tocsin.connectors.commands import moment_of, span_of
from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.gateway.accepting import prefers_page
from tocsin.connectors.gateway.ask_kinds import BAD_PARAMETER
from tocsin.connectors.gateway.problems import Refusal
from tocsin.connectors.store.cursors import LARGEST_PAGE
from tocsin.connectors.store.queries.problems import Filter

EVERYWHERE = ("tenant", "form", "sort")
"""Parameters of every route: read by admission, and where the answer is written."""

MAX_TEXT = 1024
"""Characters of a value."""

SEVERITIES = ("error", "warning", "unknown")

LAST_TIME = 253_402_300_799_999_999
"""The end of the year 9999."""


class Listing(Struct, frozen=True):
    """Which part of a list is asked for."""

    cursor: str | None
    limit: int


class Asked:
    """The parameters of one request. What is read counts as known; `done` refuses the rest."""

    def __init__(self, request: Request, now: int) -> None:
        """`now` is in microseconds: times may be said as a span before it."""
        self._request, self._now = request, now
        self._known, self._by_page = set(EVERYWHERE), prefers_page(request)

    def text(self, name: str) -> str | None:
        """A text that was said once, or None. Raises Refusal."""
        self._known.add(name)
        said = self._request.query_params.getlist(name)
        # A form in a page sends its empty fields, too; a program that does has forgotten something.
        if not said or (said == [""] and self._by_page):
            return None
        if len(said) > 1:
            raise refused(name, "it is said more than once", "say it once")
        if not said[0] or len(said[0]) > MAX_TEXT or "\0" in said[0]:
            raise refused(name, f"it is empty, or has more than {MAX_TEXT} characters", "1 to 1024 characters")
        return said[0]

    def word(self, name: str, words: tuple[str, ...], default: str | None = None) -> str | None:
        """One of these words. Raises Refusal."""
        said = self.text(name)
        if said is not None and said not in words:
            raise refused(name, "it is none of the words", ", ".join(words))
        return default if said is None else said

    def flag(self, name: str) -> bool | None:
        """true or false. Raises Refusal."""
        said = self.word(name, ("true", "false"))
        return None if said is None else said == "true"

    def number(self, name: str, default: int, most: int) -> int:
        """A whole number from 1 on. Raises Refusal."""
        said = self.text(name)
        if said is None:
            return default
        if not said.isascii() or not said.isdigit() or not 1 <= int(said[:9]) <= most or len(said) > len(str(most)):
            raise refused(name, "it is no such number", f"1 to {most}")
        return int(said)

    def time(self, name: str, default: int | None = None) -> int | None:
        """A time in microseconds: RFC 3339, or a span before now (`24h`). Raises Refusal."""
        said = self.text(name)
        if said is None:
            return default
        moment = _moment(said, self._now)
        if moment is None:
            raise refused(name, "it is no time", "RFC 3339 with its zone (2026-11-30T06:00:00Z), or a span ago (24h)")
        return moment

    def listing(self) -> Listing:
        """`cursor` and `limit`. Raises Refusal."""
        return Listing(self.text("cursor"), self.number("limit", 50, LARGEST_PAGE))

    def filter(self) -> Filter:
        """Which problems are meant. Raises Refusal."""
        said: dict[str, Any] = {name: self.text(parameter) for parameter, name in TEXTS.items()}
        said["severity"] = self.word("severity", SEVERITIES)
        said["decision"] = self.word("decision", ("opened", "repeated", "suppressed"))
        return Filter(**said, conformant=self.flag("conformant"), since=self.time("since"), until=self.time("until"))

    def done(self) -> None:
        """Raises Refusal for a parameter that nobody has asked for."""
        for name in self._request.query_params:
            if name not in self._known:
                raise refused(name[:80], "there is no such parameter here", ", ".join(sorted(self._known)))


TEXTS: Mapping[str, str] = {
    "code": "code", "dialect": "dialect", "case": "case", "thread": "thread", "connection": "connection",
    "peer": "sender", "record_type": "record_type", "record": "record_id",
}  # fmt: skip
"""Parameter -> what it is in a filter."""


def refused(name: str, why: str, expected: str) -> Refusal:
    """The refusal of a parameter."""
    return Refusal(BAD_PARAMETER, detail=f"{name}: {why}", parameter=name, expected=expected)


def _moment(said: str, now: int) -> int | None:
    try:
        return max(0, now - span_of(said))
    except Unreadable:
        pass
    try:
        return min(max(0, moment_of(said)), LAST_TIME)
    except Unreadable:
        return None


_STRING = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT}
_TIME_TEXT = "RFC 3339 with its zone, or a span before now: 24h"


def parameter(name: str, schema: dict[str, Any] = _STRING, description: str = "") -> dict[str, Any]:
    """A parameter as OpenAPI says it."""
    return {"name": name, "in": "query", "schema": schema} | ({"description": description} if description else {})


SORTED = parameter("sort", description="A member of the items; -NAME is downwards.")


def listing_parameters() -> list[dict[str, Any]]:
    """`cursor` and `limit`."""
    limit = {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": 50}
    return [parameter("cursor", description="From `next` of the page before."), parameter("limit", limit)]


def time_parameters() -> list[dict[str, Any]]:
    """`since` and `until`."""
    return [parameter(name, description=_TIME_TEXT) for name in ("since", "until")]


def filter_parameters() -> list[dict[str, Any]]:
    """Those of `Asked.filter`."""
    words = {
        "severity": list(SEVERITIES), "decision": ["opened", "repeated", "suppressed"],
    }  # fmt: skip
    return [
        *(parameter(name) for name in TEXTS),
        *(parameter(name, {"type": "string", "enum": values}) for name, values in words.items()),
        parameter("conformant", {"type": "boolean"}),
        *time_parameters(),
    ]


Clock = Callable[[], int]
"""The time in microseconds."""
