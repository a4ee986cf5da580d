"""Two pages for whoever opens the gateway in a browser: what it is, and what it takes. Plain HTML, no script."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from tocsin.connectors.gateway.accepting import prefers_page

METHODS = ("get", "post", "put", "delete")
POLICY = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    "x-content-type-options": "nosniff",
}
"""Headers of both pages: nothing is loaded from anywhere."""

_HEAD = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width"><style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem;
  color-scheme: light dark }}
pre {{ overflow-x: auto; padding: .5rem; border: 1px solid gray }} h2 {{ margin-top: 2rem; font-size: 1rem }}
</style><h1>{title}</h1>"""

HOME = """<p>This is a gateway of Tocsin, the error notification bus. It takes problems, and answers 202
when Kafka has them:</p>
<pre>curl -i ADDRESS/v1/problems -H 'content-type: application/problem+json' \\
  -d '{"title": "The ledger did not answer", "status": 504}'</pre>
<ul><li><a href="docs">what it takes</a> (<a href="openapi.json">OpenAPI</a>)</li>
<li><a href="v1/codes">the codes that it knows</a></li>
<li><a href="readyz">whether it is ready</a></li></ul>"""


def page_of(title: str, content: str) -> str:
    """A page; the title is text, the content HTML."""
    return _HEAD.format(title=escape(title)) + content


def page_routes(app: FastAPI, home_page: str | None = None) -> APIRouter:
    """The routes; `app` is asked for its OpenAPI document. A browser is sent to the `home_page`, if there is one."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def home(request: Request) -> Response:
        if home_page is not None and prefers_page(request):
            return RedirectResponse(home_page, 303, headers={"vary": "accept"})
        return HTMLResponse(page_of("Tocsin", HOME), headers=POLICY)

    @router.get("/docs")
    async def documentation() -> Response:
        return HTMLResponse(page_of("Tocsin: the gateway", "".join(_operations(app.openapi()))), headers=POLICY)

    return router


def _operations(document: dict[str, Any]) -> Iterator[str]:
    yield '<p>The same for programs: <a href="openapi.json">openapi.json</a>.</p>'
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method not in METHODS:
                continue
            yield f"<h2><code>{method.upper()} {escape(path)}</code></h2>"
            yield f"<p>{escape(operation.get('description', ''))}</p>"
            if promise := operation.get("x-stability"):
                yield f"<p><em>{escape(promise)}</em></p>"
            names = [f"{each['name']} ({each['in']})" for each in operation.get("parameters", ())]
            if names:
                yield f"<p>Parameters: {escape(', '.join(names))}</p>"
            for media_type, body in operation.get("requestBody", {}).get("content", {}).items():
                if "example" in body:
                    yield f"<p>{escape(media_type)}</p><pre>{escape(_shown(body['example']))}</pre>"


def _shown(example: object) -> str:
    return example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)
