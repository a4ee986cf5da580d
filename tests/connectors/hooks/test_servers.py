"""The pages of docs/frameworks.md about servers and schedulers, run as processes; what else their hooks do."""

from __future__ import annotations

import io
import json
import re
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from flask import Flask, Response, stream_with_context
from werkzeug.test import run_wsgi_app

from tests.connectors.hooks.told import problems, stories, story, until
from tests.connectors.hooks.workers import Worker, running, write
from tests.connectors.publish.scripted_gateway import scripted
from tests.connectors.sdk.conftest import Memory
from tocsin.connectors import sdk
from tocsin.connectors.hooks.flask import watch_flask
from tocsin.connectors.wsgi import ProblemMiddleware
from tocsin.schemas.events import ProblemReported
from tocsin.schemas.ids import idempotent_id

TRACE = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"

# the page and its file, the server, what it prints before its address
SERVERS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "Flask, forked before": ("Flask", "app.py", ("gunicorn", "--preload", "-w", "2", "-b", "127.0.0.1:0", "app:app")),
    "Flask, forked after": ("Flask", "app.py", ("gunicorn", "-w", "2", "-b", "127.0.0.1:0", "app:app")),
    "Flask, threads": ("Flask", "app.py", ("gunicorn", "--threads", "4", "-b", "127.0.0.1:0", "app:app")),
    "FastAPI": ("FastAPI", "api.py", ("uvicorn", "--port", "0", "api:app")),
}


def asked(url: str) -> tuple[int, str, dict[str, Any]]:
    """Status, media type and document of the answer."""
    try:
        urllib.request.urlopen(urllib.request.Request(url, headers={"traceparent": TRACE}), timeout=90)
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers["content-type"], json.loads(refused.read())
    raise AssertionError("it did not fail")


def address(worker: Worker) -> str:
    until(lambda: re.search(r"http://127.0.0.1:[1-9]\d*", worker.said), lambda: worker.said)
    found = re.search(r"http://127.0.0.1:\d+", worker.said)
    assert found is not None
    return found[0]


@pytest.mark.parametrize("server", SERVERS, ids=list(SERVERS))
def test_what_a_server_does_not_handle(server: str, tmp_path: Path) -> None:
    framework, name, command = SERVERS[server]
    with scripted() as gateway:
        write(tmp_path, framework, name, gateway.url)
        with running(tmp_path, *command) as worker:
            url = address(worker)
            answers = [asked(f"{url}/pages/{number}") for number in range(8)]
            assert worker.end() in (0, -signal.SIGTERM), worker.said  # uvicorn ends of the signal itself
            assert worker.said.count("ValueError: page 7 is torn") == 1, "the server's log has it as ever"
        told = problems(gateway)
    assert {(status, media_type) for status, media_type, _ in answers} == {(500, "application/problem+json")}
    assert {tuple(document) for _, _, document in answers} == {("type", "title", "status", "instance")}
    assert sorted(one["text"] for one in told) == [f"page {number} is torn" for number in range(8)]
    assert {one["trace"] for one in told} == {TRACE}
    assert {place(one) for one in told} == {("GET", "/pages/{page}" if framework == "FastAPI" else "/pages/<int:page>")}
    ids = {f"urn:uuid:{idempotent_id('acme', key)}" for key, _, _ in gateway.posts}
    assert {document["instance"] for _, _, document in answers} == ids


def place(document: dict[str, Any]) -> tuple[str, str]:
    """Method and path of a problem."""
    items = {item["key"]: item["value"] for item in document["items"]}
    return items["method"], items["path"]


MORE_JOBS = """
import time
from datetime import datetime, timedelta

def late():
    pass

def busy():
    time.sleep(3600)

scheduler.remove_job("nightly")
scheduler.add_job(clean, run_date=datetime.now(), misfire_grace_time=None)
scheduler.add_job(late, run_date=datetime.now() - timedelta(hours=1), id="late", misfire_grace_time=1)
scheduler.add_job(busy, "interval", seconds=1, max_instances=1, misfire_grace_time=None, coalesce=True)
"""


def test_jobs_of_a_scheduler(tmp_path: Path) -> None:
    with scripted() as gateway:
        write(tmp_path, "APScheduler", "scheduled.py", gateway.url)
        file = tmp_path / "scheduled.py"
        program, start = file.read_text().split('if __name__ == "__main__":')
        file.write_text(f'{program}{MORE_JOBS}\nif __name__ == "__main__":{start}')
        with running(tmp_path, "python", "scheduled.py") as worker:
            until(lambda: "busy" in stories(gateway) and len(stories(gateway)) == 3, lambda: worker.said)
        found = stories(gateway)
        text = {one["code"]: one["text"] for one in problems(gateway)}
    assert found["clean"] == ["e.p.me.value-error", "failed"]
    assert found["late"] == ["w.p.me.job.missed"]
    assert set(found["busy"]) == {"w.p.me.job.max-instances"}
    assert text["e.p.me.value-error"] == "page 7 is torn"


def reported(memory: Memory) -> list[tuple[str | None, str | None]]:
    """Text and request of each problem."""
    found = [event.problem for event in memory.flushed() if isinstance(event, ProblemReported)]
    return [(problem.text, problem.request_id) for problem in found]


def untold() -> str:
    raise KeyError("page")


def test_what_the_application_answers_comes_first(memory: Memory) -> None:
    sdk.init("k:1")
    for early in (True, False):
        app = Flask("ledger")
        app.logger.disabled = True
        app.add_url_rule("/torn", view_func=untold)
        if not early:
            watch_flask(app)
        app.register_error_handler(500, lambda _: ("our own words", 500))
        if early:
            watch_flask(app)
        assert app.test_client().get("/torn").data == b"our own words"
    assert reported(memory) == [("'page'", None)] * 2


def test_an_error_that_is_to_be_raised_is(memory: Memory) -> None:
    sdk.init("k:1")
    app = Flask("ledger")
    app.testing = True
    watch_flask(app)
    app.add_url_rule("/torn", view_func=untold)
    with pytest.raises(KeyError):
        app.test_client().get("/torn", headers={"X-Request-ID": "q-7"})
    assert reported(memory) == [("'page'", "q-7")]


def test_a_body_that_fails_while_it_is_sent(memory: Memory) -> None:
    sdk.init("k:1")
    app = Flask("ledger")
    watch_flask(app)
    over: list[bool] = []

    @app.get("/pages")
    def pages() -> Response:
        def body() -> Iterator[str]:
            yield "half"
            sdk.capture(ValueError("on the way"))
            raise ValueError("late")

        answer = Response(stream_with_context(body()))
        answer.call_on_close(lambda: over.append(True))
        return answer

    answer = app.test_client().get("/pages", headers={"X-Request-ID": "q-7"}, buffered=False)
    with pytest.raises(ValueError, match="late"):
        answer.get_data()
    answer.close()
    assert reported(memory) == [("on the way", "q-7"), ("late", "q-7")]
    assert over == [True]
    assert sdk.current_context() == {}


def environ(**headers: str) -> dict[str, Any]:
    made: dict[str, Any] = {**headers}
    setup_testing_defaults(made)
    return made | {"wsgi.errors": io.StringIO()}


def torn(_: Any, __: Any) -> list[bytes]:
    raise ValueError("password=hunter22222")


def test_any_other_wsgi_application(memory: Memory) -> None:
    sdk.init("k:1")
    asking = environ(HTTP_X_REQUEST_ID="q-7", HTTP_TRACEPARENT=TRACE)
    body, status, headers = run_wsgi_app(ProblemMiddleware(torn), asking)
    document = json.loads(b"".join(body))
    [event] = memory.flushed()
    assert isinstance(event, ProblemReported)
    assert (status, headers["content-type"]) == ("500 Internal Server Error", "application/problem+json")
    instance = f"urn:uuid:{event.event_id}"
    assert document == {"type": "about:blank", "title": "Internal Server Error", "status": 500, "instance": instance}
    assert (event.traceparent, event.problem.request_id) == (TRACE, "q-7")
    assert "ValueError" in asking["wsgi.errors"].getvalue()
    with pytest.raises(ValueError, match="password"):
        run_wsgi_app(ProblemMiddleware(torn, answer=False), environ())


def leaves(*_: Any) -> list[bytes]:
    sys.exit(3)


def leaving(*_: Any) -> Iterator[bytes]:
    yield b"half"
    sys.exit(3)


def leaving_flask() -> Any:
    app = Flask("ledger")
    watch_flask(app)
    app.add_url_rule("/", view_func=leaves)
    return app.wsgi_app


@pytest.mark.parametrize(
    "app",
    [lambda: ProblemMiddleware(leaves), lambda: ProblemMiddleware(leaving), leaving_flask],
    ids=["at once", "while the body is sent", "Flask"],
)
def test_a_request_that_ends_the_server_is_told_and_ends_it(memory: Memory, app: Callable[[], Any]) -> None:
    sdk.init("k:1")
    with pytest.raises(SystemExit) as ended:
        list(app()(environ(HTTP_X_REQUEST_ID="q-7", QUERY_STRING="token=secret"), lambda *_: None))
    [event] = memory.flushed()
    assert isinstance(event, ProblemReported)
    assert ended.value.code == 3
    assert (event.problem.code, event.problem.request_id) == ("e.p.me.system-exit", "q-7")
    assert {("method", "GET"), ("path", "/")} <= {(item.key, item.value) for item in event.problem.items}


def test_a_file_is_sent_as_the_server_sends_files(memory: Memory) -> None:
    class Wrapper:
        """As servers that have sendfile give one."""

        def __iter__(self) -> Iterator[bytes]:
            return iter([b"page"])

    sent: Iterable[bytes] = Wrapper()
    assert ProblemMiddleware(lambda *_: sent)(environ() | {"wsgi.file_wrapper": Wrapper}, None) is sent
    assert story(memory) == []


def test_a_file_of_a_server_whose_wrapper_is_a_function(memory: Memory) -> None:
    def app(asked: Any, _: Any) -> Iterable[bytes]:
        return asked["wsgi.file_wrapper"](io.BytesIO())  # type: ignore[no-any-return]

    file = io.BytesIO(b"page")
    assert ProblemMiddleware(app)(environ() | {"wsgi.file_wrapper": lambda _: file}, None) is file
    for other in (len, "nonsense"):
        assert ProblemMiddleware(lambda *_: [b"fine"])(environ() | {"wsgi.file_wrapper": other}, None) == [b"fine"]
    assert list(ProblemMiddleware(lambda *_: iter([b"f"]))(environ() | {"wsgi.file_wrapper": len}, None)) == [b"f"]


def test_faults_of_ours_reach_no_answer(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a fault of our own")

    sdk.init("k:1")
    monkeypatch.setattr(sdk, "traced", broken)
    monkeypatch.setattr("tocsin.connectors.wsgi._Body", broken)
    assert list(ProblemMiddleware(lambda *_: iter([b"fine"]))(environ(), None)) == [b"fine"]


def test_an_id_of_a_request_that_names_nothing(memory: Memory) -> None:
    sdk.init("k:1")
    run_wsgi_app(ProblemMiddleware(torn), environ(HTTP_X_REQUEST_ID="---"))
    assert [request for _, request in reported(memory)] == [None]
