"""`tocsin acknowledge | resolve | snooze | choose`: commands about a case, or about a reply that does not come.

By Kafka, or with `--url` by a gateway; each way has its own file, and only that one is imported.
"""

from __future__ import annotations

from typing import Annotated

import typer

from tocsin.streams.cli.asked import Asked
from tocsin.streams.cli.options import PATIENCE, AsJson, By, For, Key, Tenant, Until, Wait, Why
from tocsin.streams.cli.over_http import Url

Case = Annotated[
    str,
    typer.Argument(metavar="ID", help="A case, or the id of a report, an event, a notification or a delivery."),
]


def acknowledge(
    target: Case,
    by: By,
    why: Why = None,
    instead_of: Annotated[str | None, typer.Option(help="Take it over from whoever has it: their name.")] = None,
    tenant: Tenant = None,
    idempotency_key: Key = None,
    wait: Wait = PATIENCE,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Take a case: no further step of its escalation. Waits for what becomes of it."""
    given = {"by": by, "why": why, "instead_of": instead_of}
    _issue(Asked("acknowledge", target, given, tenant, idempotency_key, wait, as_json), url)


def resolve(
    target: Case,
    by: By,
    why: Why = None,
    tenant: Tenant = None,
    idempotency_key: Key = None,
    wait: Wait = PATIENCE,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Say that a case is over: its escalation is cancelled, and who was told of it is told so."""
    _issue(Asked("resolve", target, {"by": by, "why": why}, tenant, idempotency_key, wait, as_json), url)


def snooze(
    target: Case,
    by: By,
    why: Why = None,
    span: For = None,
    until: Until = None,
    tenant: Tenant = None,
    idempotency_key: Key = None,
    wait: Wait = PATIENCE,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Put a case off: no step of its escalation until a time (--until) or for a span (--for); then it goes on."""
    given = {"by": by, "why": why, "for": span, "until": until}
    _issue(Asked("snooze", target, given, tenant, idempotency_key, wait, as_json), url)


def choose(
    target: Annotated[
        str, typer.Argument(metavar="ID", help="The event id of a time-out, a message that was sent, or its thread.")
    ],
    choice: Annotated[str, typer.Argument(metavar="CHOICE", help="wait, retry or give_up.")],
    by: By,
    why: Why = None,
    span: For = None,
    until: Until = None,
    tenant: Tenant = None,
    idempotency_key: Key = None,
    wait: Wait = PATIENCE,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Choose about a reply that does not come: wait longer (--for or --until), retry, or give up."""
    given = {"by": by, "why": why, "for": span, "until": until, "choice": choice}
    _issue(Asked("choose", target, given, tenant, idempotency_key, wait, as_json), url)


def _issue(asked: Asked, url: str | None) -> None:
    if url is not None:
        from tocsin.streams.cli.answers_by_gateway import issue_by_gateway

        issue_by_gateway(url, asked)
    else:
        from tocsin.streams.cli.answers_by_kafka import issue_by_kafka

        issue_by_kafka(asked)
