"""Admission: who asks, whether that one may, and on whose behalf. Asked once for each request, before its route runs.

Every handler takes the tenant from `caller_of(request)`, and from nowhere else. So an id of another tenant is answered
as any unknown id is: nothing of the caller's has it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import cast

from msgspec.structs import replace
from starlette.requests import Request

from tocsin.connectors.access import EVERY_TENANT, Audit, Caller, Scope
from tocsin.connectors.gateway.access_kinds import BAD_CREDENTIAL, NO_CREDENTIAL, OTHER_TENANT, SCOPE_MISSING
from tocsin.connectors.gateway.audited import AuditedRequest, Told
from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.cookies import ENDED, credential_in
from tocsin.connectors.gateway.credentials import Credentials, address_of, credential_of
from tocsin.connectors.gateway.door import LOOPBACK, host_of
from tocsin.connectors.gateway.problems import BAD_TENANT, FOREIGN_ORIGIN, INTERNAL, Refusal, refusals
from tocsin.connectors.gateway.rates import Payer, TenantRates
from tocsin.connectors.gateway.same_origin import from_our_page, used_elsewhere
from tocsin.connectors.gateway.scopes import CHANGES, READS, Need, Open, action_of, need_of
from tocsin.connectors.publish.reporting import TENANT
from tocsin.schemas.events import CredentialKind

log = logging.getLogger(__name__)

FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")
"""Headers of proxies: who asks through one may be anywhere."""

MAX_TARGET = 255
"""Characters that are kept of what a path names."""

_CALLER = "tocsin.caller"


def caller_of(request: Request) -> Caller:
    """Who asks. As a dependency of FastAPI, too: `caller: Annotated[Caller, Depends(caller_of)]`."""
    return cast(Caller, request.scope[_CALLER])


def caller_if_known(request: Request) -> Caller | None:
    """Who asks; None where that was not asked, or nobody was admitted."""
    return request.scope.get(_CALLER)


def payer_of(request: Request) -> Payer:
    """Whose allowance a request uses up."""
    caller = caller_of(request)
    return Payer(caller.tenant, caller.key, caller.rate)


def admission(
    config: GatewayConfig, credentials: Credentials, audit: Audit | None, rates: TenantRates
) -> Callable[[Request], Awaitable[None]]:
    """The dependency of every route. It raises Refusal for whoever may not ask; what changes something is told to
    `audit`."""

    async def admit(request: Request) -> None:
        route, method = request.scope["route"].path, request.method
        need = need_of(method, route)
        if need is None:
            log.error("the route %s %s is in no row of gateway/scopes.py: it is refused to everybody", method, route)
            raise Refusal(INTERNAL)
        if need is Open.OUR_PAGE and from_our_page(request, config.hosts) is False:
            raise Refusal(FOREIGN_ORIGIN)
        if need in (Open.PUBLIC, Open.OUR_PAGE):
            return
        told = Told(action=action_of(method, route), target=_target_of(request))
        audited = AuditedRequest(request, audit, whole=config.whole_addresses)
        try:
            caller = await _admitted(request, need, config, credentials)
        except Refusal as refusal:
            audited.refused(told, refusal)
            raise
        request.scope[_CALLER] = caller
        told = replace(told, tenant=caller.tenant, credential=caller.kind, who=caller.name or None, key=caller.key)
        if need in CHANGES and method not in READS:
            with refusals():
                await audited.asked(told)
            return
        if isinstance(need, Open):
            return
        audited.used(told, str(need))
        if method in READS:
            rates.charge_read(payer_of(request))

    return admit


async def _admitted(request: Request, need: Need, config: GatewayConfig, credentials: Credentials) -> Caller:
    if isinstance(need, Open):
        kind = CredentialKind.LINK if need is Open.LINK else CredentialKind.NONE
        return Caller(tenant=EVERY_TENANT, scopes=frozenset(), name="", kind=kind)
    caller = await _by_credential(request, config, credentials)
    named = named_tenant(request)
    if named is not None and not caller.every_tenant and named != caller.tenant:
        raise Refusal(OTHER_TENANT)
    if not caller.may(need):
        raise Refusal(SCOPE_MISSING, needed=need.value, scopes=sorted(caller.scopes))
    if not caller.every_tenant:
        return caller
    return replace(caller, tenant=named or config.default_tenant)


async def _by_credential(request: Request, config: GatewayConfig, credentials: Credentials) -> Caller:
    given, kept = credential_of(request), credential_in(request, config)
    if given is None and used_elsewhere(request):
        raise Refusal(FOREIGN_ORIGIN)
    if given is None and request.method not in READS:
        ours = from_our_page(request, config.hosts)
        # A cookie comes with whatever a browser sends here; so does the nearness of who needs no credential.
        if ours is False or (kept is not None and ours is None):
            raise Refusal(FOREIGN_ORIGIN)
    if given is None and kept == ENDED:
        raise Refusal(BAD_CREDENTIAL, detail="You were signed in with a key that holds no more. Sign in again.")
    if given is None and kept is None:
        if needs_none(request, config):
            return Caller(
                tenant=EVERY_TENANT, scopes=frozenset(Scope), name="", kind=CredentialKind.ANONYMOUS, every_tenant=True
            )
        raise Refusal(NO_CREDENTIAL)
    return await credentials.caller(given or kept or "", address_of(request))


def needs_none(request: Request, config: GatewayConfig) -> bool:
    """Whether who asks needs no credential."""
    return config.anonymous == "loopback" and from_this_machine(request)


def named_tenant(request: Request) -> str | None:
    """The tenant that a request names: in its path, its query or a header. Raises Refusal for one that is none, and
    for two."""
    said = {*request.query_params.getlist("tenant"), *request.headers.getlist("tocsin-tenant")}
    if "tenant" in request.path_params:
        said.add(request.path_params["tenant"])
    if not said:
        return None
    tenant = said.pop()
    if said or not TENANT.fullmatch(tenant):
        raise Refusal(BAD_TENANT)
    return tenant


def from_this_machine(request: Request) -> bool:
    """Whether a client asks from the gateway's own machine, by a loopback name, and not through a proxy."""
    near = request.client is not None and request.client.host in LOOPBACK
    # HTTP/1.0 is what a proxy speaks that says nothing of itself (nginx, unless told otherwise), and hardly a client
    direct = request.scope.get("http_version") != "1.0" and not any(one in request.headers for one in FORWARDED)
    return near and direct and host_of(f"//{request.headers.get('host', '')}") in LOOPBACK


def _target_of(request: Request) -> str | None:
    """What the path names; never a link's token, which is a credential."""
    named = {name: value for name, value in request.path_params.items() if name != "token"}
    return next((str(value)[:MAX_TARGET] for value in named.values()), None)
