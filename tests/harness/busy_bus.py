"""A load that makes everything happen that a dashboard shows: reports of all kinds, loops, time-outs, escalations that
nobody answers, endpoints that fail, dead letters, commands, silences."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiokafka import AIOKafkaProducer

from tests.harness.receiver import SECRET, Receiver

PING = "https://didcomm.org/trust-ping/2.0/ping"
RESPONSE = "https://didcomm.org/trust-ping/2.0/ping-response"
PROPOSAL = "https://didcomm.org/issue-credential/2.0/propose-credential"
REPORT = "https://didcomm.org/report-problem/2.0/problem-report"

RULES = f"""\
endpoints:
  well: {{sink: webhook, url: WELL, secret: {SECRET}, allow_private: true}}
  broken: {{sink: webhook, url: BROKEN, secret: {SECRET}, allow_private: true,
    delivery: {{breaker_failures: 2, breaker_probe: 1h, schedule: [0, 1s, 1h], throttle: 0}}}}
  refusing: {{sink: webhook, url: REFUSING, secret: {SECRET}, allow_private: true, delivery: {{schedule: [0]}}}}
  slow: {{sink: webhook, url: WELL, secret: {SECRET}, allow_private: true, delivery: {{rate: 2/m, order: none}}}}
  off: {{sink: webhook, url: GONE, secret: {SECRET}, allow_private: true}}
default_route: well
routes:
  - {{name: broken, match: {{code: e.p.broken}}, endpoints: [broken, well]}}
  - {{name: refusing, match: {{code: e.p.refusing}}, endpoints: refusing}}
  - {{name: slow, match: {{code: e.p.slow}}, endpoints: [slow, off]}}
  - {{name: night, match: {{code: e.p.night}}, endpoints: well, escalate: short}}
  - {{name: day, match: {{code: e.p.day}}, endpoints: well, escalate: long}}
  - {{name: grouped, match: {{code: e.p.grouped}}, endpoints: well, group: {{by: [code], wait: 1s, interval: 2s}}}}
escalations:
  short: {{steps: [{{wait: 1s, endpoints: well}}], cycles: 1}}
  long: {{steps: [{{wait: 1s, endpoints: well}}, {{wait: 1h, endpoints: well}}]}}
limits: {{repeat_window: 2s, thread_errors: 3}}
timeouts:
  - {{messages: {PING}, floor: 1s, unlearned: 1s, samples: 3, waits: 0, retries: 1, backoff: 1s}}
tenants:
  crowded:
    limits: {{tenant_cases: 4}}
"""


@dataclass
class BusyBus:
    """Sends the load to the gateway at `api`, and to the Kafka behind it."""

    api: str
    bootstrap: str
    prefix: str
    session: aiohttp.ClientSession

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)

    async def post(self, path: str, document: Any, kind: str = "application/json", **query: str) -> Any:
        """The answer, whatever its status."""
        body = {"data": document} if isinstance(document, str) else {"json": document}
        headers = {"content-type": kind}
        async with self.session.post(f"{self.api}{path}", params=query, headers=headers, **body) as answer:
            text = await answer.text()
            return (
                (answer.status, await answer.json(content_type=None)) if text.startswith("{") else (answer.status, text)
            )

    async def problem(self, code: str, tenant: str = "acme", **members: Any) -> str:
        """Publish one; its event id. Each has a text of its own, unless it is given one."""
        document = {"code": code, "text": f"number {next(self._numbers)}"} | members
        status, said = await self.post("/v1/problems", document, tenant=tenant)
        assert status == 202, said
        return str(said["event_id"])

    async def activity(self, tenant: str = "acme", **members: str) -> None:
        """Something observed."""
        status, said = await self.post("/v1/activity", members, tenant=tenant)
        assert status == 202, said

    async def reports(self) -> None:
        """Of several tenants, codes, severities, dialects, scopes and protocols, from several peers; some broken."""
        number = next(self._numbers)
        for tenant in ("acme", "globex", "initech"):
            await self.problem("e.p.xfer.cant-use-endpoint", tenant)
            await self.problem("w.m.trust.crypto", tenant)
            await self.problem("e.p.me.res.storage", tenant)
        await self.activity(kind="message_received", message_id=f"m-{number}", message_type=PROPOSAL,
                            thread_id=f"thread-{number}", connection=f"conn-{number % 3}")  # fmt: skip
        for code in ("e.p.xfer.cant-use-endpoint", "NOT A CODE"):
            report = {"id": f"r-{number}-{code}", "type": REPORT, "pthid": f"thread-{number}",
                      "from": f"did:example:peer-{number % 3}", "body": {"code": code, "comment": "No"}}  # fmt: skip
            await self.post("/v1/problems", report, "application/didcomm-plain+json", tenant="acme")
        aries = {"@type": "https://didcomm.org/notification/1.0/problem-report", "@id": f"a-{number}",
                 "description": {"en": "no code"}}  # fmt: skip
        await self.post("/v1/problems", aries, tenant="acme", dialect="aries-1.0", connection="conn-1")
        rfc = {"title": f"The ledger {number} did not answer", "status": 504}
        await self.post("/v1/problems", rfc, "application/problem+json", tenant="globex")
        await self.post("/v1/problems", "{", tenant="acme")

    async def loops(self) -> None:
        """Repeats, and a thread that keeps failing."""
        number = next(self._numbers)
        for _ in range(4):
            await self.problem("e.p.same", text=f"the same {number}")
        for _ in range(6):
            await self.problem("e.p.msg", thread_id=f"loop-{number}")

    async def replies(self) -> None:
        """Pings that are answered, and some that are not."""
        number = next(self._numbers)
        for one in range(4):
            thread, connection = f"ping-{number}-{one}", f"conn-{one % 2}"
            await self.activity(kind="message_sent", message_id=thread, message_type=PING, thread_id=thread,
                                connection=connection)  # fmt: skip
            if one:
                await self.activity(kind="message_received", message_id=f"{thread}-r", message_type=RESPONSE,
                                    thread_id=thread, connection=connection)  # fmt: skip

    async def deliveries(self) -> None:
        """To endpoints that take, fail, refuse, are slow, are off."""
        for code in ("e.p.broken", "e.p.refusing", "e.p.slow", "e.p.grouped", "e.p.grouped"):
            await self.problem(code)

    async def people(self) -> None:
        """Escalations that nobody answers, that somebody does, that go on; commands."""
        await self.problem("e.p.night")
        await self.problem("e.p.day")
        taken = await self.problem("e.p.day")
        for verb in ("acknowledge", "resolve"):
            await self.post(f"/v1/problems/{taken}/{verb}", {"by": "ann"}, tenant="acme", wait="5s")
        # A thread of its own: without one, what is alike but for its numbers is one case.
        await self.problem("e.p.crowd", "crowded", thread_id=f"crowd-{next(self._numbers)}")

    async def garbage(self) -> None:
        """What no reader understands, straight into the topic."""
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap)
        await producer.start()
        try:
            await producer.send_and_wait(f"{self.prefix}inbox", b"\x07 no event", key=b"acme")
        finally:
            await producer.stop()

    async def silence(self) -> None:
        """One that holds."""
        matchers = [{"field": "code", "operator": "prefix", "value": "e.p.hushed"}]
        silence = {"matchers": matchers, "for": "1h", "by": "ann", "why": "a test"}
        status, said = await self.post("/v1/silences", silence, tenant="acme")
        assert status in (200, 201, 202), said
        await self.problem("e.p.hushed")

    async def round(self) -> None:
        """All of it once."""
        await asyncio.gather(self.reports(), self.loops(), self.replies(), self.deliveries(), self.people())
        await self.garbage()


@asynccontextmanager
async def receivers() -> AsyncIterator[str]:
    """The rules file of the load, with receivers that run while the block does."""
    async with (
        Receiver() as well,
        Receiver(behave=lambda before, delivery: 500) as broken,
        Receiver(behave=lambda before, delivery: 400) as refusing,
        Receiver(behave=lambda before, delivery: 410) as gone,
    ):
        rules = RULES
        for name, one in {"WELL": well, "BROKEN": broken, "REFUSING": refusing, "GONE": gone}.items():
            rules = rules.replace(f"url: {name}", f"url: {one.url}")
        yield rules
