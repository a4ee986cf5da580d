"""`tocsin receive`: a webhook receiver for a first look, as a subscriber would write it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from aiohttp import web

from tocsin.connectors.people.told import notification_line
from tocsin.connectors.printable import printable
from tocsin.connectors.sinks.webhook import WebhookConfig
from tocsin.connectors.webhooks import SignatureRefused, challenge_in, for_receivers, verify, verifying_key
from tocsin.streams.cli.output import show, show_error, show_json
from tocsin.streams.processes.exit_codes import BAD_CONFIGURATION, CommandFailed
from tocsin.streams.processes.lifecycle import stop_on_signals
from tocsin.streams.rulesfile import load_rulebook
from tocsin.streams.settings import load_settings

MAX_BODY = 4 * 1024 * 1024
"""Bytes of a webhook that are taken; ours are far smaller."""


def run(
    port: Annotated[int, typer.Option(help="The port of 127.0.0.1 to listen on; 0 = any.")] = 8799,
    rules: Annotated[
        Path | None, typer.Option(help="The rules file, whose webhooks' secrets are taken (TOCSIN_RULES).")
    ] = None,
    secret: Annotated[
        list[str] | None, typer.Option(envvar="TOCSIN_RECEIVE_SECRET", help="A secret (whsec_..., whpk_...), instead.")
    ] = None,
    answer: Annotated[
        int, typer.Option(min=200, max=599, help="The status to answer, to see what a failing receiver does.")
    ] = 204,
    as_json: Annotated[bool, typer.Option("--json", help="The bodies, one JSON object each.")] = False,
) -> None:
    """Receive webhooks on this machine, check their signatures, and print a line for each, until Ctrl-C.

    What is not signed with one of the secrets is answered 401, and the reason printed on stderr.
    """
    asyncio.run(_receive(port, _secrets(secret, rules), answer, as_json))


def _secrets(secrets: list[str] | None, rules: Path | None) -> tuple[str, ...]:
    if secrets:
        for one in secrets:
            try:
                verifying_key(one)
            except ValueError as error:
                raise CommandFailed(BAD_CONFIGURATION, f"--secret: {error}") from None
        return tuple(secrets)
    file = load_settings(rules=rules).rules
    if file is None:
        raise CommandFailed(
            BAD_CONFIGURATION, "whose webhooks? give --rules FILE (make one: tocsin rules init) or --secret whsec_..."
        )
    settings = [endpoint.settings for endpoint in load_rulebook(file).endpoints.values()]
    found = [for_receivers(one) for each in settings if isinstance(each, WebhookConfig) for one in each.secrets]
    if not found:
        raise CommandFailed(BAD_CONFIGURATION, f"{file} has no endpoint with sink: webhook")
    return tuple(dict.fromkeys(found))


async def _receive(port: int, secrets: Sequence[str], status: int, as_json: bool) -> None:
    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        try:
            verified = verify(body, request.headers, secrets)
            parsed = json.loads(body)
        except (SignatureRefused, ValueError, RecursionError) as refused:
            show_error(printable(f"refused: POST {request.path}: {refused}"))
            return web.json_response({"refused": str(refused)}, status=401)
        challenge = challenge_in(body)
        if challenge is not None:
            return web.json_response({"challenge": challenge})
        attempt = request.headers.get("tocsin-attempt", "1")
        repeated = "" if attempt == "1" else f"  (attempt {printable(attempt)})"
        if as_json:
            show_json(parsed)
        else:
            show(f"{verified.webhook_id[:8]} {notification_line(parsed)}{repeated}")
        return web.Response(status=status)

    app = web.Application(client_max_size=MAX_BODY)
    app.add_routes([web.post("/{path:.*}", take)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        show_error(f"receiving at http://127.0.0.1:{runner.addresses[0][1]}/ until Ctrl-C")
        await stop_on_signals().wait()
    finally:
        await runner.cleanup()
