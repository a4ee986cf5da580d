"""GET /v1/codes and /v1/codes/{code}: the catalogue of codes in the language that the client prefers."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.catalogue import Catalogue, accepted
from tocsin.connectors.gateway.problems import MEDIA_TYPE, NOT_FOUND, Refusal, of_http_status

JSON = "application/json"
FRESH = 300
"""Seconds for which an answer may be used without asking again."""
_PROTOCOL = {"parameters": [{"name": "protocol", "in": "query", "schema": {"type": "string"}}]}
UNKNOWN = "The catalogue has no such code, and none that it begins with."


def codes_routes(catalogue: Catalogue) -> APIRouter:
    """The routes. The catalogue is the same for every tenant; an answer varies by Accept-Language only."""
    router = APIRouter()
    bodies = {language: _list(catalogue, language) for language in catalogue.languages}

    @router.get("/v1/codes", responses=_responses("The whole catalogue"))
    async def every_code(request: Request) -> Response:
        """Every well-known code, in the language that is preferred; English if we have none that is accepted."""
        language = _language(request, catalogue)
        return _answer(request, catalogue, language, bodies[language])

    @router.get("/v1/codes/{code:path}", responses=_responses("One entry") | _not_found(), openapi_extra=_PROTOCOL)
    async def one_code(code: str, request: Request) -> Response:
        """The entry that says most about a code: its own, or that of the longest beginning in whole tokens; `match`
        says which. 404 if there is none. `?protocol=`: as that protocol uses the code."""
        found = catalogue.find(code, request.query_params.get("protocol"))
        if found is None:
            raise Refusal(NOT_FOUND, detail=UNKNOWN)
        language = _language(request, catalogue)
        entry = catalogue.described(found.entry, language)
        document = {"asked": code, "match": found.match, "catalogue": catalogue.sha256} | entry
        return _answer(request, catalogue, language, msgspec.json.encode(document))

    return router


def _list(catalogue: Catalogue, language: str) -> bytes:
    return msgspec.json.encode(
        {
            "catalogue": catalogue.sha256,
            "language": language,
            "languages": catalogue.languages,
            "codes": [catalogue.described(entry, language) for entry in catalogue.entries],
        }
    )


def _language(request: Request, catalogue: Catalogue) -> str:
    return catalogue.language(accepted(",".join(request.headers.getlist("accept-language"))))


def _answer(request: Request, catalogue: Catalogue, language: str, body: bytes) -> Response:
    etag = f'"{catalogue.sha256}-{language}"'
    headers = {"etag": etag, "vary": "Accept-Language", "cache-control": f"public, max-age={FRESH}"}
    if _has(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers | {"content-language": language}, media_type=JSON)


def _has(request: Request, etag: str) -> bool:
    """Whether the client holds this answer already; compared weakly (RFC 9110 13.1.2)."""
    said = ",".join(request.headers.getlist("if-none-match")).split(",")
    tags = {tag.strip().removeprefix("W/") for tag in said}
    return bool(tags & {etag, "*"})


def _responses(description: str) -> dict[int | str, dict[str, Any]]:
    return {
        200: {"description": f"{description}; Content-Language says in which language", "content": {JSON: {}}},
        304: {"description": "If-None-Match names the answer that would be given"},
    }


def _not_found() -> dict[int | str, dict[str, Any]]:
    return {404: {"description": of_http_status(404).title, "content": {MEDIA_TYPE: {}}}}
