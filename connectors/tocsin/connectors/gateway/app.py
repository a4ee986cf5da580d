"""The gateway's FastAPI application, put together."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import APIRouter, Depends, FastAPI
from prometheus_client import CollectorRegistry
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.catalogue import Catalogue
from tocsin.connectors.gateway.accepting import prefers_page
from tocsin.connectors.gateway.act import act_routes
from tocsin.connectors.gateway.admission import admission
from tocsin.connectors.gateway.answered import TellAnswers
from tocsin.connectors.gateway.answers import StoredCommands, answer_routes
from tocsin.connectors.gateway.audited import tells_outcomes
from tocsin.connectors.gateway.codes import codes_routes
from tocsin.connectors.gateway.commands import command_routes
from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.credentials import Credentials
from tocsin.connectors.gateway.didcomm import Receiver, didcomm_routes
from tocsin.connectors.gateway.door import LOOPBACK, Door
from tocsin.connectors.gateway.endpoint_commands import endpoint_command_routes
from tocsin.connectors.gateway.flight import Flight, HoldWhileAnswered
from tocsin.connectors.gateway.form_requests import FormRequests
from tocsin.connectors.gateway.ignored import IgnoredDocuments
from tocsin.connectors.gateway.inbox import EventPort, Inbox
from tocsin.connectors.gateway.ingest import ingest_routes
from tocsin.connectors.gateway.key_routes import key_routes
from tocsin.connectors.gateway.metrics import GatewayMetrics
from tocsin.connectors.gateway.page_port import PagePort
from tocsin.connectors.gateway.pages import page_routes
from tocsin.connectors.gateway.ports import NO_PORTS, Ports
from tocsin.connectors.gateway.probes import Ready, probe_routes, registry_routes
from tocsin.connectors.gateway.problems import INTERNAL, Refusal, of_http_status, refuse
from tocsin.connectors.gateway.promises import tell_promises
from tocsin.connectors.gateway.rates import TenantRates
from tocsin.connectors.gateway.services import service_routes
from tocsin.connectors.gateway.sign_in import HOME, back_to, sign_in_routes
from tocsin.connectors.gateway.silences import silence_routes
from tocsin.connectors.gateway.sources import HeardLately, SourceIntake, SourcePorts, source_routes
from tocsin.connectors.gateway.sources.otlp import as_status
from tocsin.connectors.gateway.sources.tried import Tried, tried
from tocsin.connectors.gateway.subscriptions import subscription_routes
from tocsin.schemas.codec import SHIPPED
from tocsin.schemas.registry import Registry


def build_gateway(
    config: GatewayConfig, publisher: EventPort, ready: Ready, metrics: CollectorRegistry, ports: Ports = NO_PORTS
) -> FastAPI:
    """The application. `publisher` is open already and is closed by who opened it; `metrics` gets the gateway's own and
    is shown at /metrics, unless the configuration says otherwise. With `ports.didcomm` the `state.receiver` of what is
    made takes what does not come by HTTP."""
    access, rates, counts = ports.access, _rates_of(config), GatewayMetrics(metrics)
    credentials = Credentials(access)
    # A redirect to the path with or without a slash would be built from the Host header.
    app = FastAPI(
        title="Tocsin gateway", version="1", docs_url=None, redoc_url=None, redirect_slashes=False,
        dependencies=[Depends(admission(config, credentials, access.audit, rates))],
    )  # fmt: skip
    app.state.config, app.state.pages = config, ports.pages
    inbox = Inbox(config, publisher, counts)
    routers = (
        *_taking(app, config, ports, inbox, rates, counts),
        *_answering(config, ports, inbox, rates),
        codes_routes(Catalogue.load()),
        probe_routes(ready, metrics if config.show_metrics else None),
        *_paging(app, config, ports, credentials),
        registry_routes(ports.schemas or Registry(SHIPPED), config),
    )
    for router in routers:
        app.include_router(router)
    tell_promises(app)
    _handle_errors(app, counts, config, ports.pages)
    if ports.pages is not None:
        app.add_middleware(FormRequests, config=config)
    app.add_middleware(HoldWhileAnswered, flight=Flight(config.room))
    app.add_middleware(Door, hosts=LOOPBACK | config.hosts, counts=counts)
    told = [counts.answered, *([] if access.audit is None else [tells_outcomes(access.audit)])]
    app.add_middleware(TellAnswers, answered=told, tracing=ports.tracing)
    return app


def _taking(
    app: FastAPI, config: GatewayConfig, ports: Ports, inbox: Inbox, rates: TenantRates, counts: GatewayMetrics
) -> Iterator[APIRouter]:
    """What takes reports."""
    no_problems = IgnoredDocuments(ports.ignored, counts, config.deadline, ports.redactions)
    yield ingest_routes(config, inbox, rates, counts, no_problems)
    sources = SourcePorts(inbox=inbox, rates=rates, counts=counts, heard_lately=HeardLately(), wallets=ports.wallets)
    yield source_routes(SourceIntake(config, sources))
    if ports.didcomm is not None:
        app.state.receiver = receiver = Receiver(*ports.didcomm, inbox, rates, counts)
        yield didcomm_routes(config, receiver)


def _answering(config: GatewayConfig, ports: Ports, inbox: Inbox, rates: TenantRates) -> Iterator[APIRouter]:
    """What people and programs ask for and want done."""
    stored = None if ports.answers is None else StoredCommands(ports.answers, ports.cases)
    yield command_routes(config, inbox, rates, stored)
    yield act_routes(config, inbox, rates, stored, ports.links, cases=ports.known)
    if stored is not None:
        yield answer_routes(config, stored)
        yield endpoint_command_routes(config, ports.steering, rates, stored)
    if ports.silences is not None:
        yield silence_routes(config, ports.silences, inbox.keys, rates)
    if ports.subscriptions is not None:
        yield subscription_routes(config, ports.subscriptions, inbox.keys, rates, stored)
    if ports.keys is not None:
        yield key_routes(config, ports.keys, rates)
    yield service_routes(config, inbox, rates)
    if ports.more is not None:
        yield from ports.more(rates)


def _paging(app: FastAPI, config: GatewayConfig, ports: Ports, credentials: Credentials) -> Iterator[APIRouter]:
    """What people see."""
    if ports.pages is not None:
        yield sign_in_routes(config, credentials, ports.pages, ports.access.audit)
        yield ports.pages.routes()
    yield page_routes(app, None if ports.pages is None else HOME)


def _rates_of(config: GatewayConfig) -> TenantRates:
    return TenantRates(
        config.tenant_documents, config.tenant_bytes, reads=config.tenant_reads, streams=config.tenant_streams
    )


def _handle_errors(app: FastAPI, counts: GatewayMetrics, config: GatewayConfig, pages: PagePort | None) -> None:
    def answered(request: Request, refusal: Refusal, headers: dict[str, str] | None = None) -> Response:
        counts.count_refused(refusal.kind.name)
        if (status := as_status(request, refusal, headers)) is not None:
            return status
        if pages is None or not prefers_page(request):
            return refuse(refusal, headers)
        if refusal.kind.status != 401:
            return pages.refused(request, refusal)
        return pages.sign_in(request, config, back_to(request), refusal)

    @app.exception_handler(Refusal)
    async def refused(request: Request, refusal: Refusal) -> Response:
        return answered(request, refusal)

    @app.exception_handler(Tried)
    async def only_tried(request: Request, found: Tried) -> Response:
        return tried(found.answer)

    @app.exception_handler(HTTPException)
    async def by_the_framework(request: Request, error: HTTPException) -> Response:
        return answered(request, Refusal(of_http_status(error.status_code)), dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        # The framework logs it; the client learns nothing of it.
        return answered(request, Refusal(INTERNAL))
