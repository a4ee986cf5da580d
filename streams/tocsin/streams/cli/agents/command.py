"""`tocsin agents check`: is an agent's webhook set right, and what came of it lately?"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from tocsin.connectors.kafka_security import SecurityUnusable, secret_of
from tocsin.connectors.printable import printable
from tocsin.streams.cli.agents.address import Webhook, webhook_of
from tocsin.streams.cli.agents.heard import came_since, lines_of, of_agents
from tocsin.streams.cli.agents.probing import is_ready, probe
from tocsin.streams.cli.agents.steps import not_ready, where_it_goes, wrong_about
from tocsin.streams.cli.moments import moment
from tocsin.streams.cli.options import AsJson, Tenant
from tocsin.streams.cli.output import show, show_json
from tocsin.streams.cli.over_http import API_KEY, GatewayClient, Url
from tocsin.streams.processes.exit_codes import CHECK_FAILED, UNREACHABLE, USAGE, CommandFailed
from tocsin.streams.settings import load_settings
from tocsin.streams.up.home import running_bus

app = typer.Typer(help="Agents' webhooks: check whether they are set right.")

Address = Annotated[
    str | None, typer.Argument(metavar="ADDRESS", help="The webhook's address, just as it is set at the agent.")
]
Key = Annotated[
    str | None, typer.Option(help="The key that the agent sends: env:NAME, file:PATH. For ACA-Py #KEY says it too.")
]
Wallet = Annotated[str | None, typer.Option(help="The wallet of which the probe is to be.")]
Since = Annotated[
    str | None, typer.Option(metavar="TIME", help="Fail unless a message came since: 10m, 2030-01-31T18:00:00Z.")
]


@app.callback()
def _agents() -> None:
    """Agents' webhooks."""


@app.command()
def check(
    address: Address = None,
    key: Key = None,
    wallet: Wallet = None,
    since: Since = None,
    tenant: Tenant = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Is an agent's webhook set right? Sends a probe as the agent would, of which nothing is stored, says what the
    gateway makes of it, and what to do if that is nothing; then shows the last messages of agents that the gateway
    heard (with TOCSIN_API_KEY, a key that may read). Without an address only those are shown.

    0: the probe was understood, the gateway is ready, and with --since a message came; 1: not so; 69: nothing answers.
    """
    now = time.time_ns() // 1000
    after = None if since is None else moment(since, "--since", now)
    webhook = None if address is None else webhook_of(address, _secret(key), wallet)
    report: dict[str, Any] = {"probe": None if webhook is None else _probed(webhook)}
    probed = report["probe"] or {}
    if probed.get("gateway", True):
        source = None if webhook is None else webhook.source
        base = url or (_here() if webhook is None else webhook.base)
        whose = tenant or probed.get("tenant") or (None if webhook is None else webhook.tenant)
        report["heard"] = _heard(base, whose, source, after, must=webhook is None)
    report["ok"] = _is_right(report, after)
    show_json(report) if as_json else _tell(report, webhook)
    if not report["ok"]:
        raise typer.Exit(UNREACHABLE if probed.get("ok") is False and not probed["answered"] else CHECK_FAILED)


def _here() -> str:
    """The gateway of the `tocsin up` of this folder; else the one where the settings put it."""
    settings = load_settings()
    running = running_bus(settings.home) or {}
    return str(running.get("api") or f"http://127.0.0.1:{settings.port}")


def _probed(webhook: Webhook) -> dict[str, Any]:
    """What became of the probe."""
    answered = probe(webhook)
    found: dict[str, Any] = {
        "source": webhook.source, "sent_to": webhook.base + webhook.path, "key_sent": webhook.has_key,
        "answered": answered.fault is None, "status": answered.status or None,
        "gateway": answered.understood or bool(answered.kind),
    }  # fmt: skip
    wrong = wrong_about(webhook, answered)
    if wrong is None:
        said = answered.body or {}
        names = ("tenant", "tenant_by", "wallets", "credential", "scopes", "would")
        found |= {name: said.get(name) for name in names} | {"note": where_it_goes(said)}
        wrong = not_ready(is_ready(webhook))
    return found | {"ok": wrong is None, "wrong": wrong}


def _heard(base: str, tenant: str | None, source: str | None, after: int | None, *, must: bool) -> dict[str, Any]:
    """What the gateway heard lately; or why that is not known. Raises CommandFailed where it `must` be."""
    try:
        with GatewayClient(base, tenant) as gateway:
            answer = gateway.get("/v1/sources")
    except CommandFailed as failed:
        if must:
            raise
        return {"known": False, "why": str(failed)}
    if answer.status != 200:
        hint = "" if os.environ.get(API_KEY) else f"; set {API_KEY} to a key that may read"
        if must and answer.status not in (401, 403):
            raise CommandFailed(UNREACHABLE, answer.why)
        return {"known": False, "why": answer.why + hint}
    kinds = of_agents(answer.body.get("sources", []), source)
    return {"known": True, "kinds": kinds} | ({} if after is None else {"came": came_since(kinds, after)})


def _is_right(report: Mapping[str, Any], after: int | None) -> bool:
    probed, heard = report["probe"], report.get("heard") or {}
    if probed is not None and not probed["ok"]:
        return False
    if probed is None and not heard.get("known"):
        return False
    return after is None or bool(heard.get("came"))


def _tell(report: Mapping[str, Any], webhook: Webhook | None) -> None:
    probed, heard = report["probe"], report.get("heard")
    if webhook is not None:
        outcome = "understood" if probed["ok"] else "not right" if probed.get("would") else "not understood"
        show(printable(f"{webhook.source}: the probe to {probed['sent_to']} was {outcome}"))
        if probed.get("would"):
            show(printable(f"  {probed['note']}"))
        if probed["wrong"]:
            show(printable(f"  {probed['wrong']}"))
    if heard is None:
        return
    if not heard["known"]:
        show(printable(f"what was heard lately is not known: {heard['why']}"))
        return
    if "came" in heard:
        show(f"messages since then: {heard['came'] or 'none: let the agent do something, and look at its log'}")
    lines = list(lines_of(heard["kinds"]))
    show("heard lately, since this gateway started:" if lines else "nothing was heard yet, since this gateway started")
    for line in lines:
        show(f"  {line}")


def _secret(given: str | None) -> str | None:
    if given is None:
        return None
    try:
        key = secret_of(given, "API key")
        key.encode("ascii")
    except (SecurityUnusable, UnicodeError) as error:
        raise CommandFailed(
            USAGE, f"--key: {error if isinstance(error, SecurityUnusable) else 'it is no key'}"
        ) from None
    return key
