"""What a dashboard is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice at the head of a dashboard: one or several values of a label."""

    name: str
    label: str
    what: str
    query: str


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard; its panels in the order in which they are read."""

    name: str
    title: str
    description: str
    panels: Sequence[Any]
    variables: Sequence[Variable] = ()


TENANT = Variable(
    "tenant", "Tenant", "Whose problems; the panels by tenant take it",
    'label_values(tocsin_tenant_problems_total{bus=~"$bus"}, tenant)',
)  # fmt: skip
ENDPOINT = Variable(
    "endpoint", "Endpoint", "To whom", 'label_values(tocsin_deliveries_requested_total{bus=~"$bus"}, endpoint)'
)
