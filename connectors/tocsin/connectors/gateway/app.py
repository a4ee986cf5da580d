"""The gateway's FastAPI application, put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from fastapi import APIRouter, Depends, FastAPI
from prometheus_client import CollectorRegistry
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.catalogue import Catalogue
from tocsin.connectors.didcomm.port import Packer
from tocsin.connectors.gateway.accepting import prefers_page
from tocsin.connectors.gateway.act import KnownCasePort, act_routes
from tocsin.connectors.gateway.admission import admission
from tocsin.connectors.gateway.answered import TellAnswers
from tocsin.connectors.gateway.answers import AnswerPort, CasePort, StoredCommands, answer_routes
from tocsin.connectors.gateway.audited import tells_outcomes
from tocsin.connectors.gateway.codes import codes_routes
from tocsin.connectors.gateway.commands import command_routes
from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.credentials import Access, Credentials
from tocsin.connectors.gateway.didcomm import DidcommConfig, Receiver, didcomm_routes
from tocsin.connectors.gateway.door import LOOPBACK, Door
from tocsin.connectors.gateway.endpoint_commands import SteeringPort, endpoint_command_routes
from tocsin.connectors.gateway.flight import Flight, HoldWhileAnswered
from tocsin.connectors.gateway.form_requests import FormRequests
from tocsin.connectors.gateway.ignored import IgnoredDocuments, IgnoredPort
from tocsin.connectors.gateway.inbox import EventPort, Inbox
from tocsin.connectors.gateway.ingest import ingest_routes
from tocsin.connectors.gateway.key_routes import KeyPort, key_routes
from tocsin.connectors.gateway.metrics import GatewayMetrics
from tocsin.connectors.gateway.page_port import PagePort
from tocsin.connectors.gateway.pages import page_routes
from tocsin.connectors.gateway.probes import Ready, probe_routes, registry_routes
from tocsin.connectors.gateway.problems import INTERNAL, Refusal, of_http_status, refuse
from tocsin.connectors.gateway.promises import tell_promises
from tocsin.connectors.gateway.rates import TenantRates
from tocsin.connectors.gateway.services import service_routes
from tocsin.connectors.gateway.sign_in import HOME, back_to, sign_in_routes
from tocsin.connectors.gateway.silences import SilencePort, silence_routes
from tocsin.connectors.gateway.sources import HeardLately, SourceIntake, SourcePorts, source_routes
from tocsin.connectors.gateway.sources.otlp import as_status
from tocsin.connectors.gateway.sources.tried import Tried, tried
from tocsin.connectors.gateway.subscription_requests import SubscriptionPort
from tocsin.connectors.gateway.subscriptions import subscription_routes
from tocsin.connectors.people.action_links import ActionLinks
from tocsin.connectors.redaction import Redactions, default_of
from tocsin.connectors.tracing import NO_TRACING, Tracing
from tocsin.schemas.codec import SHIPPED
from tocsin.schemas.registry import Registry


def build_gateway(
    config: GatewayConfig,
    publisher: EventPort,
    ready: Ready,
    metrics: CollectorRegistry,
    *,
    schemas: Registry | None = None,
    silences: SilencePort | None = None,
    ignored: IgnoredPort | None = None,
    wallets: Mapping[str, str] | None = None,
    redactions: Redactions = default_of,
    answers: AnswerPort | None = None,
    cases: CasePort | None = None,
    links: ActionLinks | None = None,
    known: KnownCasePort | None = None,
    subscriptions: SubscriptionPort | None = None,
    didcomm: tuple[DidcommConfig, Packer] | None = None,
    access: Access | None = None,
    keys: KeyPort | None = None,
    pages: PagePort | None = None,
    steering: SteeringPort | None = None,
    more: Callable[[TenantRates], Iterable[APIRouter]] | None = None,
    tracing: Tracing = NO_TRACING,
) -> FastAPI:
    """The application. `publisher` is open already and is closed by who opened it; `metrics` gets the gateway's own and
    is shown at /metrics, unless the configuration says otherwise; `schemas` is the registry that is served (default:
    the shipped schemas). Without `silences` or `subscriptions` there are no routes for them, without `answers` commands
    are answered with 202 alone, without `cases` only for ids that the rules know. `ignored` keeps documents that are no
    problem, without the secrets that `redactions` says; without it they are only logged. `wallets` names the tenant of
    each wallet of an agent with several. `links` reads those that
    people are sent, `known` says what their cases are. With `didcomm` there is a route for peers,
    and `app.state.receiver` takes what comes otherwise.
    `access` knows who may ask: without it only who needs no credential. `keys` makes and revokes API keys over HTTP.
    With `pages` people can sign in, and see pages where programs get documents. `tracing` makes the spans of requests.
    `steering` enables and disables endpoints of the rules file.
    `more` are routes that need what this package does not know; each is in the table of `scopes`."""
    # A redirect to the path with or without a slash would be built from the Host header.
    access, rates = access or Access(), _rates_of(config)
    credentials = Credentials(access)
    app = FastAPI(
        title="Tocsin gateway", version="1", docs_url=None, redoc_url=None, redirect_slashes=False,
        dependencies=[Depends(admission(config, credentials, access.audit, rates))],
    )  # fmt: skip
    app.state.config, app.state.pages, counts = config, pages, GatewayMetrics(metrics)
    inbox = Inbox(config, publisher, counts)
    no_problems = IgnoredDocuments(ignored, counts, config.deadline, redactions)
    app.include_router(ingest_routes(config, inbox, rates, counts, no_problems))
    heard = HeardLately()
    ports = SourcePorts(inbox=inbox, rates=rates, counts=counts, heard_lately=heard, wallets=wallets or {})
    app.include_router(source_routes(SourceIntake(config, ports)))
    stored = None if answers is None else StoredCommands(answers, cases)
    app.include_router(command_routes(config, inbox, rates, stored))
    app.include_router(act_routes(config, inbox, rates, stored, links, cases=known))
    if stored is not None:
        app.include_router(answer_routes(config, stored))
        app.include_router(endpoint_command_routes(config, steering, rates, stored))
    if silences is not None:
        app.include_router(silence_routes(config, silences, inbox.keys, rates))
    if subscriptions is not None:
        app.include_router(subscription_routes(config, subscriptions, inbox.keys, rates, stored))
    if didcomm is not None:
        app.state.receiver = receiver = Receiver(*didcomm, inbox, rates, counts)
        app.include_router(didcomm_routes(config, receiver))
    if keys is not None:
        app.include_router(key_routes(config, keys, rates))
    app.include_router(service_routes(config, inbox, rates))
    for router in () if more is None else more(rates):
        app.include_router(router)
    app.include_router(codes_routes(Catalogue.load()))
    app.include_router(probe_routes(ready, metrics if config.show_metrics else None))
    if pages is not None:
        app.include_router(sign_in_routes(config, credentials, pages, access.audit))
        app.include_router(pages.routes())
    app.include_router(page_routes(app, None if pages is None else HOME))
    app.include_router(registry_routes(schemas or Registry(SHIPPED), config))
    tell_promises(app)
    _handle_errors(app, counts, config, pages)
    if pages is not None:
        app.add_middleware(FormRequests, config=config)
    app.add_middleware(HoldWhileAnswered, flight=Flight(config.room))
    app.add_middleware(Door, hosts=LOOPBACK | config.hosts, counts=counts)
    told = [counts.answered, *([] if access.audit is None else [tells_outcomes(access.audit)])]
    app.add_middleware(TellAnswers, answered=told, tracing=tracing)
    return app


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
