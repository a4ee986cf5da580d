"""What the gateway is told of DIDComm besides its keys."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from msgspec import Struct, field

from tocsin.connectors.didcomm.dids import same_did
from tocsin.connectors.didcomm.port import OwnDid
from tocsin.connectors.gateway.rates import Rate
from tocsin.connectors.mediation import ScenarioTable, load_table

TABLE = "tocsin-didcomm"
OPERATORS = "tocsin"
"""The tenant to which troubles with senders who have proven nothing are reported: the operators'."""


class Connection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A peer whom somebody has named: its DID (for version 1 its verkey), what the connection is called, and how far it
    is trusted; `own` where it is so only with one of our DIDs."""

    peer: str
    connection: str
    trust: str | None = None
    own: str | None = None


class DidcommConfig(Struct, frozen=True, kw_only=True):
    """`tenants`: name of one of our identities -> the tenant of what comes to it, where that is not `default_tenant`.
    `strangers`: whether who is in no connection may send something.
    `activity`: whether messages that are no report are published as activity, instead of being refused. `column`: of
    the table of scenarios. `envelopes`: how many are opened, whoever sent them;
    `each_peer`, `all_peers`: how many one sender, and all of a tenant's, may use up of what the tenant may publish: who
    has a DID is not yet known to anybody.
    `delay`: seconds after which is answered what was not taken, by chance in between, so that the time says nothing."""

    default_tenant: str = "default"
    tenants: Mapping[str, str] = field(default_factory=dict)
    connections: tuple[Connection, ...] = ()
    strangers: bool = True
    activity: bool = False
    table: ScenarioTable = field(default_factory=partial(load_table, TABLE))
    column: str = "current"
    escalate_to: str | None = None
    envelopes: Rate = Rate(100, 500)
    each_peer: Rate = Rate(5, 50)
    all_peers: Rate = Rate(25, 125)
    delay: tuple[float, float] = (0.1, 0.3)

    def connection_of(self, own: str | None, peer: str) -> Connection | None:
        """What is known of a peer."""
        for each in self.connections:
            if same_did(each.peer, peer) and (each.own is None or same_did(each.own, own)):
                return each
        return None

    def tenant_of(self, own: OwnDid | None) -> str:
        """The tenant of what comes to one of ours."""
        return self.default_tenant if own is None else self.tenants.get(own.name, self.default_tenant)
