"""`tocsin endpoint add | show | rotate`: webhooks made while the bus runs, by Kafka itself, or by a gateway
(`--url`)."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from tocsin.connectors.commands import Made, SubscriptionRefused, who
from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.files import read_file
from tocsin.connectors.printable import printable
from tocsin.connectors.secrets import MAX_SECRET_FILE
from tocsin.streams.cli.answers_by_gateway import NOT_DONE
from tocsin.streams.cli.options import AsJson, By, Key, Tenant, checked_key, client_settings, usage_error
from tocsin.streams.cli.outcomes import seconds_of
from tocsin.streams.cli.output import show, show_error, show_json
from tocsin.streams.cli.over_http import Answer, GatewayClient, Url
from tocsin.streams.processes.exit_codes import CHECK_FAILED, UNREACHABLE, USAGE, CommandFailed

Name = Annotated[str, typer.Argument(metavar="NAME", help="The endpoint's name, of the whole bus.")]
SecretFrom = Annotated[
    str | None,
    typer.Option("--secret", metavar="SOURCE", help="env:NAME, file:PATH or - (standard input); else one is made."),
]
Pair = Annotated[bool, typer.Option("--ed25519", help="Make an ed25519 pair (v1a): receivers are given only whpk_.")]
Wait = Annotated[str, typer.Option(metavar="SPAN", help="How long to wait until the rules know it (0s: not at all).")]


def add(
    name: Name,
    to: Annotated[str, typer.Argument(metavar="ADDRESS", help="Where the webhook is: https://...")],
    by: By,
    match: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE", help="What it wants: code=e.p.xfer, severity=error, expr=CEL; may be repeated."
        ),
    ] = None,
    secret: SecretFrom = None,
    ed25519: Pair = False,
    header: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Sent along; VALUE may be env:NAME or file:PATH.")
    ] = None,
    body: Annotated[str | None, typer.Option(help="notification (without it), or a dialect such as rfc9457.")] = None,
    audience: Annotated[str | None, typer.Option(help="owner (without it) or peer.")] = None,
    language: Annotated[list[str] | None, typer.Option(help="Of explanations, the best first.")] = None,
    ownership: Annotated[str | None, typer.Option(help="How it must agree first: challenge or options.")] = None,
    origin: Annotated[str | None, typer.Option(help="Who asks, with --ownership options: a DNS name.")] = None,
    allow_private: Annotated[bool, typer.Option("--allow-private", help="http, any port, private addresses.")] = False,
    tenant: Tenant = None,
    idempotency_key: Key = None,
    wait: Wait = "10s",
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Make a webhook while the bus runs: what fits --match of the tenant's problems is sent there, beside the routes of
    the rules file. Prints its secret, this once.

    Example: tocsin endpoint add orders https://hooks.example.com/in --match code=e.p.xfer --by ann
    """
    document: dict[str, Any] = {"name": name, "url": to, "match": match_of(match or [])}
    given = {"body": body, "audience": audience, "language": language, "ownership": ownership, "origin": origin}
    document |= {member: value for member, value in given.items() if value}
    document |= {"allow_private": True} if allow_private else {}
    document |= {"ed25519": True} if ed25519 else {}
    document |= {"headers": _headers(header)} if header else {}
    document |= {} if secret is None else {"secret": secret_from(secret)}
    within, key = seconds_of(wait), checked_key(idempotency_key)
    if url is not None:
        asked = f"/v1/subscriptions?wait={quote(wait)}" if within else "/v1/subscriptions"
        headers = {"tocsin-by": by} | ({} if key is None else {"idempotency-key": key})
        with GatewayClient(url, tenant) as gateway:
            _tell(gateway.post(asked, json.dumps(document).encode(), **headers), as_json)
        return
    _told(asyncio.run(_made(document, tenant, by, key, within)), as_json)


def show_one(name: Name, tenant: Tenant = None, as_json: AsJson = False, url: Url = None) -> None:
    """Show an endpoint and how it stands, of the rules file or made while the bus runs; never a secret."""
    if url is not None:
        with GatewayClient(url, tenant) as gateway:
            answer = gateway.get(f"/v1/subscriptions/{quote(name, safe='')}")
        if answer.status != 200:
            raise CommandFailed(NOT_DONE.get(answer.status, UNREACHABLE), answer.why)
        found = answer.body
    else:
        found = asyncio.run(_shown(name, tenant))
    if as_json:
        return show_json(found)
    for member, value in found.items():
        if value not in (None, {}, []):
            show(printable(f"{member:12} {value if isinstance(value, str) else json.dumps(value)}"))
    return None


def rotate(
    name: Name,
    by: By,
    secret: SecretFrom = None,
    ed25519: Pair = False,
    tenant: Tenant = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Give an endpoint that was made while the bus runs a new secret, and print it, this once. The old one signs on
    beside it for 24 hours. One of the rules file is rotated there."""
    given = None if secret is None else secret_from(secret)
    if url is not None:
        document = ({} if given is None else {"secret": given}) | ({"ed25519": True} if ed25519 else {})
        with GatewayClient(url, tenant) as gateway:
            path = f"/v1/subscriptions/{quote(name, safe='')}/rotate"
            _tell(gateway.post(path, json.dumps(document).encode(), **{"tocsin-by": by}), as_json)
        return
    _told(asyncio.run(_rotated(name, tenant, by, given, ed25519)), as_json)


def match_of(given: list[str]) -> dict[str, Any]:
    """What is wanted, as a rules file writes it: a key that is repeated has alternatives. Raises CommandFailed(2)."""
    found: dict[str, Any] = {}
    for each in given:
        key, equals, value = each.partition("=")
        if not equals or not key or not value:
            raise CommandFailed(USAGE, f"--match {printable(each)[:60]!r}: expected KEY=VALUE, such as code=e.p.xfer")
        if key == "expr":
            found[key] = value
        else:
            found.setdefault(key, []).append(value)
    return found


def secret_from(source: str, option: str = "--secret") -> str:
    """The secret that a source holds: never one that was typed, for whoever lists processes sees that. Raises
    CommandFailed(2), naming the option."""
    kind, _, rest = source.partition(":")
    try:
        if source == "-":
            found = sys.stdin.read(MAX_SECRET_FILE)
        elif kind == "env":
            found = os.environ.get(rest, "")
        elif kind == "file":
            found = read_file(Path(rest).expanduser(), MAX_SECRET_FILE).decode()
        else:
            raise CommandFailed(USAGE, "--secret is env:NAME, file:PATH or - : a secret is not typed as an argument")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise CommandFailed(USAGE, f"{option}: {rest} cannot be read: {why}") from None
    if not found.strip():
        raise CommandFailed(USAGE, f"{option}: there is nothing in {printable(source)}")
    return found.strip()


def _headers(given: list[str]) -> dict[str, str]:
    found = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise CommandFailed(USAGE, "--header: expected NAME=VALUE, where VALUE may be env:NAME or file:PATH")
        found[name.strip()] = secret_from(value, "--header") if value.startswith(("env:", "file:")) else value
    return found


async def _made(
    document: dict[str, Any], tenant: str | None, by: str, key: str | None, within: float
) -> tuple[Made, bool | None]:
    from tocsin.schemas.ids import derived_id
    from tocsin.streams.cli.endpoint_running import running

    settings = client_settings(tenant=tenant)
    ident = None if key is None else derived_id("subscription-by-key", settings.tenant, key)
    try:
        by = who(by)
        async with running(settings) as (subscriptions, _):
            return await subscriptions.make(document, settings.tenant, by, ident, True, within)
    except Unreadable as unreadable:
        raise _wrong(unreadable) from None
    except SubscriptionRefused as refused:
        raise CommandFailed(CHECK_FAILED, refused.why) from None


async def _shown(name: str, tenant: str | None) -> dict[str, Any]:
    from tocsin.streams.cli.endpoint_of_file import endpoints_of_file, shown_of_file
    from tocsin.streams.cli.endpoint_running import running, unknown

    settings = client_settings(tenant=tenant)
    of_file = endpoints_of_file(settings)
    if name in of_file:
        return await shown_of_file(settings, of_file[name])
    async with running(settings) as (subscriptions, all_of_them):
        held = all_of_them.find(name)
        if held is None or (tenant is not None and held.tenant != tenant):
            raise unknown(name, [*of_file, *(one.endpoint for one in all_of_them.current())])
        return await subscriptions.shown(name, held.tenant)


async def _rotated(
    name: str, tenant: str | None, by: str, secret: str | None, ed25519: bool
) -> tuple[Made, bool | None]:
    from tocsin.streams.cli.endpoint_of_file import endpoints_of_file, to_be_rotated_there
    from tocsin.streams.cli.endpoint_running import running, unknown

    settings = client_settings(tenant=tenant)
    of_file = endpoints_of_file(settings)
    if name in of_file:
        raise to_be_rotated_there(settings, of_file[name])
    try:
        by = who(by)
        async with running(settings) as (subscriptions, all_of_them):
            held = all_of_them.find(name)
            if held is None or (tenant is not None and held.tenant != tenant):
                raise unknown(name, [*of_file, *(one.endpoint for one in all_of_them.current())])
            return await subscriptions.rotate(name, held.tenant, by, secret, ed25519 or None, None), None
    except Unreadable as unreadable:
        raise _wrong(unreadable) from None
    except SubscriptionRefused as refused:
        raise CommandFailed(CHECK_FAILED, refused.why) from None


def _wrong(unreadable: Unreadable) -> CommandFailed:
    """A wrong member as the argument or option that it came from."""
    argument = {"/name": "NAME", "/url": "ADDRESS"}.get(unreadable.pointer)
    if argument is None:
        return usage_error(unreadable)
    wanted = unreadable.expected.replace("allow_private", "--allow-private")
    return CommandFailed(USAGE, f"{argument} is wrong: expected {wanted}")


def _tell(answer: Answer, as_json: bool) -> None:
    if answer.status not in (200, 201):
        raise CommandFailed(NOT_DONE.get(answer.status, UNREACHABLE), answer.why)
    _say(answer.body, as_json)


def _told(done: tuple[Made, bool | None], as_json: bool) -> None:
    made, known = done
    said: dict[str, Any] = {"name": made.event.endpoint, "event_id": made.event.event_id, "secret": made.secret}
    _say(said | ({} if known is None else {"in_force": known}), as_json)


def _say(said: dict[str, Any], as_json: bool) -> None:
    """The secret on standard output, alone, so that a script can take it; the rest for a person."""
    if as_json:
        return show_json(said)
    if said.get("in_force") is False:
        show_error("tocsin: it is made, and no worker has said yet that it knows it: see `tocsin doctor`")
    show_error(f"tocsin: {said['name']}: its receiver verifies with this secret, which is not shown again")
    show(str(said.get("secret")))
    return None
