"""`init` and `capture`: what a service sees of them, which is next to nothing, whatever the bus does."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.publish.scripted_gateway import Told, scripted
from tests.connectors.publish.test_threads import ids_in
from tests.connectors.sdk.conftest import Memory
from tocsin.connectors import sdk
from tocsin.connectors.publish import problem
from tocsin.connectors.sdk import client
from tocsin.connectors.sdk.settings import settings_of
from tocsin.schemas.events import ActivityObserved, ProblemReported

REPOSITORY = Path(__file__).parents[3]
TRACE = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"


def reported(memory: Memory) -> list[ProblemReported]:
    assert sdk.flush(60)
    return [event for event in memory.events if isinstance(event, ProblemReported)]


def test_an_exception_in_three_lines(memory: Memory) -> None:
    sdk.init("localhost:9092", tenant="acme", service="ledger")
    event_id = sdk.capture(ValueError("boom"))
    [event] = reported(memory)
    assert (event.event_id, event.tenant, event.problem.text) == (event_id, "acme", "boom")
    assert event.problem.source.service == "ledger"


def test_what_may_be_captured(memory: Memory) -> None:
    sdk.init("localhost:9092", service="ledger")
    sdk.capture(problem("e.p.xfer", source={"service": "own"}), context={"record_id": "r"})
    sdk.capture(b'{"title": "t", "status": 500}', dialect="rfc9457")
    sdk.capture({"code": "e.p.x"}, event_id="e-1", idempotency_key=None)
    try:
        raise KeyError("handled")
    except KeyError:
        sdk.capture()
    assert sdk.capture() is None, "there is no exception"
    first, second, third, last = reported(memory)
    assert (first.problem.source.service, first.problem.source.record_id) == ("own", "r")
    assert (second.problem.dialect, second.problem.source.service) == ("rfc9457", "ledger")
    assert (third.event_id, last.problem.text) == ("e-1", "'handled'")


def test_an_exception_that_is_captured_again_farther_out_is_one(memory: Memory) -> None:
    class Fixed(Exception):
        __slots__ = ()

        def __setattr__(self, name: str, value: object) -> None:
            raise AttributeError(name)

    sdk.init("localhost:9092")
    error = ValueError("boom")
    assert sdk.capture(error) == sdk.capture(error)
    stubborn = Fixed("boom")
    assert sdk.capture(stubborn) != sdk.capture(stubborn)
    assert len(reported(memory)) == 3


def test_an_exception_that_fails_when_it_is_asked_for_something(memory: Memory) -> None:
    class Broken(ValueError):
        def __getattr__(self, name: str) -> object:
            raise RuntimeError(name)

    sdk.init("localhost:9092")
    assert sdk.capture(Broken("boom")) is not None
    assert len(reported(memory)) == 1


def test_the_trace_is_carried(memory: Memory) -> None:
    sdk.init("localhost:9092")
    with sdk.traced(TRACE, "a=1"), sdk.traced("nonsense"):
        sdk.capture(ValueError("within"))
        sdk.capture(ValueError("of its own"), traceparent=TRACE.replace("1", "3", 32))
    sdk.capture(ValueError("outside"))
    within, own, outside = reported(memory)
    assert (within.traceparent, within.tracestate) == (TRACE, "a=1")
    assert own.traceparent == TRACE.replace("1", "3", 32)
    assert outside.traceparent is None


def test_opentelemetrys_span_is_the_trace_where_there_is_one(memory: Memory) -> None:
    api = pytest.importorskip("opentelemetry.trace")
    span = api.NonRecordingSpan(api.SpanContext(0xA, 0xB, False, api.TraceFlags(1)))
    sdk.init("localhost:9092")
    with api.use_span(span), sdk.traced(TRACE):
        sdk.capture(ValueError("within"))
    assert reported(memory)[0].traceparent == "00-" + f"{0xA:032x}-{0xB:016x}-01"


def test_what_explains_problems_is_observed(memory: Memory) -> None:
    sdk.init("localhost:9092", tenant="acme")
    sdk.observe("job_started", job="nightly", detail={"run": "7"})
    assert sdk.observe("no such kind") is None
    assert sdk.flush(60)
    [activity] = memory.events
    assert isinstance(activity, ActivityObserved)
    assert (activity.kind, activity.job, activity.tenant, activity.detail) == (
        "job_started", "nightly", "acme", {"run": "7"},
    )  # fmt: skip


# what is captured; nothing of it may reach the service, and each kind is told once
HARMFUL: dict[str, tuple[Any, dict[str, Any]]] = {
    "no report": (7, {}),
    "no document": (b"{", {}),
    "no problem": ({"type": "https://didcomm.org/routing/2.0/forward", "id": "x", "body": {}}, {}),
    "an argument that there is not": (ValueError(), {"idempotency": "k"}),
    "a context that is none": (ValueError(), {"context": {"recrod": "r"}}),
    "no context at all": (ValueError(), {"context": 7}),
    "no tenant": (ValueError(), {"tenant": "a b"}),
    "what has no bytes": (problem("e.p.x", noticed_at=10**15), {"event_id": "\ud800"}),
}


@pytest.mark.parametrize(("report", "about"), HARMFUL.values(), ids=list(HARMFUL))
def test_nothing_reaches_the_service(
    memory: Memory, caplog: pytest.LogCaptureFixture, report: Any, about: dict[str, Any]
) -> None:
    sdk.init("localhost:9092")
    for _ in range(3):
        sdk.capture(report, **about)
    sdk.flush(60)
    assert memory.events == []
    warned = [record.getMessage() for record in caplog.records if record.name == "tocsin.sdk"]
    assert len(warned) == 1
    assert "was not published" in warned[0]
    assert client._client is not None
    assert client._client.failed == 3


def test_a_bus_that_fails_is_counted_and_told_once(memory: Memory, caplog: pytest.LogCaptureFixture) -> None:
    sdk.init("localhost:9092")
    memory.failure = RuntimeError("a fault of ours")
    for number in range(5):
        assert sdk.capture(ValueError(str(number)))
    sdk.flush(60)
    memory.failure = None
    assert sdk.capture(ValueError("later"))
    assert len(reported(memory)) == 1
    assert len([record for record in caplog.records if record.name == "tocsin.sdk"]) == 1
    assert client._client is not None
    assert client._client.failed == 5


def test_before_init_and_after_close(caplog: pytest.LogCaptureFixture, memory: Memory) -> None:
    for _ in range(3):
        assert sdk.capture(ValueError("x")) is None
        assert sdk.observe("job_started") is None
    assert sdk.flush(0.01)
    assert (sdk.publisher(), sdk.state()) == (None, None)
    sdk.close()
    assert [record.getMessage() for record in caplog.records] == ["nothing is published before init (said once)"]
    sdk.init("localhost:9092")
    assert sdk.capture(ValueError("x"))
    assert sdk.state() is not None
    sdk.close()
    assert sdk.capture(ValueError("x")) is None
    assert len(memory.events) == 1, "close lets what was captured go out"


def test_without_an_address_nothing_is_published_and_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    sdk.init()
    assert sdk.capture(ValueError("x")) is None
    assert ["TOCSIN_BOOTSTRAP" in record.getMessage() for record in caplog.records] == [True]


def test_many_threads(memory: Memory) -> None:
    sdk.init("localhost:9092")
    threads = [
        threading.Thread(target=lambda: [sdk.capture(ValueError(str(number))) for number in range(50)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({event.event_id for event in reported(memory)}) == 400


def test_over_http_with_a_spool(tmp_path: Path) -> None:
    with scripted() as bus:
        bus.usual = Told(503)
        sdk.init(bus.url, api_key="k", service="ledger", spool=tmp_path)
        for number in range(3):
            assert sdk.capture(ValueError(str(number)))
        assert sdk.flush(60), "in the spool they are safe"
        sdk.close()
        bus.keys.clear()
        bus.usual = Told(202)
        sdk.init(bus.url, api_key="k", service="ledger", spool=tmp_path)  # and no problem at all
        sdk.close(30)
    assert len(dict.fromkeys(bus.keys)) == 3, "what an earlier process left is sent at the start"


def test_a_spool_that_cannot_be_is_told_and_done_without(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    with scripted() as bus:
        sdk.init(bus.url, spool=tmp_path / "file")
        sdk.capture(ValueError("x"))
        assert sdk.flush(60)
        assert len(bus.keys) == 1
    assert "there is no spool" in caplog.text


# arguments and variables; address, tenant, service, spool
SETTINGS: dict[str, tuple[dict[str, Any], dict[str, str], tuple[str, str, str, str | None]]] = {
    "arguments": ({"address": "k:1", "tenant": "t", "service": "s", "spool": "/x"}, {}, ("k:1", "t", "s", "/x")),
    "variables": (
        {},
        {"TOCSIN_BOOTSTRAP": "k:1", "TOCSIN_TENANT": "t", "TOCSIN_SERVICE": "s", "TOCSIN_SPOOL": "/x"},
        ("k:1", "t", "s", "/x"),
    ),
    "arguments first": (
        {"address": "k:1", "tenant": "t", "service": "s", "spool": "/x"},
        {"TOCSIN_BOOTSTRAP": "k:2", "TOCSIN_TENANT": "u", "TOCSIN_SERVICE": "v", "TOCSIN_SPOOL": "/y"},
        ("k:1", "t", "s", "/x"),
    ),
    "a gateway before Kafka": (
        {"service": "s", "spool": False}, {"TOCSIN_URL": "https://b", "TOCSIN_BOOTSTRAP": "k:1"},
        ("https://b", "default", "s", None),
    ),
    "no spool": ({"address": "k:1", "service": "s"}, {"TOCSIN_SPOOL": "off"}, ("k:1", "default", "s", None)),
    "a spool of its own for each service": (
        {"address": "k:1", "service": "../a b"}, {"XDG_STATE_HOME": "/state"},
        ("k:1", "default", "../a b", "/state/tocsin/spool/_a_b"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("given", "environment", "found"), SETTINGS.values(), ids=list(SETTINGS))
def test_where_settings_come_from(
    given: dict[str, Any], environment: dict[str, str], found: tuple[str, str, str, str | None]
) -> None:
    usual: dict[str, Any] = dict.fromkeys(("address", "tenant", "service", "api_key", "spool"))
    settings = settings_of(**usual | given, variables=False, more={}, environment=environment)
    spool = None if settings.spool is None else str(settings.spool)
    assert (settings.address, settings.tenant, settings.service, spool) == found


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"address": "nonsense"}, "nonsense"),
        ({"address": "ftp://x"}, "like https://"),
        ({"address": "k:1", "tenant": "a b"}, "tenant"),
        ({"address": "http://bus", "api_key": "s3cret"}, "use https"),
        ({"address": "https://bus", "api_key": "env:NOT_THERE"}, "NOT_THERE"),
        ({"address": "https://bus", "api_key": "file:/nowhere"}, "/nowhere"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_is_said_by_init(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said) as refusal:
        sdk.init(**arguments, spool=False)
    assert "s3cret" not in str(refusal.value)
    with pytest.raises(TypeError):
        sdk.init("k:1", spool=False, tennant="t")


def test_secrets_are_not_shown() -> None:
    settings = settings_of("https://b", None, None, "s3cret", False, False, {}, {})
    assert "s3cret" not in repr(settings)


# a program that uses a Kafka which is not there; how many events it leaves in its spool
PROGRAMS: dict[str, tuple[str, int]] = {
    "has nothing to tell": ("", 0),
    "ends at once": ("sdk.capture(ValueError('x'))", 1),
    "dies of an exception that it captured": (
        """
try:
    1 / 0
except ZeroDivisionError:
    sdk.capture()
os._exit(0) if sdk.flush(30) else None
""",
        1,
    ),
    "forks": (
        """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
sdk.capture(ValueError("parent"))
pid = os.fork()
sdk.capture(ValueError("both"))
if pid == 0:
    sdk.flush(30)
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
""",
        3,
    ),
    "begins anew": ("sdk.capture(ValueError('x'))\nstart()\nsdk.capture(ValueError('y'))", 2),
}


@pytest.mark.parametrize(("code", "count"), PROGRAMS.values(), ids=list(PROGRAMS))
def test_a_program_that(code: str, count: int, tmp_path: Path) -> None:
    head = """
import os, sys
from tocsin.connectors import sdk
def start():
    sdk.init("127.0.0.1:1", spool=sys.argv[1], deadline=1.0)
start()
"""
    command = [sys.executable, "-W", "error", "-c", head + code, str(tmp_path / "spool")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, timeout=100, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    assert "Traceback" not in done.stderr
    assert "did not confirm" not in done.stderr
    assert len(set(ids_in(tmp_path / "spool"))) == count
