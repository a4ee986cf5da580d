"""A document of JSON as a page: the one place where templates are filled in, and where the headers of pages stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec
from fastapi import APIRouter
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from tocsin.connectors.access import Caller, Scope
from tocsin.connectors.catalogue.languages import accepted
from tocsin.connectors.gateway import GatewayConfig
from tocsin.connectors.gateway.admission import caller_if_known, needs_none
from tocsin.connectors.gateway.cookies import credential_in, end_credential, forget_told, name_in, sign_out, told_in
from tocsin.connectors.gateway.problems import Refusal, refuse
from tocsin.connectors.gateway.same_origin import own_path
from tocsin.streams.ask.asking import answer
from tocsin.streams.page.environment import environment_of
from tocsin.streams.page.static_files import StaticFiles

POLICY = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    # Not no-referrer: with that browsers say `Origin: null` when a button is pressed.
    "referrer-policy": "same-origin",
    "x-robots-tag": "noindex",
    "vary": "accept, accept-language, authorization, cookie",
}
"""Headers of every page: no script and no style but our files, nothing from elsewhere, in no frame."""

FALLBACK = "document"
"""The template of documents that have no page of their own."""


class Frame(Struct, frozen=True, kw_only=True):
    """What every page knows besides its document. `query` are the parameters that were said; `told` is what came of the
    last form; `scopes` is what may be done by who asks; `now` is in microseconds."""

    path: str
    query: tuple[tuple[str, str], ...]
    now: int
    tenant: str = ""
    every_tenant: bool = False
    signed_in: bool = False
    name: str = ""
    scopes: frozenset[str] = frozenset()
    told: Mapping[str, str] = {}
    languages: tuple[str, ...] = ()

    @property
    def here(self) -> str:
        """This page, with all its parameters."""
        return self.path + (f"?{urlencode(self.query)}" if self.query else "")

    def asked(self, name: str) -> str:
        """The value of a parameter, empty when it was not said."""
        return next((value for said, value in self.query if said == name), "")

    def to(self, path: str, **parameters: str) -> str:
        """A path of this gateway with parameters, for the tenant that is looked at."""
        said = [(name, value) for name, value in parameters.items() if value]
        said += [("tenant", self.tenant)] if self.every_tenant and self.tenant else []
        return path + (f"?{urlencode(said)}" if said else "")

    def but(self, **changed: str) -> str:
        """This page with other values of parameters (empty: without them), from its beginning on."""
        kept = [(name, value) for name, value in self.query if name not in changed and name != "cursor"]
        said = [*kept, *((name, value) for name, value in changed.items() if value)]
        return self.path + (f"?{urlencode(said)}" if said else "")

    def sorted_by(self, name: str) -> str:
        """This page sorted by a member, or the other way round when it is so already."""
        return self.but(sort=f"-{name}" if self.asked("sort") == name else name)

    def may(self, scope: str) -> bool:
        """Whether who looks may also do this: `command`, `admin`."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


class Pages:
    """A `PagePort`. `public_url`: links that begin with it are of this gateway, under whatever name it was asked."""

    def __init__(self, public_url: str | None) -> None:
        self._public = (public_url or "").rstrip("/")
        self._files = StaticFiles()
        self._environment = environment_of(self._files.path_of)
        for name in self._environment.list_templates():
            self._environment.get_template(name)  # a fault in one is found at the start, not by who opens it

    def render(self, name: str, document: Mapping[str, Any], frame: Frame) -> str:
        """The page of a document that is as JSON has it: texts, numbers, lists and dictionaries alone. The template is
        NAME.html, which has `doc` and `frame`."""
        template = self._environment.select_template([f"{name}.html", f"{FALLBACK}.html"])
        return template.render(doc=document, frame=frame, page=name)

    def shown(self, request: Request, name: str, document: Mapping[str, Any], now: int) -> Response:
        """The page of a document; 304 when the browser has just that."""
        plain = self._local(msgspec.json.decode(msgspec.json.encode(document)))
        told = told_in(request)
        page = self.render(name, plain, _frame(request, now, told))
        response = answer(request, page.encode(), "text/html", POLICY)
        if told:
            forget_told(response, request, request.app.state.config)
        return response

    def refused(self, request: Request, refusal: Refusal) -> Response:
        """The page of a refusal, with its status and headers."""
        plain = refuse(refusal)
        document = msgspec.json.decode(plain.body)
        page = self.render("refused", document, _frame(request, 0, {}))
        kept = {name: value for name, value in plain.headers.items() if not name.startswith("content-")}
        return HTMLResponse(page, refusal.kind.status, headers={**kept, **POLICY, "cache-control": "no-store"})

    def sign_in(self, request: Request, config: GatewayConfig, target: str, refusal: Refusal | None) -> Response:
        """The page by which somebody signs in, and what was not done for want of it; a cookie that does not hold is
        forgotten, or remembered as that where no credential is needed."""
        told = told_in(request) if refusal is None else {}
        document = {
            "next": target,
            "refusal": None if refusal is None else {**refusal.document(), "name": refusal.kind.name},
            "needs_none": needs_none(request, config),
        }
        frame = msgspec.structs.replace(_frame(request, 0, told), signed_in=False)
        page = self.render("sign-in", document, frame)
        status = 200 if refusal is None else refusal.kind.status
        response = HTMLResponse(page, status, headers={**POLICY, "cache-control": "no-store"})
        if refusal is not None and credential_in(request, config) is not None:
            (end_credential if document["needs_none"] else sign_out)(response, config)
        if told:
            forget_told(response, request, config)
        return response

    def routes(self) -> APIRouter:
        """The style sheet and the script."""
        return self._files.routes()

    def _local(self, document: Any) -> Any:
        """The document with links that are paths."""
        if isinstance(document, list):
            return [self._local(one) for one in document]
        if not isinstance(document, dict):
            return document
        return {
            name: self._path(value) if name in ("links", "next") else self._local(value)
            for name, value in document.items()
        }

    def _path(self, link: Any) -> Any:
        if isinstance(link, dict):
            return {name: self._path(value) for name, value in link.items()}
        if not isinstance(link, str):
            return link
        return own_path(link.removeprefix(self._public)) or ""


def _frame(request: Request, now: int, told: Mapping[str, str]) -> Frame:
    caller: Caller | None = caller_if_known(request)
    config: GatewayConfig = request.app.state.config
    return Frame(
        path=request.scope["raw_path"].decode("latin-1"),
        query=tuple(parse_qsl(request.url.query)),
        now=now,
        tenant="" if caller is None else caller.tenant,
        every_tenant=caller is not None and caller.every_tenant,
        signed_in=caller is not None and credential_in(request, config) is not None,
        name=name_in(request) or "",
        scopes=frozenset() if caller is None else frozenset(scope.value for scope in caller.scopes),
        told=told,
        languages=tuple(accepted(request.headers.get("accept-language", ""))),
    )
