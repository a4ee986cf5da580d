"""The publishers that users copy (docs/publishers/), in real services of their languages: what a gateway makes of what
they tell, and what becomes of it when the gateway is away, slow, full or refuses."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
from email.utils import formatdate
from typing import Any

import pytest

from tests.connectors.gateway.conftest import Gateway, gateway
from tests.connectors.publish.scripted_gateway import Told, scripted
from tests.connectors.publishers.steered import FILES, TOOLS, Steered
from tests.harness.extras import needs_language
from tocsin.schemas.events import ActivityObserved

assert gateway  # the fixture

pytestmark = pytest.mark.timeout(600)  # Go compiles its library once on a new machine

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
CODES = ("https://e.example/torn", "", "e.p.me.ledger-away", "e.p.trust")
LONG = 200_000
"""Milliseconds for a flush that must succeed, on however busy a machine."""


@pytest.fixture(params=TOOLS)
def tool(request: pytest.FixtureRequest) -> str:
    needs_language(request.param)
    return str(request.param)


async def test_what_a_gateway_makes_of_what_is_told(gateway: Gateway, tool: str) -> None:
    async with Steered(tool, f"http://127.0.0.1:{gateway.port}", tenant="acme") as service:
        rfc9457 = {"type": "https://e.example/torn", "title": "Torn", "status": 500, "jobId": "j-1"}
        about = {"key": "run-7", "context": {"record_id": "r-17"}, "traceparent": TRACE}
        assert [await service.do("problem", document=rfc9457, about=about) for _ in range(2)] == ["run-7"] * 2
        assert await service.do("problem", document="The disk of the ledger is full")
        assert await service.do("capture", text="page 7 is torn", about={"key": "t\u00e4glich"})
        document = {"code": "e.p.trust"}
        assert await service.do("within", traceparent=TRACE, context={"thread_id": "t-1"}, document=document)
        assert (await service.do("flush", within=LONG)).items() >= {"refused": 0, "left": 0, "bytes": 0}.items()
        reported = {event.problem.code: event for event in gateway.reported}
        torn, bare, error, within = (reported[code] for code in CODES)

        assert len({event.event_id for event in gateway.reported}) == len(reported), (
            "told again under a key it is the same"
        )
        assert (torn.tenant, torn.problem.http and torn.problem.http.title, torn.traceparent) == ("acme", "Torn", TRACE)
        source = torn.problem.source
        assert (source.service, source.record_id, source.job) == ("ledger", "r-17", "j-1")
        assert (bare.problem.dialect, bare.problem.text) == ("text", "The disk of the ledger is full")
        assert (error.problem.code, error.problem.text) == ("e.p.me.ledger-away", "page 7 is torn")
        items = [(item.key, item.value) for item in error.problem.items]
        assert any(key == "caused_by" and "the disk is gone" in value for key, value in items)
        [place] = [value for key, value in items if key in ("raised_at", "told_at")]
        assert re.match(r"(steered|main)\.\w+:\d+", place)
        assert not any("/" in value for _, value in items), "no folder of the machine"
        assert (within.traceparent, within.problem.thread_id) == (TRACE, "t-1")
        await service.end()
    assert (service.said, service.status) == ([], 0)


async def test_jobs(gateway: Gateway, tool: str) -> None:
    async with Steered(tool, f"http://127.0.0.1:{gateway.port}") as service:
        assert await service.do("job", name="nightly", number=1, of=2, text="torn") == "torn", "the error goes on"
        assert await service.do("job", name="nightly", number=2, of=2, text="torn") == "torn"
        assert await service.do("job", name="hourly") == "done"
        members = {"connection": "c-1", "record_type": "credential", "record_id": "x-1", "record_state": "offer-sent"}
        assert await service.do("observe", kind="record_changed", members=members)
        assert (await service.do("flush", within=LONG))["left"] == 0
    [last] = [event.problem for event in gateway.reported]
    assert (last.code, last.retry_party, last.source.job) == ("e.p.req.max-retries-exceeded", "none", "nightly")
    assert ("attempt", "2 of 2") in [(item.key, item.value) for item in last.items]
    assert last.http
    assert (last.http.type, last.http.status, last.http.detail) == ("error:ledger:LedgerAway", 500, "torn")
    told = [event for event in gateway.publisher.events if isinstance(event, ActivityObserved)]
    runs: dict[str, set[tuple[str, str | None, str]]] = {}
    for event in told:
        said = event.detail.get("outcome", event.detail.get("done", event.detail.get("error", "")))
        runs.setdefault(event.detail.get("run", ""), set()).add((event.kind, event.job, said))
        assert event.detail["service"] == "ledger"
    changed = runs.pop("")
    assert changed == {("record_changed", None, "")}
    assert sorted(map(sorted, runs.values())) == sorted(
        sorted(
            {("job_started", name, ""), ("record_changed", name, "5"), ("job_finished", name, outcome)}
            | {("record_changed", name, "LedgerAway") for _ in [0] if outcome == "retrying"}
        )
        for name, outcome in (("nightly", "retrying"), ("nightly", "failed"), ("hourly", "done"))
    )
    assert {event.detail.get("attempts") for event in told if event.job == "nightly"} == {"2"}


UNUSABLE = {"long": "x" * 300, "names nothing": "---", "a control character": "a\tb"}


async def test_what_comes_from_outside_costs_no_report(gateway: Gateway, tool: str) -> None:
    async with Steered(tool, f"http://127.0.0.1:{gateway.port}") as service:
        for said in ("q-7", *UNUSABLE.values()):
            await service.do("request", id=said)
        for said in UNUSABLE.values():
            assert await service.do("problem", document={"code": "e.p.x"}, about={"context": {"thread_id": said}})
        assert await service.do("observe", kind="message_sent", members={"message_id": "x" * 300, "detail": {}})
        assert (await service.do("flush", within=LONG)).items() >= {"sent": 8, "refused": 0}.items()
        await service.end()
    requests = [event.problem.request_id for event in gateway.reported if event.problem.code == "e.p.of.a.request"]
    assert sorted(requests, key=str) == [None, None, None, "q-7"]
    assert any("thread_id is left out" in line for line in service.said)


async def test_an_error_that_is_thrown_again_is_one_for_a_while() -> None:
    with scripted() as other:
        async with Steered("node", other.url) as service:
            first, again, later = await service.do("thrownAgain")
    assert first == again != later


async def test_after_the_end_nothing_is_sent() -> None:
    with scripted() as other:
        other.usual = Told(503)
        async with Steered("node", other.url, firstPause=300, longestPause=300) as service:
            await service.do("many", count=5)
            assert (await service.do("close", within=100))["left"] == 5
            sent = -1
            while sent != len(other.keys):  # what was under way may arrive yet
                sent = len(other.keys)
                await asyncio.sleep(1)
            other.usual = Told(202)
            assert (await service.do("flush", within=1500))["left"] == 5
            assert len(other.keys) == sent
            await service.end()


AGAIN = {
    "503": [Told(503), Told(503)],
    "503 with a time to come back": [Told(503, {"retry-after": "0"})],
    "429": [Told(429, {"retry-after": "0"})],
    "a date to come back that is over": [Told(429, {"retry-after": formatdate(0, usegmt=True)})],
    "a Retry-After that is nonsense": [Told(503, {"retry-after": "soon"})],
    "the connection is closed": [Told(0, close=True), Told(0, close=True)],
    "what is no HTTP": [Told(0, raw=b"hello\r\n\r\n")],
    "500, four times": [Told(500)] * 4,
}


async def test_what_is_sent_again(tool: str) -> None:
    with scripted() as other:
        async with Steered(tool, other.url) as service:
            for name, answers in AGAIN.items():
                other.answers.extend(answers)
                key = await service.do("problem", document={"code": "e.p.x"})
                assert (await service.do("flush", within=LONG))["left"] == 0, name
                assert set(other.keys) == {key}, name
                assert len(set(other.bodies)) == 1, name
                other.keys.clear()
            stats = await service.do("stats")
            assert stats == {"sent": len(AGAIN), "refused": 0, "dropped": 0, "left": 0, "bytes": 0}
            await service.end()
    assert len(service.said) == len(AGAIN), "each outage is said once"
    assert all("does not take events now" in line for line in service.said)


async def test_it_comes_back_no_earlier_than_it_is_asked_to(tool: str) -> None:
    with scripted() as other:
        other.usual = Told(429, {"retry-after": "3600"})
        async with Steered(tool, other.url) as service:
            for _ in range(3):
                await service.do("problem", document={"code": "e.p.x"})
            assert (await service.do("flush", within=1500))["left"] == 3
            assert len(other.keys) <= 3, "each was sent once at most, where 20 ms were the longest pause of its own"
            await service.end()
    assert service.said[-1].endswith("ended with 3 events not sent, 0 dropped, 0 refused")
    assert service.status == 0


REFUSED = {
    "a document that is none": Told(422, document={"title": "Not a problem"}),
    "a wrong request": Told(400),
    "no key": Told(401),
    "a key for something else": Told(403),
    "too large": Told(413),
    "a page to log in": Told(200),
    "another address": Told(302, {"location": "http://127.0.0.1:1/"}),
    "500, five times": Told(500),
}


async def test_what_is_refused_is_said_once_and_not_sent_again(tool: str) -> None:
    with scripted() as other:
        async with Steered(tool, other.url) as service:
            for answer in REFUSED.values():
                times = 5 if answer.status == 500 else 1
                other.answers.extend([answer] * 2 * times)
                for _ in range(2):
                    await service.do("problem", document={"code": "e.p.x"})
                    assert (await service.do("flush", within=LONG))["left"] == 0
                assert not other.answers
            assert (await service.do("stats"))["refused"] == 2 * len(REFUSED)
            await service.end()
    said = [line for line in service.said if "the gateway answers" in line]
    assert len(said) == len(REFUSED)
    assert "Not a problem" in said[0]


async def test_a_slow_gateway_keeps_nobody_waiting(tool: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes connections, and never answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        async with Steered(tool, url, timeout=50, maxEvents=10) as service:
            taken = await service.do("many", count=15)
            assert [key is not None for key in taken] == [True] * 10 + [False] * 5
            assert (await service.do("flush", within=300))["left"] == 10
            assert (await service.do("close", within=100)).items() >= {"left": 10, "dropped": 5}.items()
            assert await service.do("problem", document={"code": "e.p.late"}) is None
            await service.end()
    assert sum("the queue is full" in line for line in service.said) == 1
    assert sum("ended with 10 events not sent, 5 dropped" in line for line in service.said) == 1


async def test_an_outage_and_its_end(gateway: Gateway, tool: str) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        async with Steered(tool, f"http://127.0.0.1:{port}", maxEvents=20) as service:
            keys = await service.do("many", count=25)
            assert keys.count(None) == 5
            assert (await service.do("flush", within=200))["left"] == 20
            reserved.close()
            with scripted(port) as back:
                assert (await service.do("flush", within=LONG)).items() >= {"sent": 20, "dropped": 5}.items()
                assert set(back.keys) == set(keys) - {None}
                assert await service.do("problem", document={"code": "e.p.x"})
                await service.end()
                assert len(set(back.keys)) == 21, "the end of a process waits for what it told"


async def test_a_process_that_ends_says_what_is_lost(tool: str) -> None:
    async with Steered(tool, "http://127.0.0.1:1") as service:
        await service.do("many", count=7)
        await service.end()
    assert any(line.endswith("ended with 7 events not sent, 0 dropped, 0 refused") for line in service.said)
    assert service.status == 0


async def test_what_nobody_catches_is_told_before_the_end(gateway: Gateway, tool: str) -> None:
    async with Steered(tool, f"http://127.0.0.1:{gateway.port}", exitWithin=LONG) as service:
        await service.do("unhandled")
        async with asyncio.timeout(LONG / 1000):
            while not gateway.reported:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await service.end()
    assert service.status not in (0, None)
    assert any("nobody caught it" in line for line in service.said)
    [event] = gateway.reported
    assert event.problem.text == "nobody caught it"


async def test_what_cannot_be_told_harms_nobody(gateway: Gateway, tool: str) -> None:
    async with Steered(tool, f"http://127.0.0.1:{gateway.port}") as service:
        circle, _, _ = await service.do("cannotBeTold")
        assert circle is None
        assert await service.do("problem", document={"code": "e.p.x", "text": "x" * 300_000}) is None
        assert await service.do("problem", document={"code": "e.p.x"}, about={"context": {"recrod_id": "r"}})
        assert (await service.do("flush", within=LONG))["left"] == 0
        await service.end()
    said = "\n".join(service.said)
    assert "cannot be told" in said
    assert "a document has 3000" in said
    assert "record_id" in said, "the gateway's own words say what was meant"


SECRET: dict[str, tuple[Any, str]] = {
    "a header": ("Authorization: Bearer abc123def456", "abc123def456"),
    "a token": ("eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl", "eyJzdWIiOiIx"),
    "a secret of webhooks": ("whsec_AAECAwQFBgcICQoLDA0ODw==", "AAECAwQF"),
    "a password in an address": ("amqp://svc:hunter22@mq/", "hunter22"),
    "a value with a name": ("api_key=zzz999yyy", "zzz999yyy"),
    "a private key": ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", "MIIE"),
    "a member": ({"Client-Secret": "plain", "n": 1}, "plain"),
    "a list under a name": ({"tokens": 1, "password": ["plain"]}, "plain"),
}


async def test_secrets_do_not_leave_the_process(tool: str) -> None:
    with scripted() as other:
        async with Steered(tool, other.url) as service:
            for value, _ in SECRET.values():
                await service.do("problem", document={"code": "e.p.x", "info": value, "id": "basic words stay"})
            await service.do("flush", within=LONG)
    bodies = [body.decode() for body in other.bodies]
    assert len(bodies) == len(SECRET)
    for name, (_, secret) in SECRET.items():
        assert not any(secret in body for body in bodies), name
    assert all("[redacted " in body and "basic words stay" in body for body in bodies)


WRONG = {
    "no address": {"url": "localhost:8700"},
    "a query": {"url": "https://bus/?key=s3cret"},
    "a password": {"url": "https://u:s3cret@bus"},
    "a key in clear": {"url": "http://bus", "apiKey": "s3cret"},
    "a key of two lines": {"url": "https://bus", "apiKey": "s3cret\nx: y"},
}


@pytest.mark.parametrize("settings", WRONG.values(), ids=list(WRONG))
async def test_settings_that_cannot_be(tool: str, settings: dict[str, str]) -> None:
    async with Steered(tool, **{"url": "", **settings}) as service:
        await service.end()
    assert service.status
    assert "s3cret" not in "".join(service.said)


async def test_without_an_address_nothing_is_published_and_that_is_said(tool: str) -> None:
    async with Steered(tool, "") as service:
        assert await service.do("capture", text="torn") is None
        assert await service.do("job", name="nightly") == "done"
        await service.end()
    assert len(service.said) == 1
    assert "nothing is published" in service.said[0]


def test_the_files_are_as_their_languages_write_them() -> None:
    go = needs_language("go")
    found = subprocess.run(["gofmt", "-l", str(FILES)], capture_output=True, text=True, timeout=200)
    assert (go, found.stdout, found.stderr) == (go, "", "")
