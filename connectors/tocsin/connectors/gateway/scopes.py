"""The one table of who may ask for what: route and method -> scope. A route that is not in it is refused to everybody.

The tenant is no column: it comes from the credential, whatever the route.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from tocsin.connectors.access import Scope


class Open(Enum):
    """Routes for which no credential is asked."""

    PUBLIC = "what it says is the same for everybody, and of nobody"
    LINK = "the link is the credential: it is signed, and for one thing"
    OUR_PAGE = "nothing of anybody's is told or done; a browser may send it from a page of ours alone"
    ENVELOPE = "the envelope is the credential: who packed it has shown it by a key, and ours says the tenant"


Need = Scope | Open

_PUBLISH, _READ, _COMMAND, _ADMIN = Scope.PUBLISH, Scope.READ, Scope.COMMAND, Scope.ADMIN

ROUTES: Mapping[str, Mapping[str, Need]] = {
    "/": {"GET": Open.PUBLIC},
    "/sign-in": {"GET": Open.PUBLIC, "POST": Open.OUR_PAGE},
    "/sign-out": {"POST": Open.OUR_PAGE},
    "/static/{file}": {"GET": Open.PUBLIC},
    "/docs": {"GET": Open.PUBLIC},
    "/openapi.json": {"GET": Open.PUBLIC, "HEAD": Open.PUBLIC},
    "/healthz": {"GET": Open.PUBLIC},
    "/readyz": {"GET": Open.PUBLIC},
    "/metrics": {"GET": Scope.METRICS},
    "/v1/codes": {"GET": Open.PUBLIC},
    "/v1/codes/{code:path}": {"GET": Open.PUBLIC},
    "/schemas/{rest:path}": {"GET": Open.PUBLIC},
    "/subjects": {"GET": Open.PUBLIC},
    "/subjects/{rest:path}": dict.fromkeys(("GET", "POST", "PUT", "DELETE"), Open.PUBLIC),  # read-only
    "/config": {"GET": Open.PUBLIC},
    "/mode": {"GET": Open.PUBLIC},
    "/v1/home": {"GET": _READ},
    "/v1/problems": {"GET": _READ, "POST": _PUBLISH},
    "/v1/problems/{problem}": {"GET": _READ},
    "/v1/records/{record_type}/{record:path}": {"GET": _READ},
    "/v1/threads/{thread:path}": {"GET": _READ},
    "/v1/connections": {"GET": _READ},
    "/v1/connections/{connection:path}": {"GET": _READ},
    "/v1/cases": {"GET": _READ},
    "/v1/cases/{case_id}": {"GET": _READ},
    "/v1/deliveries": {"GET": _READ},
    "/v1/deliveries/{delivery_id}": {"GET": _READ},
    "/v1/dead": {"GET": _READ},
    "/v1/dead/{letter}": {"GET": _READ},
    "/v1/dead/{letter}/replay": {"POST": _COMMAND},
    "/v1/events": {"GET": _READ},
    "/v1/try": {"GET": _READ, "POST": _READ},
    "/v1/statistics": {"GET": _READ},
    "/v1/endpoints": {"GET": _READ},
    "/v1/endpoints/{name:path}": {"GET": _READ},
    "/v1/endpoints/{name:path}/enable": {"POST": _COMMAND},
    "/v1/endpoints/{name:path}/disable": {"POST": _COMMAND},
    "/v1/loops": {"GET": _READ},
    "/v1/peers": {"GET": _READ},
    "/v1/peers/{peer:path}": {"GET": _READ},
    "/v1/activity": {"POST": _PUBLISH},
    "/v1/batch": {"POST": _PUBLISH},
    "/didcomm": {"POST": Open.ENVELOPE},
    "/v1/sources": {"GET": _READ},
    "/v1/logs": {"POST": _PUBLISH},
    "/v1/traces": {"POST": _PUBLISH},
    "/v1/metrics": {"POST": Open.PUBLIC},
    "/v1/agents/acapy/topic/{topic}": {"POST": _PUBLISH},
    "/v1/agents/acapy/topic/{topic}/": {"POST": _PUBLISH},
    "/v1/agents/acapy/{tenant}/topic/{topic}": {"POST": _PUBLISH},
    "/v1/agents/acapy/{tenant}/topic/{topic}/": {"POST": _PUBLISH},
    "/v1/agents/identus": {"POST": _PUBLISH},
    "/v1/agents/identus/": {"POST": _PUBLISH},
    "/v1/agents/identus/{tenant}": {"POST": _PUBLISH},
    "/v1/agents/identus/{tenant}/": {"POST": _PUBLISH},
    "/api/{project}/envelope": {"POST": _PUBLISH},
    "/api/{project}/envelope/": {"POST": _PUBLISH},
    "/api/{project}/store": {"POST": _PUBLISH},
    "/api/{project}/store/": {"POST": _PUBLISH},
    "/v1/read": {"POST": _PUBLISH},
    "/v1/unwrap": {"POST": _PUBLISH},
    "/v1/mediation/decide": {"POST": _PUBLISH},
    "/v1/problems/{target:path}/acknowledge": {"POST": _COMMAND},
    "/v1/problems/{target:path}/resolve": {"POST": _COMMAND},
    "/v1/problems/{target:path}/snooze": {"POST": _COMMAND},
    "/v1/problems/{target:path}/choose": {"POST": _COMMAND},
    "/v1/commands/{command}": {"GET": _COMMAND},
    "/v1/act/{token}": dict.fromkeys(("GET", "HEAD", "POST"), Open.LINK),
    "/v1/silences": {"GET": _READ, "POST": _COMMAND},
    "/v1/silences/{silence}": {"DELETE": _COMMAND},
    "/v1/subscriptions": {"GET": _READ, "POST": _ADMIN},
    "/v1/subscriptions/{name}": {"GET": _READ, "PUT": _ADMIN, "DELETE": _ADMIN},
    "/v1/subscriptions/{name}/rotate": {"POST": _ADMIN},
    "/v1/subscriptions/{name}/test": {"POST": _ADMIN},
    "/v1/subscriptions/{name}/enable": {"POST": _COMMAND},
    "/v1/subscriptions/{name}/disable": {"POST": _COMMAND},
    "/v1/keys": {"GET": _ADMIN, "POST": _ADMIN},
    "/v1/keys/{key}": {"DELETE": _ADMIN},
    "/v1/keys/{key}/rotate": {"POST": _ADMIN},
}
"""Every route of the gateway. Subscriptions send a tenant's problems anywhere, hence `admin`."""

CHANGES = frozenset({Scope.COMMAND, Scope.ADMIN, Open.LINK})
"""What is written down one by one, before it is done, if its method is none that only reads."""

READS = frozenset({"GET", "HEAD"})

_ACTIONS = {
    ("POST", "/v1/keys"): "key.create",
    ("DELETE", "/v1/keys/{key}"): "key.revoke",
    ("POST", "/v1/keys/{key}/rotate"): "key.rotate",
}


def need_of(method: str, route: str) -> Need | None:
    """What a route asks for; None for one that is not in the table."""
    return ROUTES.get(route, {}).get(method)


def action_of(method: str, route: str) -> str:
    """What a request is called on the topic `audit`."""
    return _ACTIONS.get((method, route), f"{method} {route}")
