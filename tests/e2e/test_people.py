"""People are told by a real mail server and a chat server: tried again, escalated, stopped by the link in a mail."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.harness.bus import Bus
from tests.harness.mail_server import MailServer
from tests.harness.wiring import events_on
from tocsin.schemas.events import EscalationAcknowledged

KEY = "a-key-that-nobody-guesses-of-32-signs"
RULES = """\
endpoints:
  ann: {{sink: notify, url: {{env: ANN_URL}}, allow_private: true, recipient: Ann}}
  lead: {{sink: notify, url: "ntfy://{chat}/lead", allow_private: true}}
default_route: {{endpoint: ann}}
routes:
  - {{name: pages, match: {{code: [e.p.page]}}, endpoints: [ann], escalate: page}}
escalations:
  page:
    steps:
      - {{wait: 1s, endpoints: [ann]}}
      - {{wait: 25s, endpoints: [lead]}}
"""


async def until(holds: Callable[[], bool], within: float = 120.0) -> None:
    async with asyncio.timeout(within):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.05)


@pytest.mark.timeout(400)
async def test_told_again_escalated_and_stopped_by_the_link(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    chatted: list[dict[str, Any]] = []

    async def chat(request: web.Request) -> web.Response:
        chatted.append(await request.json())
        return web.json_response({})

    app = web.Application()
    app.router.add_post("/", chat)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with MailServer() as mail, Bus(bootstrap, prefix, tmp_path) as bus:
            bus.rules(RULES.format(chat=f"127.0.0.1:{runner.addresses[0][1]}"))
            bus.environment |= {
                "ANN_URL": f"mailto://{mail.address}?from=bus@example.org&to=ann@example.org&mode=insecure",
                "TOCSIN_PUBLIC_URL": "https://bus.example.org/errors",
                "TOCSIN_ANONYMOUS": "loopback",  # with a public address a key is asked for, unless it is said
                "TOCSIN_LINK_KEY": KEY,
            }
            mail.refusal = "451 later"
            children = [await bus.start(name) for name in ("worker", "dispatch", "gateway")]
            await asyncio.gather(*(child.ready() for child in children))
            async with aiohttp.ClientSession(children[2].url) as http:
                await report(http, "taken")
                await report(http, "ignored")
                await until(lambda: mail.attempts >= 1)
                mail.refusal = None  # what was refused is tried again
                await until(lambda: any("taken" in one["subject"] for one in mail.messages))
                await acknowledge(http, next(one for one in mail.messages if "taken" in one["subject"]))
            escalations = await events_on(bus.bootstrap, bus.prefix, "escalations")
            (acknowledged,) = (one for one in escalations if isinstance(one, EscalationAcknowledged))
            assert acknowledged.by == "Ann"
            await until(lambda: bool(chatted))
            # the page of what was taken would have come before that of what was ignored
            assert [one["title"][2:] for one in chatted] == ["Step 2, Error: ignored"]
            assert mail.attempts > len(mail.messages)
            for child in children:
                assert KEY not in child.log.read_text(errors="replace")
                assert mail.address not in child.log.read_text(errors="replace")
    finally:
        await runner.cleanup()


async def report(http: aiohttp.ClientSession, text: str) -> None:
    document = {"code": "e.p.page", "severity": "error", "text": text, "thread_id": text}
    async with http.post("/v1/problems", json=document) as answer:
        assert answer.status == 202


async def acknowledge(http: aiohttp.ClientSession, message: Any) -> None:
    """Follow the link in a mail as a person does; the gateway is reached behind another name, as behind a proxy."""
    (path,) = re.findall(r"Acknowledge: https://bus\.example\.org/errors(/v1/act/\S+)", message.get_content())
    async with http.get(path) as page:
        assert (page.status, "Nothing has been done yet" in await page.text()) == (200, True)
    async with http.post(path, data={"action": "acknowledge"}) as page:
        assert (page.status, "Done." in await page.text()) == (200, True)
