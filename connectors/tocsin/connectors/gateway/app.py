"""The gateway's FastAPI application, put together."""

from __future__ import annotations

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.catalogue import Catalogue
from tocsin.connectors.gateway.act import act_routes
from tocsin.connectors.gateway.answers import AnswerPort, CasePort, StoredCommands, answer_routes
from tocsin.connectors.gateway.codes import codes_routes
from tocsin.connectors.gateway.commands import command_routes
from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.door import LOOPBACK, Door
from tocsin.connectors.gateway.flight import Flight, HoldWhileAnswered
from tocsin.connectors.gateway.ignored import IgnoredDocuments, IgnoredPort
from tocsin.connectors.gateway.inbox import EventPort, Inbox
from tocsin.connectors.gateway.ingest import ingest_routes
from tocsin.connectors.gateway.metrics import CountRequests, GatewayMetrics
from tocsin.connectors.gateway.pages import page_routes
from tocsin.connectors.gateway.probes import Ready, probe_routes, registry_routes
from tocsin.connectors.gateway.problems import INTERNAL, Refusal, of_http_status, refuse
from tocsin.connectors.gateway.rates import TenantRates
from tocsin.connectors.gateway.services import service_routes
from tocsin.connectors.gateway.silences import SilencePort, silence_routes
from tocsin.connectors.gateway.subscription_requests import SubscriptionPort
from tocsin.connectors.gateway.subscriptions import subscription_routes
from tocsin.connectors.people.action_links import ActionLinks
from tocsin.connectors.redaction import Redactions, default_of
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
    redactions: Redactions = default_of,
    answers: AnswerPort | None = None,
    cases: CasePort | None = None,
    links: ActionLinks | None = None,
    subscriptions: SubscriptionPort | None = None,
) -> FastAPI:
    """The application. `publisher` is open already and is closed by who opened it; `metrics` gets the gateway's own and
    is shown at /metrics, unless the configuration says otherwise; `schemas` is the registry that is served (default:
    the shipped schemas). Without `silences` or `subscriptions` there are no routes for them, without `answers` commands
    are answered with 202 alone, without `cases` only for ids that the rules know. `ignored` keeps documents that are no
    problem, without the secrets that `redactions` says; without it they are only logged. `links` reads those that
    people are sent."""
    # A redirect to the path with or without a slash would be built from the Host header.
    app = FastAPI(title="Tocsin gateway", version="1", docs_url=None, redoc_url=None, redirect_slashes=False)
    counts = GatewayMetrics(metrics)
    inbox = Inbox(config, publisher, counts)
    rates = TenantRates(config.tenant_documents, config.tenant_bytes)
    no_problems = IgnoredDocuments(ignored, counts, config.deadline, redactions)
    app.include_router(ingest_routes(config, inbox, rates, counts, no_problems))
    stored = None if answers is None else StoredCommands(answers, cases)
    app.include_router(command_routes(config, inbox, rates, stored))
    app.include_router(act_routes(config, inbox, rates, stored, links))
    if stored is not None:
        app.include_router(answer_routes(config, stored))
    if silences is not None:
        app.include_router(silence_routes(config, silences, inbox.keys, rates))
    if subscriptions is not None:
        app.include_router(subscription_routes(config, subscriptions, inbox.keys, rates, stored))
    app.include_router(service_routes(config, inbox, rates))
    app.include_router(codes_routes(Catalogue.load()))
    app.include_router(probe_routes(ready, metrics if config.show_metrics else None))
    app.include_router(page_routes(app))
    app.include_router(registry_routes(schemas or Registry(SHIPPED), config))
    _handle_errors(app, counts)
    app.add_middleware(HoldWhileAnswered, flight=Flight(config.room))
    app.add_middleware(Door, hosts=LOOPBACK | config.hosts, counts=counts)
    app.add_middleware(CountRequests, counts=counts)
    return app


def _handle_errors(app: FastAPI, counts: GatewayMetrics) -> None:
    @app.exception_handler(Refusal)
    async def refused(request: Request, refusal: Refusal) -> Response:
        counts.count_refused(refusal.kind.name)
        return refuse(refusal)

    @app.exception_handler(HTTPException)
    async def by_the_framework(request: Request, error: HTTPException) -> Response:
        refusal = Refusal(of_http_status(error.status_code))
        counts.count_refused(refusal.kind.name)
        return refuse(refusal, dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        # The framework logs it; the client learns nothing of it.
        counts.count_refused(INTERNAL.name)
        return refuse(Refusal(INTERNAL))
