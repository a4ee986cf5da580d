"""The quickstart with what is real in it: an ACA-Py whose peer gives an issuance up, a mail server, the link of a mail
and the command, Prometheus as `tocsin up --watch` starts it, and the expressions of the dashboards."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from time import time
from typing import Any

import aiohttp
import pytest

from tests.deploy.asked import dashboards
from tests.e2e.test_watch import up
from tests.harness.extras import needs
from tests.harness.mail_server import MailServer
from tests.harness.prometheus import Prometheus
from tests.peers.acapy import CREDENTIAL, AcaPy
from tests.peers.processes import until
from tests.snippets.blocks import block

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(560)]

PAGE = "docs/quickstart.md"
CODE = "issuance-abandoned"
STEP = 60
"""Seconds of a step of a graph."""
CHOSEN = {
    "$__interval_ms": f"{STEP}000", "$__interval": f"{STEP}s", "$__range": "1h", "$bus": ".*", "$tenant": ".*",
    "$endpoint": ".*",
}  # fmt: skip
"""What Grafana puts in the place of variables."""


async def test_a_failed_issuance_reaches_a_mailbox_and_the_dashboards(
    acapy_is_here: None, bootstrap: str, prefix: str, tmp_path: Path
) -> None:
    needs("prometheus")
    begun = time()
    async with AsyncExitStack() as stack:
        mail = await stack.enter_async_context(MailServer())
        environment = settings(mail) | {"TOCSIN_BOOTSTRAP": bootstrap, "TOCSIN_PREFIX": prefix}
        rules = block(PAGE, "endpoints:").replace("10m", "10s").replace("notify", "notify\n    allow_private: true")
        _, line = await stack.enter_async_context(up(tmp_path, rules, **environment))
        http = await stack.enter_async_context(aiohttp.ClientSession(line["api"]))
        agents = [
            AcaPy(tmp_path, "issuer", "--webhook-url", f"{line['api']}/v1/agents/acapy/default"),
            AcaPy(tmp_path, "holder"),
        ]
        issuer, holder = [await stack.enter_async_context(agent) for agent in agents]
        connection = await connect(issuer, holder)

        record = await give_up(issuer, holder, connection, "my wallet is full")
        text = await mailed(mail, "my wallet is full")
        assert {connection, record} <= {*text.split()}
        assert {"Service: acapy", "Side: the other"} <= {*text.splitlines()}
        await acknowledge(http, text)
        await give_up_as_printed(issuer, connection)
        await no_more_pages(mail)
        await acknowledge_by_command(tmp_path, environment, await the_other_case(http))
        prometheus = Prometheus(line["watch"]["prometheus"], http)
        await until(lambda: shown(prometheus, begun), "the dashboards show two errors and who took them")


def settings(mail: MailServer) -> dict[str, str]:
    """What the quickstart exports, with this mail server."""
    told, public, *_ = block(PAGE, "export").splitlines()
    said = dict(word.split("=", 1) for word in public.split()[1:])
    address = re.findall(r"\?.*(?=')", told)[0]
    return said | {"ANN_URL": f"mailto://{mail.address}{address}&mode=insecure"}


async def connect(issuer: AcaPy, holder: AcaPy) -> str:
    """By an invitation, as agents do; the issuer's id of the connection."""
    asked = {"handshake_protocols": ["https://didcomm.org/didexchange/1.0"]}
    made = await issuer.post("/out-of-band/create-invitation?auto_accept=true", **asked)
    await holder.post("/out-of-band/receive-invitation?auto_accept=true", **made["invitation"])
    heard = await issuer.webhook("connections", invitation_msg_id=made["invi_msg_id"], rfc23_state="completed")
    return str(heard.body["connection_id"])


async def offer(issuer: AcaPy, connection: str) -> dict[str, Any]:
    """A credential is offered: its record."""
    offered = {"connection_id": connection, "filter": {"ld_proof": CREDENTIAL}, "comment": "a degree"}
    return dict(await issuer.post("/issue-credential-2.0/send-offer", **offered))


async def give_up(issuer: AcaPy, holder: AcaPy, connection: str, why: str) -> str:
    """The issuer offers a credential, the holder gives it up and says why; the issuer's id of the record."""
    offered = await offer(issuer, connection)
    heard = await holder.webhook("issue_credential_v2_0", thread_id=offered["thread_id"])
    await holder.abandon(heard.body["cred_ex_id"], why)
    return str(offered["cred_ex_id"])


async def give_up_as_printed(issuer: AcaPy, connection: str) -> None:
    """The issuer itself gives up what it offered, by what stands in the quickstart."""
    await offer(issuer, connection)
    script = block(PAGE, "agent=http").replace("http://localhost:8031", issuer.admin)
    process = await asyncio.create_subprocess_exec("bash", "-euo", "pipefail", "-c", script)
    assert await process.wait() == 0


def mails(mail: MailServer, about: str) -> list[str]:
    """What was mailed of an error, the oldest first."""
    texts = [one.get_content().replace("\r\n", "\n") for one in mail.messages]
    return [text for text in texts if about in text]


async def mailed(mail: MailServer, about: str, count: int = 1) -> str:
    """The newest of so many mails about an error."""

    async def found() -> str | None:
        return there[-1] if len(there := mails(mail, about)) >= count else None

    return await until(found, f"{count} mails about {about!r}")


async def acknowledge(http: aiohttp.ClientSession, text: str) -> None:
    """Follow the link of a mail, and press the button."""
    (path,) = re.findall(r"^Acknowledge: http://localhost:8700(/v1/act/\S+)$", text, re.MULTILINE)
    async with http.get(path) as page:
        assert (page.status, "my wallet is full" in await page.text()) == (200, True)
    async with http.post(path, data={"action": "acknowledge"}) as page:
        assert (page.status, "Done" in await page.text()) == (200, True)


async def no_more_pages(mail: MailServer) -> None:
    """Who does not answer is paged four times; in all of that time who did is not, but for one that was under way."""
    await mailed(mail, "the ledger is closed", 2)
    before = len(mails(mail, "my wallet is full"))
    await mailed(mail, "the ledger is closed", 5)
    assert len(mails(mail, "my wallet is full")) == before


async def the_other_case(http: aiohttp.ClientSession) -> str:
    """The one that nobody has; the first is acknowledged by who pressed the button."""

    async def found() -> dict[str, dict[str, Any]] | None:
        async with http.get("/v1/cases", headers={"accept": "application/json"}) as answer:
            cases = {one["title"]: one for one in (await answer.json())["items"]}
        return cases if len(cases) == 2 and cases["my wallet is full"]["status"] == "acknowledged" else None

    cases = await until(found, "two cases, one acknowledged")
    assert cases.pop("my wallet is full")["held_by"] == "ann"
    ((title, other),) = cases.items()
    assert "the ledger is closed" in title
    assert other["status"] == "open"
    return str(other["id"])


async def acknowledge_by_command(folder: Path, environment: dict[str, str], case: str) -> None:
    """As the quickstart does."""
    command = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tocsin.streams.cli.main", "acknowledge", case, "--by", "ann", cwd=folder,
        env=os.environ | environment | {"TOCSIN_HOME": str(folder / "home")}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert (await command.communicate())[0].decode().startswith("done, case ")


async def shown(prometheus: Prometheus, begun: float) -> bool | None:
    """Whether the panels say what, since when, whom, and who has it: exactly what happened."""
    now = time()
    wanted = [
        (await graphed(prometheus, "errors", "Errors by code, a minute", begun, now), {CODE: 2.0}),
        (await graphed(prometheus, "errors", "Whom it hits: errors by tenant, a minute", begun, now), {"default": 2.0}),
        (await graphed(prometheus, "cases", "What people did, a minute", begun, now), {"acknowledge": 2.0}),
        (await at_once(prometheus, "errors", "What, and since when", "A"), {CODE: 2}),
        (await at_once(prometheus, "cases", "Open cases"), {"": 2}),
        (await at_once(prometheus, "cases", "Escalations under way"), {"": 0}),
        (await at_once(prometheus, "deliveries", "Endpoints", "B"), {"ann": 1}),
    ]
    if any(found != expected for found, expected in wanted):
        return None
    since = await at_once(prometheus, "errors", "What, and since when", "C")
    if CODE not in since:  # it is looked at each full minute
        return None
    assert begun <= since[CODE] / 1000 <= now
    return True


async def graphed(prometheus: Prometheus, board: str, title: str, begun: float, now: float) -> dict[str, float]:
    """By the first label, what a graph has in all of its minutes together."""
    span = {"start": str(begun - (begun - now) % STEP), "end": str(now), "step": str(STEP)}
    found = (await prometheus.get("query_range", query=expression(board, title, "A"), **span))["result"]
    sums = {first(one): round(sum(float(value) for _, value in one["values"]), 6) for one in found}
    return {name: count for name, count in sums.items() if count}


async def at_once(prometheus: Prometheus, board: str, title: str, ref: str = "A") -> dict[str, float]:
    """By the first label, the value of now."""
    found = await prometheus.query(expression(board, title, ref))
    return {first(one): float(one["value"][1]) for one in found}


def first(one: dict[str, Any]) -> str:
    """The label that stands first."""
    return str(next(iter(one["metric"].values()), ""))


def expression(board: str, title: str, ref: str) -> str:
    """What a panel asks."""
    (panel,) = (one for one in dashboards()[board]["panels"] if one["title"] == title)
    (expr,) = (target["expr"] for target in panel["targets"] if target["refId"] == ref)
    for variable, value in CHOSEN.items():
        expr = expr.replace(variable, value)
    return str(expr)
