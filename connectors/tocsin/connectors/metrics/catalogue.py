"""The catalogue: every metric and label, each once; docs/metrics.md is made of it."""

from __future__ import annotations

from collections.abc import Mapping

from tocsin.connectors.metrics.bus import BUS
from tocsin.connectors.metrics.deliveries import DELIVERIES
from tocsin.connectors.metrics.edges import EDGES
from tocsin.connectors.metrics.metric import Label, Metric
from tocsin.connectors.metrics.problems import PROBLEMS

GROUPS: Mapping[str, tuple[Metric, ...]] = {
    "Problems, cases and people": PROBLEMS,
    "Deliveries": DELIVERIES,
    "The bus itself": BUS,
    "Where things come in and go out": EDGES,
}
"""The metrics by what they are about."""

CATALOGUE: Mapping[str, Metric] = {metric.name: metric for group in GROUPS.values() for metric in group}
"""Every metric, by its name."""

_CLOSED = {
    "age": "how old: `5m`, `1h`, `1d`, `7d` (up to so much, and more than the one before), `older`",
    "agent": "`decide`, `deliver`, or `dispatch`",
    "bus": "`TOCSIN_PREFIX` without the dot at its end; a label `bus` of the scrape makes it `exported_bus`",
    "by": "what holds back: `breaker`, `throttle` or `rate`",
    "category": "the descriptor of DIDComm v2 (`xfer`, `trust.crypto`, ...), `none`, `other`",
    "choice": "`wait`, `retry`, `give_up`",
    "dialect": "the dialect in which a report came",
    "event": "`raised`, `stepped`, `acknowledged`, `snoozed`, `exhausted`, `cancelled`",
    "group": "the consumer group of the program",
    "kept": "`yes` or `no`",
    "kind": "of commands, documents or rows: what kind",
    "learned": "`yes`: from replies seen; `no`: as the rules say",
    "limit": "the limit that was crossed: `thread_errors`, `ping_pong`, `exchange`, ...",
    "outcome": "what became of it",
    "partition": "its number",
    "phase": "`taking_over`, `running`, `waiting`, `halted`, `stopped`",
    "process": "`gateway`, `worker`, `dispatch`, `project`",
    "protocol": "the name of a protocol whose states are known (`issue-credential`, ...), `none`, `other`",
    "python": "the version of Python",
    "result": "how it went",
    "route": "the route's template, `none` for what no route takes",
    "scope": "`protocol`, `message`, `thread`, `state`, `none`, `other`",
    "severity": "`error`, `warning`, `unknown`; `none` where no problem is at hand",
    "source": "the program whose messages are taken as they are: `acapy`, ...",
    "stage": "where a record died",
    "state": "`failing`, `disabled`, `removed`",
    "status": "the status of HTTP",
    "topic": "the topic, without its prefix",
    "try": "`first` or `retry`",
    "version": "the release",
    "what": "the kind of a source's message, `other`, `unreadable`",
    "why": "the reason for which it was held back",
}
_CAPPED = {
    "code": ("the problem's code, in lower case; those of the catalogue always", "metrics_codes"),
    "endpoint": ("the endpoint's name", "metrics_endpoints"),
    "peer": ("who sent it: the first 12 digits of the SHA-256 of its DID or connection; `none`", "metrics_peers"),
    "reason": ("why, by the name that a record or a rule has for it", "metrics_reasons"),
    "rule": ("the name of the rule of a dialect that was broken", "metrics_reasons"),
    "tenant": ("the tenant", "metrics_tenants"),
}

LABELS: Mapping[str, Label] = {
    **{name: Label(name=name, meaning=meaning) for name, meaning in _CLOSED.items()},
    **{name: Label(name=name, meaning=meaning, cap=cap) for name, (meaning, cap) in _CAPPED.items()},
}
"""Every label, by its name. No id, DID, thread or URL is one."""
