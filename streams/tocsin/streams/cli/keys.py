"""`tocsin keys create | list | revoke | rotate`: API keys of the gateway, straight in Kafka or by a gateway (`--url`).

Whoever may write to Kafka may make the first one; over HTTP it takes a key with the scope `admin` (TOCSIN_API_KEY).
"""

from __future__ import annotations

import asyncio
import getpass
import json
from typing import Annotated, Any
from urllib.parse import quote

import typer

from tocsin.connectors.access import EVERY_TENANT
from tocsin.connectors.access.api_keys import TENANT_KEYS, shown_key
from tocsin.connectors.commands import key_set, revoked_key, rotated_key
from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.printable import clipped, printable
from tocsin.schemas.events import KeySet
from tocsin.streams.cli.answers_by_gateway import NOT_DONE
from tocsin.streams.cli.audited import audited
from tocsin.streams.cli.options import AsJson, For, Tenant, Until, client_settings, usage_error
from tocsin.streams.cli.output import show, show_error, show_json
from tocsin.streams.cli.over_http import Answer, GatewayClient, Url
from tocsin.streams.cli.settings_topic import settings_topic
from tocsin.streams.processes.exit_codes import CHECK_FAILED, UNREACHABLE, CommandFailed
from tocsin.streams.settings import Settings
from tocsin.streams.silences.settings_topic import SettingsTopic

app = typer.Typer()

Who = Annotated[str | None, typer.Option("--by", help="Who says so; absent: who you are on this machine.")]
Ident = Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `keys list` shows it.")]
Every = Annotated[bool, typer.Option("--every-tenant", help="For any tenant, which each request names.")]


@app.command()
def create(
    scope: Annotated[
        list[str], typer.Option("--scope", help="What it is for: publish, read, command, admin, metrics; repeatable.")
    ],
    name: Annotated[str | None, typer.Option(help="What it is called, for people.")] = None,
    tenant: Tenant = None,
    every_tenant: Every = False,
    span: For = None,
    until: Until = None,
    rate: Annotated[int | None, typer.Option(help="How many documents a second may be published with it.")] = None,
    by: Who = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Make a key. It is printed this once: only its hash is kept. Without --for and --until it holds until revoked."""
    scopes = [each.strip() for one in scope for each in one.split(",")]
    by = by or _user()
    given: dict[str, object] = {
        "name": name or f"{'+'.join(scopes)} for {by}"[:100], "scopes": scopes, "for": span, "until": until,
        "rate": rate, "by": by, "tenant": EVERY_TENANT if every_tenant else None,
    }  # fmt: skip
    given = {member: value for member, value in given.items() if value is not None}
    if url is not None:
        with GatewayClient(url, tenant) as gateway:
            _tell_made(_done(gateway.post("/v1/keys", json.dumps(given).encode())), as_json)
        return
    try:
        key_set(given, tenant or "default")  # a mistake is reported before Kafka is contacted
        settings = client_settings(tenant=tenant)
        event, new = key_set(given, settings.tenant)
    except Unreadable as unreadable:
        raise usage_error(unreadable) from None
    asyncio.run(_store(settings, event, "key.create"))
    _tell_made({**shown_key(event, None), "key": new.text}, as_json)


@app.command("list")
def list_keys(
    tenant: Tenant = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object each.")] = False,
    url: Url = None,
) -> None:
    """List the keys: of every tenant, unless one is named. Never a part of their secrets."""
    if url is not None:
        with GatewayClient(url, tenant) as gateway:
            found = list(_done(gateway.get("/v1/keys"))["keys"])
    else:
        found = asyncio.run(_all(client_settings(tenant=tenant), tenant))
    for one in found:
        show_json(one) if as_json else show(_line(one))
    if not found and not as_json:
        show("no keys; make one with: tocsin keys create --scope publish")


@app.command()
def revoke(ident: Ident, by: Who = None, tenant: Tenant = None, as_json: AsJson = False, url: Url = None) -> None:
    """Revoke a key, for ever. Every gateway refuses it within a second."""
    by = by or _user()
    if url is not None:
        with GatewayClient(url, tenant) as gateway:
            said = _done(gateway.delete(f"/v1/keys/{quote(ident, safe='')}", **{"tocsin-by": by}))
    else:
        said = asyncio.run(_revoke(client_settings(tenant=tenant), ident, by, tenant))
    show_json(said) if as_json else show(f"revoked {printable(ident)} ({printable(str(said['name']))})")


@app.command()
def rotate(ident: Ident, by: Who = None, tenant: Tenant = None, as_json: AsJson = False, url: Url = None) -> None:
    """Make a key like this one, which goes on holding: revoke it when `keys list` says that nothing uses it."""
    by = by or _user()
    if url is not None:
        with GatewayClient(url, tenant) as gateway:
            said = _done(gateway.post(f"/v1/keys/{quote(ident, safe='')}/rotate", b"{}", **{"tocsin-by": by}))
    else:
        said = asyncio.run(_rotate(client_settings(tenant=tenant), ident, by, tenant))
    _tell_made(said, as_json)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody at the command line"


def _done(answer: Answer) -> dict[str, Any]:
    if answer.status not in (200, 201):
        raise CommandFailed(NOT_DONE.get(answer.status, UNREACHABLE), answer.why)
    return answer.body


def _tell_made(said: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(said)
        return
    show_error(f"tocsin: {printable(_line(said))}")
    show_error("tocsin: the key is shown this once; give it to its user as: authorization: Bearer KEY")
    show(str(said["key"]))


async def _store(settings: Settings, event: KeySet, action: str) -> None:
    async with settings_topic(settings) as topic:
        await _put(settings, topic, event, action)


async def _put(settings: Settings, topic: SettingsTopic, event: KeySet, action: str) -> None:
    if action != "key.revoke" and not topic.keys.room_for(event.tenant, event.recorded_at):
        raise CommandFailed(CHECK_FAILED, f"a tenant has at most {TENANT_KEYS} keys: revoke one before another is made")
    async with audited(settings, action, event.tenant, event.by, event.key):
        await topic.put_key(event)


async def _all(settings: Settings, tenant: str | None) -> list[dict[str, object]]:
    async with settings_topic(settings) as topic:
        found = topic.keys.of(tenant or EVERY_TENANT)
        return [shown_key(one, topic.keys.last_used(one.key)) for one in found]


async def _revoke(settings: Settings, ident: str, by: str, tenant: str | None) -> dict[str, object]:
    async with settings_topic(settings) as topic:
        held = _held(topic, ident, tenant)
        event = revoked_key(held, by)
        if not held.removed:
            await _put(settings, topic, event, "key.revoke")
        return shown_key(event, topic.keys.last_used(ident))


async def _rotate(settings: Settings, ident: str, by: str, tenant: str | None) -> dict[str, object]:
    async with settings_topic(settings) as topic:
        event, new = rotated_key(_held(topic, ident, tenant), by)
        await _put(settings, topic, event, "key.rotate")
        return {**shown_key(event, None), "key": new.text}


def _held(topic: SettingsTopic, ident: str, tenant: str | None) -> KeySet:
    """Raises CommandFailed(1)."""
    held = topic.keys.get(ident)
    if held is None or tenant not in (None, held.tenant):
        of = "" if tenant is None else f" of tenant {clipped(tenant, 64)}"
        raise CommandFailed(CHECK_FAILED, f"there is no key {clipped(ident, 40)}{of}: see `tocsin keys list`")
    return held


def _line(one: dict[str, Any]) -> str:
    tenant = "every tenant" if one["tenant"] == EVERY_TENANT else f"tenant {one['tenant']}"
    until = f" until {one['expires_at']}" if one.get("expires_at") else ""
    used = f", last used {one['last_used_at']}" if one.get("last_used_at") else ""
    scopes = "+".join(map(str, one["scopes"]))
    return printable(f"{one['id']} {one['state']}{until}, {tenant}, {scopes}, {clipped(one['name'], 100)!r}{used}")
