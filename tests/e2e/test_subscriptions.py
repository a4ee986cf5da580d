"""Subscriptions made while the bus runs, over HTTP: what matches arrives signed, secrets rotate without a gap, and
stand in the clear nowhere."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from tests.harness.bus import Bus, Child
from tests.harness.judging import read_topic
from tocsin.connectors.kafka import open_producer
from tocsin.connectors.sealing import new_seal_key
from tocsin.connectors.webhooks import SignatureRefused, verify
from tocsin.schemas.codec import encode
from tocsin.schemas.events import SubscriptionSet
from tocsin.streams.topology import TOPICS, topic_name

pytestmark = pytest.mark.timeout(400)

RULES = """\
endpoints: {file-made: {sink: log}}
default_route: file-made
limits: {repeat_window: 0s, thread_errors: 0}
"""
CANARY_PATH, CANARY_HEADER = "canary-path-1b7f", "Bearer canary-header-77aa"


class Hook:
    """A receiver that keeps the body and headers of what it is sent, signed or not."""

    def __init__(self) -> None:
        self.came: list[tuple[bytes, dict[str, str]]] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.came.append((await request.read(), headers))
        return web.Response(text="thank you")

    def problems(self) -> list[str]:
        """The codes of the problems that came."""
        said = [json.loads(body) for body, _ in self.came]
        return [one["data"]["problem"]["code"] for one in said if one["type"] == "problem.opened"]

    def verified(self, secret: str) -> list[bool]:
        """Which of what came verifies with a secret."""

        def fits(body: bytes, headers: dict[str, str]) -> bool:
            try:
                return bool(verify(body, headers, [secret]))
            except SignatureRefused:
                return False

        return [fits(body, headers) for body, headers in self.came]


@asynccontextmanager
async def a_hook() -> AsyncIterator[Hook]:
    hook, app = Hook(), web.Application()
    app.router.add_post(f"/{CANARY_PATH}", hook.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/{CANARY_PATH}"
    try:
        yield hook
    finally:
        await runner.cleanup()


async def until(what: Callable[[], bool], why: str) -> None:
    for _ in range(600):
        if what():
            return
        await asyncio.sleep(0.1)
    raise AssertionError(why)


class People:
    """Who asks one gateway over HTTP."""

    def __init__(self, session: aiohttp.ClientSession, gateway: Child) -> None:
        self._session, self.gateway = session, gateway

    async def ask(self, method: str, path: str, document: Any = None, **headers: str) -> tuple[int, Any]:
        sent = {"tocsin-by": "ann", "tocsin-tenant": "acme", **headers}
        async with self._session.request(method, self.gateway.url + path, json=document, headers=sent) as answer:
            return answer.status, await answer.json(content_type=None)

    async def publish(self, code: str, text: str, tenant: str = "acme") -> None:
        status, said = await self.ask("POST", "/v1/problems", {"code": code, "text": text}, **{"tocsin-tenant": tenant})
        assert status == 202, said


@asynccontextmanager
async def a_bus(bootstrap: str, prefix: str, folder: Path, **settings: str) -> AsyncIterator[tuple[Bus, People, Any]]:
    """A bus of three processes with a seal key, and who asks it."""
    key = folder / "seal.key"
    key.write_text(new_seal_key())
    known = {"TOCSIN_SEAL_KEY": f"file:{key}", "TOCSIN_SUBSCRIPTIONS_PRIVATE": "true", **settings}
    async with Bus(bootstrap, prefix, folder) as bus, aiohttp.ClientSession() as session:
        bus.rules(RULES)
        children = [await bus.start(name, **known) for name in ("gateway", "worker", "dispatch")]
        await asyncio.gather(*(child.ready() for child in children))
        yield bus, People(session, children[0]), known


def a_document(hook: Hook, name: str = "hook", **more: Any) -> dict[str, Any]:
    return {
        "name": name, "url": hook.url, "allow_private": True, "headers": {"authorization": CANARY_HEADER},
        "match": {"code": ["e.p.xfer"]}, **more,
    }  # fmt: skip


async def test_the_life_of_a_subscription(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    async with a_hook() as hook, a_bus(bootstrap, prefix, tmp_path) as (bus, people, _):
        status, made = await people.ask("POST", "/v1/subscriptions?wait=30s", a_document(hook))
        assert (status, made["in_force"]) == (201, True), made
        assert made["secret"].startswith("whsec_")
        await people.publish("e.p.msg.other", "no")
        await people.publish("e.p.xfer.cant-use-endpoint", "another tenant's", tenant="other")
        await people.publish("e.p.xfer.cant-use-endpoint", "yes")
        await until(lambda: len(hook.came) == 1, "the matching problem arrives")
        assert hook.problems() == ["e.p.xfer.cant-use-endpoint"]
        assert hook.verified(made["secret"]) == [True]
        assert hook.came[0][1]["authorization"] == CANARY_HEADER

        status, shown = await people.ask("GET", "/v1/subscriptions/hook")
        assert (status, shown["state"], shown["match"]) == (200, "enabled", {"code": ["e.p.xfer"]})
        assert CANARY_PATH not in json.dumps(shown)
        assert made["secret"] not in json.dumps(shown)
        assert shown["headers"] == ["authorization"]
        assert (await people.ask("GET", "/v1/subscriptions", **{"tocsin-tenant": "other"}))[1] == {"subscriptions": []}
        assert (await people.ask("DELETE", "/v1/subscriptions/hook", **{"tocsin-tenant": "other"}))[0] == 404

        status, tried = await people.ask("POST", "/v1/subscriptions/hook/test")
        assert (status, tried["taken"], tried["status"], tried["signatures"]) == (200, True, 200, ["v1"])
        assert tried["answer"] == "thank you"

        status, rotated = await people.ask("POST", "/v1/subscriptions/hook/rotate")
        assert status == 200
        assert rotated["secret"] != made["secret"]
        before = len(hook.came)
        for number in range(5):
            await people.publish("e.p.xfer.cant-use-endpoint", f"rotating {number}")
        await until(lambda: len(hook.came) == before + 5, "all of them arrive")
        assert all(hook.verified(made["secret"])), "who still has the old secret misses nothing"
        await people.ask("POST", "/v1/subscriptions/hook/test")
        assert hook.verified(rotated["secret"])[-1]

        status, off = await people.ask("POST", "/v1/subscriptions/hook/disable?wait=30s")
        assert (status, off["outcome"]) == (200, "done"), off
        assert (await people.ask("GET", "/v1/subscriptions/hook"))[1]["state"] == "disabled"
        before = len(hook.came)
        await people.publish("e.p.xfer.cant-use-endpoint", "parked")
        assert (await people.ask("POST", "/v1/subscriptions/hook/enable?wait=30s"))[0] == 200
        await until(lambda: len(hook.came) == before + 1, "what was parked goes out")

        status, ended = await people.ask("DELETE", "/v1/subscriptions/hook")
        assert (status, ended["outcome"]) == (200, "done")
        assert (await people.ask("DELETE", "/v1/subscriptions/hook"))[1]["outcome"] == "already_so"
        assert (await people.ask("GET", "/v1/subscriptions/hook"))[0] == 404
        before = len(hook.came)
        await people.publish("e.p.xfer.cant-use-endpoint", "after the end")
        status, again = await people.ask("POST", "/v1/subscriptions?wait=30s", a_document(hook))
        assert (status, again["in_force"]) == (201, True)
        for number in count():  # the dispatcher reads within a second that the old one is gone, and its secret
            await people.publish("e.p.xfer.cant-use-endpoint", f"made anew {number}")
            await until(lambda at=before + 1 + number: len(hook.came) == at, "the new one hears")  # type: ignore[misc]
            assert f"made anew {number}" in hook.came[-1][0].decode()
            if hook.verified(again["secret"])[-1]:
                break
            assert number < 100, "the new secret never signs"

        await nothing_in_the_clear(bus, bootstrap, prefix, people, [made["secret"], rotated["secret"], again["secret"]])


async def nothing_in_the_clear(bus: Bus, bootstrap: str, prefix: str, people: People, secrets: list[str]) -> None:
    """No topic, log, metric or answer has a secret, the path of the URL, or the value of a header."""
    canaries = [*(one.encode() for one in secrets), CANARY_PATH.encode(), CANARY_HEADER.encode()]
    canaries += [one.removeprefix(b"whsec_") for one in canaries]
    found = []
    for spec in TOPICS:
        for records in (await read_topic(bootstrap, topic_name(prefix, spec.name))).values():
            for record in records:
                whole = b"".join([record.key or b"", record.value or b"", *(text or b"" for _, text in record.headers)])
                found += [f"{spec.name}: {one!r}" for one in canaries if one in whole]
    for file in bus.folder.glob("*.log"):
        found += [f"{file.name}: {one!r}" for one in canaries if one in file.read_bytes()]
    async with aiohttp.ClientSession() as session:
        for path in ("/metrics", "/readyz", "/openapi.json", "/v1/subscriptions?tenant=acme"):
            async with session.get(people.gateway.url + path) as answer:
                said = await answer.read()
                found += [f"{path}: {one!r}" for one in canaries if one in said]
    assert found == []


async def test_a_gateway_killed_between_its_writes_and_two_at_once(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    async with a_hook() as hook, a_bus(bootstrap, prefix, tmp_path) as (bus, people, settings):
        await a_kill_after_the_first_write(bus, people, settings, hook)
        await a_kill_before_the_end(bus, people, settings, hook)
        other = People(people._session, await (await bus.start("gateway", **settings)).ready())
        for number in range(5):
            name = f"both-{number}"
            answers = await asyncio.gather(
                *(each.ask("POST", "/v1/subscriptions", a_document(hook, name)) for each in (people, other))
            )
            assert sorted(status for status, _ in answers) == [201, 409], answers
            secret = next(said["secret"] for status, said in answers if status == 201)
            tried = (await other.ask("POST", f"/v1/subscriptions/{name}/test"))[1]
            assert tried["taken"] is True
            assert hook.verified(secret)[-1], "who was told that it is his has what signs"
        for number in range(3):
            name, key = f"same-{number}", {"idempotency-key": f"same-{number}"}
            answers = await asyncio.gather(
                *(each.ask("POST", "/v1/subscriptions", a_document(hook, name), **key) for each in (people, other))
            )
            assert [status for status, _ in answers] == [201, 201], answers
            assert answers[0][1]["secret"] == answers[1][1]["secret"]
            await people.ask("POST", f"/v1/subscriptions/{name}/test")
            assert hook.verified(answers[0][1]["secret"])[-1]
        listed = [(await each.ask("GET", "/v1/subscriptions"))[1]["subscriptions"] for each in (people, other)]
        assert listed[0] == listed[1]
        await a_broken_record(bootstrap, prefix, people)


async def a_kill_after_the_first_write(bus: Bus, people: People, settings: Any, hook: Hook) -> None:
    """Nobody was told that it was made; asked again under its key it is the same one, and it works."""
    doomed = await (await bus.start("gateway", "subscription_written:1", **settings)).ready()
    with pytest.raises(aiohttp.ClientError):
        await People(people._session, doomed).ask(
            "POST", "/v1/subscriptions", a_document(hook, "cut"), **{"idempotency-key": "once"}
        )
    await doomed.process.wait()
    status, made = await people.ask(
        "POST", "/v1/subscriptions?wait=30s", a_document(hook, "cut"), **{"idempotency-key": "once"}
    )
    assert (status, made["in_force"]) == (201, True), made
    await people.publish("e.p.xfer.cant-use-endpoint", "after the kill")
    await until(lambda: len(hook.came) == 1, "it arrives, once")
    assert hook.verified(made["secret"]) == [True]


async def a_kill_before_the_end(bus: Bus, people: People, settings: Any, hook: Hook) -> None:
    """It is given up and still listed, and says so; a PUT has it back, and ended again it is gone."""
    doomed = await (await bus.start("gateway", "subscription_given_up:1", **settings)).ready()
    with pytest.raises(aiohttp.ClientError):
        await People(people._session, doomed).ask("DELETE", "/v1/subscriptions/cut")
    await doomed.process.wait()
    for _ in range(100):
        status, shown = await people.ask("GET", "/v1/subscriptions/cut")
        if shown.get("state") == "removed":
            break
        await asyncio.sleep(0.1)
    assert (status, shown["state"]) == (200, "removed"), shown
    status, back = await people.ask("PUT", "/v1/subscriptions/cut?wait=30s", a_document(hook, "cut"))
    assert (status, back["in_force"]) == (200, True), back
    before = len(hook.came)
    await people.publish("e.p.xfer.cant-use-endpoint", "after it was given up")
    await until(lambda: len(hook.came) == before + 1, "it is sent to again")
    status, ended = await people.ask("DELETE", "/v1/subscriptions/cut")
    assert (status, ended["outcome"]) == (200, "done")
    assert (await people.ask("GET", "/v1/subscriptions/cut"))[0] == 404


async def a_broken_record(bootstrap: str, prefix: str, people: People) -> None:
    """It changes nothing, is kept in `dead`, and an operator is told."""
    before = (await people.ask("GET", "/v1/subscriptions"))[1]
    stranger = SubscriptionSet(
        event_id="x", tenant="acme", occurred_at=1, recorded_at=1, subscription="s", endpoint="both-0", sink="webhook",
        by="eve", match="[",
    )  # fmt: skip
    async with open_producer(bootstrap) as producer:
        for key, value in (
            (b"subscription/both-0/x", encode(stranger)),
            (b"subscription/both-1/y", encode(msgspec.structs.replace(stranger, match="{}"))),
            (b"subscription/both-2/z", b"no event"),
        ):
            await producer.send_and_wait(f"{prefix}settings", value, key=key)
    letters: list[bytes | None] = []
    for _ in range(100):
        letters = [
            record.key
            for records in (await read_topic(bootstrap, f"{prefix}dead")).values()
            for record in records
            if ("tocsin.reason", b"setting_unusable") in record.headers
        ]
        if len(set(letters)) == 3:
            break
        await asyncio.sleep(0.1)
    assert {b"subscription/both-0/x", b"subscription/both-1/y", b"subscription/both-2/z"} == set(letters)
    assert (await people.ask("GET", "/v1/subscriptions"))[1] == before


async def test_who_may_not_and_what_is_missing(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    async with Bus(bootstrap, prefix, tmp_path) as bus, aiohttp.ClientSession() as session:
        bus.rules(RULES)
        ready = await (await bus.start("gateway")).ready()
        people = People(session, ready)
        document = {"name": "hook", "url": "https://hooks.example.com/x"}
        status, said = await people.ask("POST", "/v1/subscriptions", document)
        assert (status, said["type"]) == (503, "urn:tocsin:problem:no-seal-key")
        assert "TOCSIN_SEAL_KEY" in said["detail"]
        for headers in ({"x-forwarded-for": "192.0.2.7"}, {"forwarded": "for=192.0.2.7"}, {"via": "1.1 proxy"}):
            for method, path in (
                ("POST", ""),
                ("GET", ""),
                ("PUT", "/hook"),
                ("DELETE", "/hook"),
                ("POST", "/hook/test"),
            ):
                status, said = await people.ask(method, f"/v1/subscriptions{path}", document, **headers)
                assert (status, said["type"]) == (401, "urn:tocsin:problem:no-credential")
        for wrong in (
            {"allow_private": True},
            {"url": "http://127.0.0.1:1/x"},
            {"name": "file made"},
            {"secret_env": "HOME"},
        ):
            status, said = await people.ask("POST", "/v1/subscriptions", {**document, **wrong})
            assert (status, said["type"]) == (422, "urn:tocsin:problem:not-valid"), said
            assert said["expected"]
        off = People(session, await (await bus.start("gateway", TOCSIN_SUBSCRIPTIONS="off")).ready())
        assert (await off.ask("GET", "/v1/subscriptions"))[0] == 403
