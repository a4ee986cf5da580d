"""`tocsin endpoint test`: a signed ping through the real sink, and what came back."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
import typer

from tocsin.connectors.printable import clipped, printable
from tocsin.streams.cli.answers_by_gateway import NOT_DONE
from tocsin.streams.cli.endpoint_made import Name
from tocsin.streams.cli.options import AsJson, Tenant, client_settings
from tocsin.streams.cli.output import show, show_json
from tocsin.streams.cli.over_http import GatewayClient, Url
from tocsin.streams.processes.exit_codes import CHECK_FAILED, UNREACHABLE, CommandFailed
from tocsin.streams.settings import Settings


def ping(
    name: Name,
    tenant: Tenant = None,
    as_json: AsJson = False,
    url: Url = None,
    peer: Annotated[
        str | None,
        typer.Option(metavar="DID", help="Whom it pings, if it tells whoever is the other side (DIDComm)."),
    ] = None,
) -> None:
    """Send an endpoint a signed ping (a DIDComm peer: a trust ping), now and once, and say what came back: 0 when it
    took it, else 1.

    An endpoint of the rules file is tried from here, with the secrets that this shell has (env, file); one that was
    made while the bus runs needs TOCSIN_SEAL_KEY, or --url. Nothing is tried again, and nothing is counted.
    """
    found = _by_gateway(url, name, tenant) if url is not None else asyncio.run(_from_here(name, tenant, peer))
    show_json(found) if as_json else _tell(found)
    if not found["taken"]:
        raise typer.Exit(CHECK_FAILED)


def _by_gateway(url: str, name: str, tenant: str | None) -> dict[str, Any]:
    with GatewayClient(url, tenant) as gateway:
        answer = gateway.post(f"/v1/subscriptions/{quote(name, safe='')}/test", b"{}", **{"tocsin-by": "endpoint test"})
    if answer.status != 200:
        raise CommandFailed(NOT_DONE.get(answer.status, UNREACHABLE), answer.why)
    return answer.body


async def _from_here(name: str, tenant: str | None, peer: str | None) -> dict[str, Any]:
    from tocsin.streams.cli.endpoint_running import running, unknown
    from tocsin.streams.processes.sink_equipment import equipment_of
    from tocsin.streams.rulesfile import load_rulebook
    from tocsin.streams.subscriptions.trying import try_endpoint

    settings = _settings(tenant)
    # an endpoint of the file needs no Kafka to be tried
    book = load_rulebook(settings.rules)
    if name in book.endpoints:
        return _plain(await try_endpoint(book.endpoints[name], settings.tenant, equipment_of(settings).on, peer))
    async with running(client_settings(tenant=tenant)) as (subscriptions, all_of_them):
        held = all_of_them.find(name)
        if held is None:
            raise unknown(name, [*book.endpoints, *(one.endpoint for one in all_of_them.current())])
        return _plain(await subscriptions.try_one(name, held.tenant))


def _settings(tenant: str | None) -> Settings:
    from tocsin.streams.settings import load_settings
    from tocsin.streams.up.home import as_running, running_bus

    settings = load_settings(tenant=tenant)
    return as_running(settings, running_bus(settings.home))


def _plain(tried: Any) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(tried)
    return found


def _tell(found: dict[str, Any]) -> None:
    words = (
        "took it" if found["taken"] else "was not even asked" if found["outcome"] == "not_sent" else "did not take it"
    )
    status = f", status {found['status']}" if found.get("status") is not None else ""
    reason = f", {found['reason']}" if found.get("reason") else ""
    show(printable(f"{found['endpoint']} ({found['sink']}) {words}{status}{reason}, in {found['seconds']:.3f} s"))
    if found.get("why"):
        show(printable(f"  {clipped(found['why'], 400)}"))
    if found.get("signatures") and found.get("status") is not None:
        kinds = " and ".join(found["signatures"])
        show(f"  signed {kinds}, webhook-id {found['webhook_id']}; the receiver must have checked")
        show(f"  {found['receiver_checks']}")
    if found.get("answer"):
        show(printable(f"  it said: {clipped(found['answer'], 200)}"))
