"""Commands of docs/access.md, docs/page.md, docs/people.md and README.md, as printed, against one bus."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.harness.bus import Bus
from tests.harness.mail_server import MailServer
from tests.snippets.blocks import block

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(400)]


async def shell(script: str, bus: Bus, url: str) -> str:
    """Run a block as printed, where `tocsin` is ours and the gateway has another port; all that it said."""
    for printed in ("https://bus.example", "localhost:8700"):
        script = script.replace(printed, url if printed.startswith("http") else url.removeprefix("http://"))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, **bus.settings(), "PATH": path}
    process = await asyncio.create_subprocess_exec(
        "bash", "-euo", "pipefail", "-c", script, cwd=bus.folder, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await asyncio.wait_for(process.communicate(), 200)
    assert process.returncode == 0, said.decode()
    return said.decode()


def secret_in(said: str) -> str:
    return str(re.findall(r"tocsin_\w{20,}", said)[0])


async def test_as_printed(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    async with MailServer() as mail, Bus(bootstrap, prefix, tmp_path) as bus:
        mailto = f"mailto://{mail.address}?from=bus@example.org&to=ann@example.org&mode=insecure"
        bus.rules(
            block("docs/people.md", "endpoints:").replace("sink: notify", "sink: notify\n    allow_private: true")
        )
        bus.environment |= {"ANN_URL": mailto, "TOCSIN_LINK_KEY": "a-key-that-nobody-guesses-of-32-signs"}
        gateway, *others = [await bus.start(name) for name in ("gateway", "worker", "dispatch", "project")]
        await asyncio.gather(*(child.ready() for child in (gateway, *others)))

        check, up, *told = block("docs/people.md", "export").splitlines()[1:]
        assert up.endswith("tocsin up --rules rules.yaml")  # what runs here already, as processes
        await shell("\n".join([check, *told]), bus, gateway.url)
        await shell(block("docs/upgrading.md", "tocsin rules check"), bus, gateway.url)
        async with asyncio.timeout(120):
            while len(mail.messages) < 2:  # noqa: ASYNC110 - the time limit is the test's
                await asyncio.sleep(0.05)
        assert {"ann@example.org"} == {one for recipients in mail.recipients for one in recipients}

        first, second, third, ask = block("docs/access.md", "tocsin keys").splitlines()
        (tmp_path / "admin.key").write_text(secret_in(await shell(first, bus, gateway.url)))
        publish = secret_in(await shell(second, bus, gateway.url))
        read = secret_in(await shell(third, bus, gateway.url))
        assert publish != read
        said = await shell(
            ask.replace("curl", "curl -sf").replace("tocsin_...", read).removesuffix("..."), bus, gateway.url
        )
        assert '"items"' in said
        assert secret_in(await shell(block("docs/page.md", "tocsin keys"), bus, gateway.url))

        async with (
            aiohttp.ClientSession(gateway.url) as http,
            http.post(
                "/v1/problems?tenant=default", json={"code": "e.p.xfer", "text": "away", "thread_id": "t-1"}
            ) as answer,
        ):
            event = (await answer.json())["event_id"]
        script = block("README.md", "json=").replace("{id}", event).replace("curl ", "curl -sf ")
        said = await shell(script, bus, gateway.url)
        assert '"outcome":"done"' in said


async def test_the_quickstart(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    """From its rules file to an error of an agent that is mailed, and taken by who got the mail."""
    page = "docs/quickstart.md"
    async with MailServer() as mail, Bus(bootstrap, prefix, tmp_path) as bus:
        bus.rules(block(page, "endpoints:").replace("sink: notify", "sink: notify\n    allow_private: true"))
        told, public, check, up = block(page, "export").splitlines()
        assert up == "tocsin up --watch --rules rules.yaml"  # what runs here as processes
        bus.environment |= dict(word.split("=", 1) for word in public.split()[1:])
        address = re.findall(r"\?.*(?=')", told)[0]
        bus.environment |= {
            "ANN_URL": f"mailto://{mail.address}{address}&mode=insecure",
            "TOCSIN_LINK_KEY": "a-key-that-nobody-guesses-of-32-signs",
        }
        gateway, *others = [await bus.start(name) for name in ("gateway", "worker", "dispatch")]
        await asyncio.gather(*(child.ready() for child in (gateway, *others)))
        await shell(check, bus, gateway.url)
        await shell(block(page, "curl"), bus, gateway.url)
        async with mail.arrived:
            await asyncio.wait_for(mail.arrived.wait_for(lambda: mail.messages), 120)
        text = mail.messages[0].get_content()
        assert "rec-1" in text
        assert "Acknowledge: http://localhost:8700/v1/act/" in text
        said = await shell(block(page, "tocsin cases"), bus, gateway.url)
        assert re.search(r"^done, case ", said, re.MULTILINE)
