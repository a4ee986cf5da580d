"""The routes by which sources send their messages as they are; each source has a module here with its routes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fastapi import APIRouter

from tocsin.connectors.gateway.sources.acapy import acapy_routes
from tocsin.connectors.gateway.sources.heard_lately import HeardLately, heard_routes
from tocsin.connectors.gateway.sources.identus import identus_routes
from tocsin.connectors.gateway.sources.intake import SourceIntake, SourcePorts
from tocsin.connectors.gateway.sources.otlp import otlp_routes
from tocsin.connectors.gateway.sources.sentry import sentry_routes

ROUTES: Sequence[Callable[[SourceIntake], APIRouter]] = (acapy_routes, identus_routes, sentry_routes, otlp_routes)
"""The routes of each source."""


def source_routes(intake: SourceIntake) -> APIRouter:
    """The routes of every source, and the one that says what was heard of them lately."""
    router = APIRouter()
    for routes in ROUTES:
        router.include_router(routes(intake))
    router.include_router(heard_routes(intake.heard_lately))
    return router


__all__ = ["HeardLately", "SourceIntake", "SourcePorts", "source_routes"]
