"""`tocsin silence add | list | remove`."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import msgspec
import typer

from tocsin.connectors.commands import ended_silence, silence_set
from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.printable import clipped, printable
from tocsin.connectors.publish import Origin
from tocsin.connectors.publish.headers import rfc3339
from tocsin.schemas.events import SilenceSet
from tocsin.streams.cli.answers_by_gateway import tell
from tocsin.streams.cli.options import AsJson, By, For, Tenant, Until, Why, client_settings, usage_error
from tocsin.streams.cli.output import show, show_json
from tocsin.streams.cli.over_http import GatewayClient, Url
from tocsin.streams.cli.settings_topic import settings_topic
from tocsin.streams.processes.exit_codes import CHECK_FAILED, UNREACHABLE, USAGE, CommandFailed
from tocsin.streams.settings import Settings
from tocsin.streams.silences.silences import SilenceUnusable, match_of

app = typer.Typer()

_MATCHER = re.compile(r"([a-z_]+)\s*(=~|!~|!=|\^=|=)\s*(.*)", re.DOTALL)
_OPERATORS = {"=": "equal", "!=": "not_equal", "^=": "prefix", "=~": "matches", "!~": "not_matches"}
_SIGNS = {operator: sign for sign, operator in _OPERATORS.items()}


@app.command()
def add(
    matchers: Annotated[
        list[str],
        typer.Argument(metavar="MATCHER...", help="field=text, != (not), ^= (code prefix), =~ and !~ (regex)."),
    ],
    by: By,
    why: Why = None,
    span: For = None,
    until: Until = None,
    starts_at: Annotated[str | None, typer.Option(metavar="TIME", help="From when; without it, from now.")] = None,
    tenant: Tenant = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Tell nobody of what fits all matchers, until a time (--until) or for a span (--for). Prints the silence's id.

    Example: tocsin silence add code^=e.p.xfer connection=c-7 --for 2h --by ann --why maintenance
    """
    given: dict[str, object] = {"by": by, "why": why, "for": span, "until": until, "starts_at": starts_at}
    given["matchers"] = [_matcher(text) for text in matchers]
    if url is not None:
        said = json.dumps({name: value for name, value in given.items() if value is not None}).encode()
        with GatewayClient(url, tenant) as gateway:
            tell(gateway.post("/v1/silences", said), as_json)
        return
    _silence(given, tenant or "default")  # a mistake is reported before Kafka is contacted
    settings = client_settings(tenant=tenant)
    silence = _silence(given, settings.tenant)
    asyncio.run(_store(settings, silence))
    show_json(_shown(silence)) if as_json else show(silence.silence)


@app.command("list")
def list_silences(
    tenant: Tenant = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object each.")] = False,
    url: Url = None,
) -> None:
    """List the tenant's silences that have not ended, those that end first before the others."""
    found = _listed(url, tenant) if url else [_shown(one) for one in asyncio.run(_all(client_settings(tenant=tenant)))]
    for silence in found:
        show_json(silence) if as_json else show(_line(silence))
    if not found and not as_json:
        show("no silences")


@app.command()
def remove(
    silence: Annotated[str, typer.Argument(help="The silence's id, as `silence list` shows it.")],
    by: By,
    why: Why = None,
    tenant: Tenant = None,
    url: Url = None,
) -> None:
    """End a silence before its time."""
    if url is not None:
        said = urlencode({"by": by} | ({} if why is None else {"why": why}))
        with GatewayClient(url, tenant) as gateway:
            tell(gateway.delete(f"/v1/silences/{quote(silence, safe='')}?{said}"), as_json=False)
        return
    asyncio.run(_remove(client_settings(tenant=tenant), silence, by, why))
    show(f"removed {printable(silence)}")


def _listed(url: str, tenant: str | None) -> list[dict[str, Any]]:
    with GatewayClient(url, tenant) as gateway:
        answer = gateway.get("/v1/silences")
    if answer.status != 200:
        raise CommandFailed(UNREACHABLE, answer.why)
    return list(answer.body["silences"])


def _silence(given: dict[str, object], tenant: str) -> SilenceSet:
    try:
        silence = silence_set(given, Origin(tenant=tenant))
        match_of(silence.matchers)
    except Unreadable as unreadable:
        raise usage_error(unreadable) from None
    except SilenceUnusable as unusable:
        raise CommandFailed(USAGE, f"the rules cannot use these matchers: {unusable}") from None
    return silence


def _matcher(text: str) -> dict[str, str]:
    found = _MATCHER.fullmatch(text)
    if found is None:
        raise CommandFailed(
            USAGE, f"{clipped(text, 60)!r} is no matcher: expected such as code^=e.p.xfer, severity!=error"
        )
    return {"field": found[1], "operator": _OPERATORS[found[2]], "value": found[3]}


async def _store(settings: Settings, silence: SilenceSet) -> None:
    async with settings_topic(settings) as topic:
        await topic.put_silence(silence)


async def _all(settings: Settings) -> list[SilenceSet]:
    """The tenant's, those that end first before the others."""
    mine = [one for one in await _of_everybody(settings) if one.tenant == settings.tenant]
    return sorted(mine, key=lambda one: (one.ends_at, one.silence))


async def _of_everybody(settings: Settings) -> tuple[SilenceSet, ...]:
    async with settings_topic(settings) as topic:
        return topic.silences.current()


async def _remove(settings: Settings, wanted: str, by: str, why: str | None) -> None:
    """Raises CommandFailed(1): it has ended, it never was, or it is another tenant's."""
    found = next((one for one in await _of_everybody(settings) if one.silence == wanted), None)
    if found is None:
        known = f"tenant {settings.tenant} has no silence {clipped(wanted, 60)} (any more): see `tocsin silence list`"
        raise CommandFailed(CHECK_FAILED, known)
    if found.tenant != settings.tenant:
        whose = f"silence {clipped(wanted, 60)} is of tenant {clipped(found.tenant, 64)} and not of {settings.tenant}"
        raise CommandFailed(CHECK_FAILED, f"{whose}: nothing is done (--tenant)")
    try:
        ended = ended_silence(found, by, why)
    except Unreadable as unreadable:
        raise usage_error(unreadable) from None
    await _store(settings, ended)


def _shown(silence: SilenceSet) -> dict[str, object]:
    times = {"starts_at": rfc3339(silence.starts_at), "ends_at": rfc3339(silence.ends_at)}
    matchers = msgspec.to_builtins(silence.matchers)
    return {"silence": silence.silence, "matchers": matchers, **times, "by": silence.by, "why": silence.why}


def _line(silence: dict[str, Any]) -> str:
    asked = " ".join(
        f"{one['field']}{_SIGNS.get(one['operator'], '?')}{one.get('value', '')}" for one in silence["matchers"]
    )
    times = f"{silence['starts_at']} to {silence['ends_at']}"
    why = f" ({clipped(silence['why'], 80)})" if silence.get("why") else ""
    return printable(f"{silence['silence']} {times} {clipped(asked, 200)} by {clipped(silence['by'], 60)}{why}")
