"""GET and POST /sign-in, POST /sign-out: a browser shows a credential once, and then sends it as a cookie.

Nothing is kept here: the cookie is the credential, and is checked at each request as any other.
"""

from __future__ import annotations

from urllib.parse import parse_qs

from fastapi import APIRouter
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tocsin.connectors.access import Audit, Scope
from tocsin.connectors.gateway import cookies
from tocsin.connectors.gateway.access_kinds import BAD_CREDENTIAL, NO_CREDENTIAL, SCOPE_MISSING
from tocsin.connectors.gateway.admission import needs_none
from tocsin.connectors.gateway.audited import AuditedRequest, Told
from tocsin.connectors.gateway.body import read_body
from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.credentials import Credentials, address_of
from tocsin.connectors.gateway.page_port import PagePort
from tocsin.connectors.gateway.problems import Refusal
from tocsin.connectors.gateway.same_origin import own_path
from tocsin.connectors.gateway.scopes import READS

HOME = "/v1/home"
MAX_FORM = 16 * 1024


def sign_in_routes(
    config: GatewayConfig, credentials: Credentials, pages: PagePort, audit: Audit | None = None
) -> APIRouter:  # fmt: skip
    """The routes. What is refused is counted by `audit`."""
    router = APIRouter(include_in_schema=False)
    bounded = replace(config, max_body=MAX_FORM)

    @router.get("/sign-in")
    async def ask(request: Request) -> Response:
        return pages.sign_in(request, config, own_path(request.query_params.get("next")) or HOME, None)

    @router.post("/sign-in")
    async def take(request: Request) -> Response:
        form = parse_qs((await read_body(request, bounded)).decode("utf-8", "replace"))
        said = {name: values[-1].strip() for name, values in form.items()}
        target, credential = own_path(said.get("next")) or HOME, said.get("credential", "")
        try:
            name = await _holder(request, credential, config, credentials)
        except Refusal as refusal:
            audited = AuditedRequest(request, audit, whole=config.whole_addresses)
            audited.refused(Told(action="POST /sign-in"), refusal)
            return pages.sign_in(request, config, target, refusal)
        response = RedirectResponse(target, 303, headers={"cache-control": "no-store"})
        cookies.sign_in(response, credential, said.get("name") or name, config)
        return response

    @router.post("/sign-out")
    async def leave(request: Request) -> Response:
        response = RedirectResponse("/sign-in", 303, headers={"cache-control": "no-store"})
        cookies.sign_out(response, config)
        return response

    return router


def back_to(request: Request) -> str:
    """Where somebody goes on who has to sign in first: to what was asked for, if that was only asked."""
    if request.method not in READS:
        return HOME
    path = request.scope["raw_path"].decode("latin-1") + (f"?{request.url.query}" if request.url.query else "")
    return own_path(path) or HOME


async def _holder(request: Request, credential: str, config: GatewayConfig, credentials: Credentials) -> str:
    """What the holder of a credential is called. Raises Refusal for one that does not hold, or may not read; none at
    all is enough where none is needed, to say a name."""
    if not credential and needs_none(request, config):
        return ""
    if not credential:
        raise Refusal(NO_CREDENTIAL, detail="Paste an API key, which begins with tocsin_, or a token.")
    if not cookies.can_be_kept(credential):
        raise Refusal(BAD_CREDENTIAL, detail="It has characters that no key or token has, or too many for a browser.")
    caller = await credentials.caller(credential, address_of(request))
    if not caller.may(Scope.READ):
        raise Refusal(SCOPE_MISSING, needed=Scope.READ.value, scopes=sorted(caller.scopes))
    return caller.name
