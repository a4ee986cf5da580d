"""Publishing by HTTP: what a gateway makes of it, what each of its answers means, and what the spool is for."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.connectors.gateway.conftest import Gateway, gateway
from tests.connectors.publish.scripted_gateway import ScriptedGateway, Told, scripted
from tocsin.connectors.publish import (
    GatewayAway,
    HttpPublisher,
    MemoryPublisher,
    NoRoom,
    NotAllowed,
    PublishFailed,
    PublishRefused,
    PublishUnconfirmed,
    Receipt,
    Spool,
    problem,
)
from tocsin.connectors.publish import backlog as backlog_module
from tocsin.connectors.publish import posting as posting_module
from tocsin.connectors.publish.port import About
from tocsin.connectors.publish.reporting import Report
from tocsin.connectors.publish.wire import Gateway as WireGateway
from tocsin.connectors.publish.wire import _seconds
from tocsin.schemas.events import ActivityKind, ActivityObserved, CommandIssued, CommandKind, ProblemReported
from tocsin.schemas.ids import idempotent_id

assert gateway  # the fixture

V2 = (
    b'{"id": "m-1", "type": "https://didcomm.org/report-problem/2.0/problem-report", "pthid": "t-1", '
    b'"body": {"code": "e.p.trust"}}'
)
COMMON: Any = {"tenant": "default", "occurred_at": 1_700_000_000_000_000, "recorded_at": 1_700_000_000_000_000}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog_module, "FIRST_PAUSE", 0.005)
    monkeypatch.setattr(backlog_module, "LONGEST_PAUSE", 0.02)
    monkeypatch.setattr(posting_module, "FIRST_PAUSE", 0.005)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@asynccontextmanager
async def spooling(url: str, folder: Path, **settings: Any) -> AsyncIterator[HttpPublisher]:
    async with HttpPublisher(url, spool=Spool(folder, kind="http"), **settings) as publisher:
        yield publisher


# what is published; the gateway is to make of it what a Publisher sends to Kafka
REPORTS: dict[str, tuple[Report, About]] = {
    "a problem": (problem("e.p.xfer", text="no", source={"service": "a"}, noticed_at=1_700_000_000_000_000), {}),
    "an exception": (ValueError("boom"), {}),
    "a document": (V2, {}),
    "a parsed document": ({"title": "Out of credit", "status": 403}, {}),
    "beside it a context": (V2, {"context": {"record_id": "r/1 & ü", "recipients": ["did:a", "did:b"]}}),
    "of a stated dialect": (b'{"title": "t", "status": 500}', {"dialect": "rfc9457", "context": {"job": "j"}}),
    "of a media type": (b"the disk is full", {"media_type": "text/plain"}),
    "with a key": (problem("e.p.x"), {"idempotency_key": "k 1"}),
    "with a trace": (problem("e.p.x"), {"traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01", "tracestate": "a=1"}),
}  # fmt: skip


@pytest.mark.parametrize(("report", "about"), REPORTS.values(), ids=list(REPORTS))
async def test_a_gateway_makes_the_event_that_goes_to_kafka(gateway: Gateway, report: Report, about: About) -> None:
    direct = MemoryPublisher()
    async with HttpPublisher(f"http://127.0.0.1:{gateway.port}/") as publisher:
        receipt = await publisher.publish(report, **about)
    await direct.publish(report, **about)
    [sent], [wanted] = gateway.reported, direct.events
    assert isinstance(wanted, ProblemReported)
    assert sent.event_id == receipt.event_id
    for name in ("tenant", "traceparent", "tracestate"):
        assert getattr(sent, name) == getattr(wanted, name)
    if wanted.raw:
        assert (sent.problem, sent.raw, sent.raw_media_type) == (wanted.problem, wanted.raw, wanted.raw_media_type)
    else:
        assert (sent.problem.code, sent.problem.text, sent.problem.items) == (
            wanted.problem.code, wanted.problem.text, wanted.problem.items,
        )  # fmt: skip
    if "idempotency_key" in about:
        assert (sent.event_id, sent.idempotency_key) == (wanted.event_id, "k 1")


async def test_an_activity_is_published_and_a_command_is_not(gateway: Gateway) -> None:
    activity = ActivityObserved(**COMMON, event_id="a-1", kind=ActivityKind.JOB_STARTED, job="j", detail={"run": "7"})
    async with HttpPublisher(f"http://127.0.0.1:{gateway.port}") as publisher:
        receipt = await publisher.publish_activity(activity)
        command = CommandIssued(**COMMON, event_id="c-1", kind=CommandKind.RESOLVE, target="e", by="ann")
        with pytest.raises(PublishRefused, match="routes of their own"):
            await publisher.publish(command)
        assert publisher.stats().counts.refused == 1
    [sent] = gateway.publisher.events
    assert isinstance(sent, ActivityObserved)
    assert (sent.kind, sent.job, sent.detail, sent.occurred_at) == (
        activity.kind, "j", {"run": "7"}, activity.occurred_at,
    )  # fmt: skip
    assert sent.event_id == receipt.event_id == idempotent_id("default", "a-1", "activity")


async def test_the_id_of_what_is_spooled_is_the_one_that_it_gets(gateway: Gateway, tmp_path: Path) -> None:
    async with spooling(f"http://127.0.0.1:{gateway.port}", tmp_path) as publisher:
        spooled = [
            await publisher.publish(problem("e.p.x"), event_id="e-1"),
            await publisher.publish(problem("e.p.x"), idempotency_key="ключ"),
            await publisher.publish_activity(ActivityObserved(**COMMON, event_id="a", kind=ActivityKind.JOB_STARTED)),
        ]
        assert all(receipt.spooled for receipt in spooled), "nothing was heard of the gateway yet"
    assert [event.event_id for event in gateway.publisher.events] == [receipt.event_id for receipt in spooled]


async def test_a_key_opens_its_tenant_and_no_other(gateway: Gateway) -> None:
    url, key = f"http://127.0.0.1:{gateway.port}", gateway.keyring.text("acme", "publish")
    async with HttpPublisher(url, tenant="acme", api_key=key) as publisher:
        await publisher.publish(problem("e.p.x"))
    assert gateway.reported[0].tenant == "acme"
    for tenant, wrong in (("other", key), ("acme", "tocsin_nonsense")):
        async with HttpPublisher(url, tenant=tenant, api_key=wrong) as publisher:
            with pytest.raises(NotAllowed, match=r"the gateway answers 40[13]") as refusal:
                await publisher.publish(problem("e.p.x"))
            assert wrong not in str(refusal.value)


async def test_secrets_do_not_leave_the_process() -> None:
    with scripted() as other:
        async with HttpPublisher(other.url) as publisher:
            await publisher.publish(problem("e.p.x", text="password=hunter22222"))
            await publisher.publish({"code": "e.p.x", "token": "abcdef123456"}, context={"job": "Bearer abc123def456"})
    assert not [one for one in (*other.bodies, *map(str.encode, other.asked)) if b"hunter2" in one or b"123" in one]


# an answer, and what is raised for it without a spool
ANSWERS: dict[str, tuple[Told, type[PublishFailed], str]] = {
    "no document": (Told(422, document={"title": "Not a problem", "detail": "see /code"}), PublishRefused,
                    r"answers 422: Not a problem\. see /code"),
    "too large": (Told(413), PublishRefused, "answers 413"),
    "no key": (Told(401), NotAllowed, "answers 401"),
    "another tenant": (Told(403), NotAllowed, "answers 403"),
    "another service": (Told(404), GatewayAway, "answers 404"),
    "a page to log in": (Told(200), GatewayAway, "answers 200: is that the address"),
    "nothing to say": (Told(204), GatewayAway, "answers 204"),
    "a redirect": (Told(307, {"location": "http://127.0.0.1:1/"}), GatewayAway, "answers 307"),
    "not now": (Told(503, {"retry-after": "60"}), GatewayAway, "answers 503"),
    "too many": (Told(429, {"retry-after": formatdate(time.time() + 3600, usegmt=True)}), GatewayAway, "answers 429"),
    "a time-out": (Told(504), PublishUnconfirmed, "the outcome is unknown"),
    "no HTTP": (Told(0, raw=b"220 smtp.example.org ready\r\n"), GatewayAway, "no gateway"),
    "nothing": (Told(0, close=True), GatewayAway, "cannot be reached"),
    "too much": (Told(202, document={"x": "y" * 200_000}), PublishFailed, ""),
}  # fmt: skip


@pytest.mark.parametrize(("told", "raised", "said"), list(ANSWERS.values())[:-1], ids=list(ANSWERS)[:-1])
async def test_an_answer(told: Told, raised: type[PublishFailed], said: str) -> None:
    with scripted() as other:
        other.usual = told
        async with HttpPublisher(other.url, deadline=2.3) as publisher:
            with pytest.raises(raised, match=said) as failure:
                await publisher.publish(problem("e.p.x"), idempotency_key="k")
            assert type(failure.value) is raised
    once = issubclass(raised, PublishRefused) or "retry-after" in told.headers
    assert (len(other.keys) == 1) is once, "tried again until the deadline, but not earlier than was asked for"
    assert set(other.keys) == {"k"}


async def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    with scripted() as other:
        other.usual = ANSWERS["too much"][0]
        async with HttpPublisher(other.url) as publisher:
            assert (await publisher.publish(problem("e.p.x"))).event_id
            assert other.connections == 1
            await publisher.publish(problem("e.p.x"))
            assert other.connections == 2, "its connection is not used again"


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("7", 7), ("0", 0), ("99999999", 3600), ("-1", 0), ("soon", 0), ("", 0), (None, 0), (formatdate(0), 0)],
)
def test_how_long_a_gateway_may_ask_to_wait(said: str | None, seconds: float) -> None:
    assert _seconds(said) == seconds


async def test_it_is_tried_again_until_it_is_taken() -> None:
    with scripted() as other:
        other.answers.extend([Told(503), Told(500), Told(0, close=True)])
        async with HttpPublisher(other.url) as publisher:
            receipt = await publisher.publish(problem("e.p.x"), event_id="e-1")
    assert receipt.event_id == idempotent_id("default", "e-1")
    assert other.keys == ["e-1"] * 4


async def test_a_connection_is_used_again_and_replaced_when_it_was_closed() -> None:
    with scripted() as other:
        async with HttpPublisher(other.url) as publisher:
            for _ in range(5):
                await publisher.publish(problem("e.p.x"))
            assert other.connections == 1
            other.answers.append(Told(0, close=True))
            await publisher.publish(problem("e.p.x"))
            assert (other.connections, len(other.keys)) == (2, 7)


def test_a_kept_connection_that_was_closed_meanwhile_is_no_failure() -> None:
    with scripted() as other:
        asked = WireGateway(other.url, api_key=None, timeout=30)
        headers = {"idempotency-key": "k", "content-type": "application/json"}
        assert asked.post("/v1/problems", headers, b"{}").status == 202
        other.answers.append(Told(0, close=True))
        assert asked.post("/v1/problems", headers, b"{}").status == 202
        asked.close()


async def test_a_gateway_that_is_away_for_a_while(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    with scripted(port) as other:
        async with spooling(other.url, tmp_path) as publisher:
            await until(lambda: not publisher.stats().away)
            assert not (await publisher.publish(problem("e.p.x"), event_id="0")).spooled
            other.usual = Told(503)
            for number in range(1, 40):
                assert (await publisher.publish(problem("e.p.x"), event_id=str(number))).spooled
            assert publisher.stats().waiting > 0
            other.usual = Told(202)
            await until(lambda: publisher.stats().waiting == 0)
            assert not (await publisher.publish(problem("e.p.x"), event_id="40")).spooled
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(said) == 2
    assert {*other.keys} == {str(number) for number in range(41)}
    assert other.keys[-1] == "40", "what goes directly overtakes nothing"


# an address, what answers there, and what the log says of it
MISTAKEN: dict[str, tuple[str, Told, str]] = {
    "a wrong key": ("http://127.0.0.1:{}", Told(401, document={"title": "Unauthorized"}),
                    r"answers 401: Unauthorized: check the API key \(TOCSIN_API_KEY\)"),
    "a wrong path": ("http://127.0.0.1:{}/api", Told(404), r"answers 404: is that the address of the gateway\?"),
    "a page to log in": ("http://127.0.0.1:{}", Told(200), r"answers 200: is that the address of the gateway\?"),
    "another server": ("http://127.0.0.1:{}", Told(0, raw=b"220 smtp.example.org ready\r\n"), "no gateway"),
    "no TLS there": ("https://127.0.0.1:{}", Told(202), r"cannot be reached \(\[SSL"),
    "an unknown name": ("http://bus.invalid:{}", Told(202), r"cannot be reached \(.*is that its address\?"),
}  # fmt: skip


@pytest.mark.parametrize(("address", "told", "said"), list(MISTAKEN.values()), ids=list(MISTAKEN))
async def test_what_is_set_wrong_is_said_in_the_log(
    address: str, told: Told, said: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with scripted() as other:
        other.usual = told
        url = address.format(other.server_port)
        async with spooling(url, tmp_path) as publisher:
            assert (await publisher.publish(problem("e.p.x"))).spooled, "also what was to go directly"
            await until(lambda: publisher.stats().counts.failed > 1)
            assert publisher.stats().waiting > 0
    [line] = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert re.fullmatch(f"{url} does not take events: .*{said}.*; publications go to the spool {tmp_path}.*", line)


async def test_a_key_that_holds_no_more_is_waited_for(tmp_path: Path) -> None:
    with scripted() as other:
        async with spooling(other.url, tmp_path) as publisher:
            await until(lambda: not publisher.stats().away)
            other.answers.append(Told(401))
            assert (await publisher.publish(problem("e.p.x"), event_id="0")).spooled
            await until(lambda: publisher.stats().waiting == 0)
    assert other.keys == ["0", "0"]


async def test_retry_after_is_respected_by_the_spool(tmp_path: Path) -> None:
    with scripted() as other:
        async with spooling(other.url, tmp_path) as publisher:
            await until(lambda: not publisher.stats().away)
            other.answers.append(Told(429, {"retry-after": "3000"}))
            for number in range(5):
                assert (await publisher.publish(problem("e.p.x"), event_id=str(number))).spooled
            await asyncio.sleep(0.2)
            assert other.keys == ["0"], "nothing is asked before it may be"


async def test_what_is_refused_is_told_and_does_not_stay_in_the_spool(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with scripted() as other:
        other.answers.extend([Told(422, document={"title": "No"}), Told(401), Told(401)])
        async with spooling(other.url, tmp_path) as publisher:
            for number in range(3):
                await publisher.publish(problem("e.p.x"), event_id=str(number))
            await until(lambda: publisher.stats().waiting == 0)
            counts = publisher.stats().counts
            other.answers.append(Told(400))
            with pytest.raises(PublishRefused):
                await publisher.publish(problem("e.p.x"))
    assert (counts.refused, counts.drained, counts.failed) == (1, 2, 2)
    assert other.keys[:5] == ["0", "1", "1", "1", "2"], "a missing right is waited for"
    assert "will never be taken" in caplog.text


async def test_what_is_too_much_is_refused_or_spooled(tmp_path: Path) -> None:
    with scripted() as other:
        async with HttpPublisher(other.url, when_full="refuse", max_in_flight=10) as publisher:
            both = (publisher.publish(problem("e.p.x")) for _ in range(2))
            first, second = await asyncio.gather(*both, return_exceptions=True)
            assert (type(first), type(second)) == (Receipt, NoRoom)
        async with spooling(other.url, tmp_path, max_in_flight=10) as publisher:
            await until(lambda: not publisher.stats().away)
            receipts = await asyncio.gather(*(publisher.publish(problem("e.p.x")) for _ in range(20)))
            assert {receipt.spooled for receipt in receipts} == {True, False}
    assert len(set(other.keys)) == 21


async def test_in_plain_threads(gateway: Gateway, tmp_path: Path) -> None:
    def work() -> None:
        url = f"http://127.0.0.1:{gateway.port}"
        with HttpPublisher.sync(url, spool=Spool(tmp_path, kind="http")) as publisher:
            publisher.publish(problem("e.p.x"))
            publisher.submit(problem("e.p.y"))

    await asyncio.to_thread(work)
    codes = [event.problem.code for event in gateway.reported]
    assert codes == ["e.p.x", "e.p.y"]


def over_tls(server: ScriptedGateway, authority: trustme.CA) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)


async def test_the_gateways_certificate_is_checked(tmp_path: Path) -> None:
    authority, ca_file = trustme.CA(), tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    with scripted() as other:
        over_tls(other, authority)
        url = other.url.replace("http:", "https:")
        async with HttpPublisher(url, api_key="key", ca_file=str(ca_file)) as publisher:
            await publisher.publish(problem("e.p.x"))
            await publisher.check()
        async with HttpPublisher(url, api_key="key", deadline=5) as publisher:
            with pytest.raises(GatewayAway, match="CERTIFICATE_VERIFY_FAILED"):
                await publisher.publish(problem("e.p.x"))
    assert len(other.keys) == 1


# arguments that cannot be, and what is said; no secret is
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no address": ({"url": "localhost:8700"}, "like https://"),
    "another scheme": ({"url": "ftp://bus"}, "like https://"),
    "a query": ({"url": "https://bus/?key=s3cret"}, "like https://"),
    "a password": ({"url": "https://u:s3cret@bus"}, "no user or password"),
    "a key in clear": ({"url": "http://bus", "api_key": "s3cret"}, "use https"),
    "a key of two lines": ({"url": "https://bus", "api_key": "s3cret\nx: y"}, "printable"),
    "no authorities": ({"url": "https://bus", "ca_file": "/nowhere"}, "ca_file"),
    "a spool of another kind": ({"url": "https://bus", "spool": Spool("x")}, "kind="),
}


@pytest.mark.parametrize(("arguments", "said"), WRONG.values(), ids=list(WRONG))
def test_arguments_that_cannot_be(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said) as refusal:
        HttpPublisher(**arguments)
    assert arguments["url"].endswith("s3cret") or "s3cret" not in str(refusal.value)


async def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        async with HttpPublisher(url, deadline=3) as publisher:
            with pytest.raises(GatewayAway, match="publish again with the same idempotency key"):
                await publisher.publish(problem("e.p.x"))
            with pytest.raises(GatewayAway):
                await publisher.check()
