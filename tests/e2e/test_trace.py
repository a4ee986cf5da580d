"""The trace of a request goes through decide and deliver to the webhook's headers and body, on the real bus."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

import aiohttp
import pytest

from tests.harness.bus import Bus
from tests.harness.receiver import Arrival, Receiver, rules_for

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
STATE = "vendor=1,other=a:b"
SAID = {"traceparent": TRACE, "tracestate": STATE}


def trace_in(members: object) -> dict[str, str]:
    assert isinstance(members, Mapping)
    return {name: members[name] for name in SAID if name in members}


@pytest.mark.timeout(180)
async def test_the_trace_of_a_request_reaches_the_webhook(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    fails_once = Receiver(behave=lambda before, delivery_id: 503 if not before else 200)
    async with fails_once as receiver, Bus(bootstrap, prefix, tmp_path) as bus, aiohttp.ClientSession() as session:
        bus.rules(rules_for(receiver.url))
        names = ("gateway", "worker", "dispatch")
        started = [await bus.start(name, **({"TOCSIN_PORT": "0"} if name == "gateway" else {})) for name in names]
        gateway, *_ = await asyncio.gather(*(one.ready() for one in started))
        for text, headers in (("traced", SAID), ("not traced", {})):
            document = {"title": text, "status": 500}
            async with session.post(f"{gateway.url}/v1/problems", json=document, headers=headers) as answer:
                assert answer.status == 202
        found = await _arrivals(receiver, 4)
        for each in found:
            traced = each.document["data"]["problem"]["text"] == "traced"
            expected = SAID if traced else {}
            assert (trace_in(each.headers), trace_in(each.document["data"])) == (expected, expected)
        assert sorted(each.attempt for each in found) == [1, 1, 2, 2]


async def _arrivals(receiver: Receiver, count: int) -> list[Arrival]:
    deadline = time.monotonic() + 90
    while len(receiver.arrivals) < count:
        assert time.monotonic() < deadline, receiver.arrivals
        await asyncio.sleep(0.1)
    return receiver.arrivals
