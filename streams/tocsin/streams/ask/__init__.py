"""What the bus knows, asked over HTTP: problems, records, threads, connections, cases, peers, numbers, and what is
new."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fastapi import APIRouter

from tocsin.connectors.gateway.page_port import PagePort
from tocsin.connectors.gateway.rates import TenantRates
from tocsin.connectors.store import Store
from tocsin.streams.ask.asking import WAITS, Asking
from tocsin.streams.ask.case_routes import case_routes
from tocsin.streams.ask.dead_facts import DeadPort
from tocsin.streams.ask.dead_routes import dead_routes
from tocsin.streams.ask.delivery_routes import delivery_routes
from tocsin.streams.ask.endpoint_facts import StandingPort
from tocsin.streams.ask.endpoint_routes import endpoint_routes
from tocsin.streams.ask.event_routes import StreamPort, event_routes
from tocsin.streams.ask.home_routes import home_routes
from tocsin.streams.ask.number_routes import number_routes
from tocsin.streams.ask.peer_routes import peer_routes
from tocsin.streams.ask.problem_routes import problem_routes
from tocsin.streams.ask.timeline_routes import timeline_routes
from tocsin.streams.ask.try_routes import RulesPort, try_routes


def ask_routes(
    store: Store,
    public_url: str | None,
    stream: StreamPort,
    waits: Sequence[float] = WAITS,
    pages: PagePort | None = None,
    *,
    standings: StandingPort | None = None,
    letters: DeadPort | None = None,
    rules: RulesPort | None = None,
) -> Callable[[TenantRates], list[APIRouter]]:
    """Every question of the API, over an open store and what happens meanwhile; for `build_gateway`. `public_url` makes
    links absolute; `waits` are the seconds between looks for what was accepted and is not in the store yet; with
    `pages` browsers get pages. Without `standings` there are no routes for endpoints, without
    `letters` only a list of the dead letters, without `rules` nothing can be tried."""
    asking = Asking(store, public_url, waits, pages=pages)
    rooms = (home_routes, problem_routes, timeline_routes, case_routes, delivery_routes, number_routes)

    def routers(rates: TenantRates) -> list[APIRouter]:
        found = [*(routes(asking) for routes in rooms), peer_routes(asking, standings), dead_routes(asking, letters)]
        if standings is not None:
            found.append(endpoint_routes(asking, standings))
        if rules is not None:
            found.append(try_routes(asking, rules, rates))
        return [*found, event_routes(asking, stream, rates)]

    return routers


__all__ = ["ask_routes"]
