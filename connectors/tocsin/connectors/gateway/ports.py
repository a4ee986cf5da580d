"""What a gateway works with besides Kafka: each is there or not, and what needs one is there with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from fastapi import APIRouter
from msgspec import Struct

from tocsin.connectors.didcomm.port import Packer
from tocsin.connectors.gateway.act import KnownCasePort
from tocsin.connectors.gateway.answers import AnswerPort, CasePort
from tocsin.connectors.gateway.credentials import Access
from tocsin.connectors.gateway.didcomm import DidcommConfig
from tocsin.connectors.gateway.endpoint_commands import SteeringPort
from tocsin.connectors.gateway.ignored import IgnoredPort
from tocsin.connectors.gateway.key_routes import KeyPort
from tocsin.connectors.gateway.page_port import PagePort
from tocsin.connectors.gateway.rates import TenantRates
from tocsin.connectors.gateway.silences import SilencePort
from tocsin.connectors.gateway.subscription_requests import SubscriptionPort
from tocsin.connectors.people.action_links import ActionLinks
from tocsin.connectors.redaction import Redactions, default_of
from tocsin.connectors.tracing import NO_TRACING, Tracing
from tocsin.schemas.registry import Registry


class Ports(Struct, frozen=True, kw_only=True):
    """The ports of one gateway."""

    schemas: Registry | None = None
    """The registry that is served; without it that of the shipped schemas."""
    silences: SilencePort | None = None
    ignored: IgnoredPort | None = None
    """Keeps documents that are no problem, without the secrets that `redactions` says; without it they are only
    logged."""
    redactions: Redactions = default_of
    wallets: Mapping[str, str] = {}
    """The tenant of each wallet of an agent with several."""
    answers: AnswerPort | None = None
    """Without it commands are answered with 202 alone."""
    cases: CasePort | None = None
    """Without it commands are answered only for ids that the rules know."""
    links: ActionLinks | None = None
    """Reads those that people are sent."""
    known: KnownCasePort | None = None
    """Says what the cases of those links are."""
    subscriptions: SubscriptionPort | None = None
    didcomm: tuple[DidcommConfig, Packer] | None = None
    """For the route by which peers send."""
    access: Access = Access()
    """Knows who may ask; by itself only who needs no credential."""
    keys: KeyPort | None = None
    """Makes and revokes API keys over HTTP."""
    pages: PagePort | None = None
    """With it people can sign in, and see pages where programs get documents."""
    steering: SteeringPort | None = None
    """Enables and disables endpoints of the rules file."""
    more: Callable[[TenantRates], Iterable[APIRouter]] | None = None
    """Routes that need what this package does not know; each is in the table of `scopes`."""
    tracing: Tracing = NO_TRACING
    """Makes the spans of requests."""


NO_PORTS = Ports()
