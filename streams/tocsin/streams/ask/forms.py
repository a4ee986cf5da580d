"""In which form something is answered: by `?form=`, or by what the client accepts (RFC 9110, 12.5.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from starlette.requests import Request

from tocsin.connectors.dialects.table import WRITTEN
from tocsin.connectors.gateway.accepting import quality, ranges_of
from tocsin.connectors.gateway.ask_kinds import NOT_SAYABLE
from tocsin.connectors.gateway.problems import Refusal
from tocsin.streams.rules.documents import media_type_of

JSON, HTML, RAW = "json", "html", "raw"
NO_PAGES = "This gateway has no pages; where it runs: pip install 'tocsin[page]'."

FORMS: Mapping[str, str] = {
    "rfc9457": "application/problem+json",
    JSON: "application/json",
    HTML: "text/html",
    **{dialect: media_type_of(dialect) for dialect in WRITTEN if dialect != "rfc9457"},
}
"""Form -> its media type, the one that is preferred first. `json` is all that is known, `html` a page; the others are
dialects. Of several forms with one media type the first is meant, the others need `?form=`."""


def not_there(said: Sequence[str], forms: Iterable[str]) -> Refusal:
    """The refusal of a form that there is not, or of two."""
    missing = list(said) == [HTML]
    detail = NO_PAGES if missing else "form is none of these, or said twice."
    return Refusal(NOT_SAYABLE, detail=detail, forms=[form for form in forms if not (missing and form == HTML)])


def form_of(request: Request, forms: Mapping[str, str] = FORMS, *only_by_name: str) -> str:
    """The form that is asked for. Raises Refusal: no such form, or none that is accepted."""
    said = request.query_params.getlist("form")
    if said:
        if len(said) == 1 and said[0] in (*forms, *only_by_name):
            return said[0]
        raise not_there(said, (*forms, *only_by_name))
    ranges = ranges_of(request)
    best = max(forms, key=lambda form: quality(forms[form], ranges))
    if quality(forms[best], ranges) <= 0:
        raise Refusal(NOT_SAYABLE, forms=dict(forms))
    return best
