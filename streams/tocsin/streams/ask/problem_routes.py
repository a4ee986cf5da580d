"""GET /v1/problems/{id} (the RFC 9457 `instance` of an occurrence, the same for ever), and lists of problems."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.catalogue.languages import accepted
from tocsin.connectors.gateway.admission import caller_of
from tocsin.connectors.gateway.ask_kinds import NOT_SAYABLE
from tocsin.connectors.gateway.problems import Refusal
from tocsin.connectors.store.structs import Occurrence
from tocsin.streams.ask.asking import Asking, answer, answers, json_answer, openapi, store_refusals
from tocsin.streams.ask.forms import FORMS, HTML, JSON, RAW, form_of
from tocsin.streams.ask.parameters import filter_parameters, listing_parameters, parameter
from tocsin.streams.ask.problem_answers import LINE, WHOLE, Known, changed_since, document, line, pressed_at, whole
from tocsin.streams.ask.showing import page, page_schema

RAW_TYPE = "application/octet-stream"
"""Never its own media type: what a stranger wrote is no page of ours."""
SAYABLE = tuple(form for form in FORMS if form not in (JSON, HTML))


def problem_routes(asking: Asking) -> APIRouter:
    """The routes."""
    router = APIRouter()
    one = answers(WHOLE) | {406: {"description": "In no form that is accepted"}}
    for media_type in (*FORMS.values(), RAW_TYPE):
        one[200]["content"].setdefault(media_type, {})
    # with `form`, also a document of a dialect that has no media type of its own
    one[200]["content"]["application/json"] = {"schema": {"anyOf": [WHOLE, {"type": "object"}]}}

    @router.get(
        "/v1/problems/{problem}",
        responses=one,
        openapi_extra=openapi(parameter("form", {"enum": [*FORMS, RAW]})),
    )
    async def problem(request: Request, problem: str) -> Response:
        """A problem, in the form that Accept or `form` says: its RFC 9457 document, all that is known of it, a document
        of another dialect, as it came (`form=raw`), or a page. One that was accepted a moment ago is waited for."""
        form, asked = form_of(request, asking.forms(FORMS), RAW), asking.asked(request)
        asked.text("form")
        asked.done()
        reader = asking.reader(request)

        async def found() -> Occurrence | None:
            occurrence = await reader.problem(problem.removeprefix("urn:uuid:"))
            return None if occurrence is None or (occurrence.document is None and form != JSON) else occurrence

        occurrence = await asking.awaited(found)
        return await _answered(asking, request, occurrence, form)

    @router.get(
        "/v1/problems",
        responses=answers(page_schema(LINE)),
        openapi_extra=openapi(
            parameter("q", description="Words; `begin*` is how one begins."),
            *filter_parameters(),
            *listing_parameters(),
        ),
    )
    async def problems(request: Request) -> Response:
        """The problems that are meant, newest first; with `q` those with all its words."""
        asked, links = asking.asked(request), asking.links(request)
        wanted, part, question = asked.filter(), asked.listing(), asked.text("q")
        asked.done()
        reader, standing = asking.reader(request), await asking.standing(request)
        with store_refusals():
            if question is None:
                found = await reader.problems(wanted, part.cursor, part.limit)
            else:
                found = await reader.search(question, wanted, part.cursor, part.limit)
        rows = (line(row, links) for row in found.items)
        return asking.shown(request, "problems", page(found, links.next(found.cursor), rows) | standing)

    return router


async def _answered(asking: Asking, request: Request, occurrence: Occurrence, form: str) -> Response:
    links = asking.links(request)
    if form == RAW:
        return answer(request, occurrence.raw or b"", RAW_TYPE, {"content-disposition": "attachment"})
    around = {"link": f'<{links.problem(occurrence.id)}>; rel="self"'}
    if form not in (JSON, HTML):
        body = document(occurrence, form, links)
        if body is None:
            sayable = [name for name in SAYABLE if document(occurrence, name, links) is not None]
            raise Refusal(NOT_SAYABLE, detail=f"{form} cannot say this problem.", forms=[*sayable, JSON, HTML])
        return answer(request, body, FORMS[form], around)
    known = await _known(asking, request, occurrence)
    tenant, now = caller_of(request).tenant, asking.clock()
    languages = tuple(accepted(",".join(request.headers.getlist("accept-language"))))
    all_known = whole(known, tenant, links, now, languages)
    if form == HTML:
        return asking.page(request, "problem", all_known)
    return json_answer(request, all_known, around)


async def _known(asking: Asking, request: Request, occurrence: Occurrence) -> Known:
    reader = asking.reader(request)
    case_id, case = occurrence.case_id, None
    if case_id is not None and pressed_at(request) is not None:
        case = await asking.awaited(
            lambda: reader.case(case_id, limit=1), lambda found: changed_since(found.row, pressed_at(request))
        )
    with store_refusals():
        if case_id is not None and case is None:
            case = await reader.case(case_id, limit=1)
        return Known(occurrence, case, await reader.told_about(occurrence.id, occurrence.case_id))
