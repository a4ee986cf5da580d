"""`--url`: a command asks a gateway, without Kafka and without its libraries; what the gateway says is what is said."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from tocsin.streams.cli.over_http import GatewayClient, _object
from tocsin.streams.processes.exit_codes import CommandFailed

Tocsin = Callable[..., "subprocess.CompletedProcess[str]"]


class Answers:
    """A server that answers what is lined up, and keeps what it was asked."""

    def __init__(self) -> None:
        self.lined_up: list[tuple[int, dict[str, Any], dict[str, str]]] = []
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        self.url = ""


@pytest.fixture
def answers() -> Iterator[Answers]:
    kept = Answers()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            kept.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            status, said, headers = kept.lined_up.pop(0)
            raw = json.dumps(said).encode()
            self.send_response(status)
            for name, value in {"content-length": str(len(raw)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *arguments: object) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    kept.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield kept
    server.shutdown()
    server.server_close()


REFUSED = {"title": "x", "detail": "It says no.", "reason": "wrong_type", "pointer": "/code", "expected": "a string"}

# what the gateway answers, the exit code, what is printed on stdout and on stderr
ENDINGS: dict[str, tuple[int, dict[str, Any], int, str, str]] = {
    "stored": (202, {"event_id": "e-1"}, 0, "e-1\n", ""),
    "no problem": (202, {"ignored": "a message of another type"}, 65, "", "a message of another type"),
    "refused": (422, REFUSED, 65, "", "It says no.: wrong_type at /code: expected a string"),
    "not known whether": (503, {"detail": "Kafka is away.", "event_id": "e-1"}, 69, "", "Kafka is away."),
    "nothing that could be read": (500, {}, 69, "", "HTTP 500"),
    "what would move the cursor": (422, {"detail": "\x1b[31mno\u202e\ud800"}, 65, "", ":1: no"),
    "an id that would": (202, {"event_id": "\x1b]0;t\x07e"}, 0, "e\n", ""),
}


@pytest.mark.parametrize(("status", "said", "code", "out", "err"), ENDINGS.values(), ids=list(ENDINGS))
def test_publish(
    tocsin: Tocsin, answers: Answers, status: int, said: dict[str, Any], code: int, out: str, err: str
) -> None:
    answers.lined_up.append((status, said, {}))
    ended = tocsin("publish", "-", "--url", answers.url, "--tenant", "acme", stdin='{"code": "e.p.x"}')
    assert (ended.returncode, ended.stdout) == (code, out)
    assert err in ended.stderr
    [(path, headers, body)] = answers.asked
    assert (path, headers["tocsin-tenant"], body) == ("/v1/problems?dialect=auto", "acme", b'{"code": "e.p.x"}')


def test_many_documents_have_a_key_each(tocsin: Tocsin, answers: Answers) -> None:
    answers.lined_up += [(202, {"event_id": f"e-{number}"}, {}) for number in range(2)]
    ended = tocsin(
        "publish", "-", "--url", answers.url, "--idempotency-key", "k", stdin='{"code": "a"}\n{"code": "b"}\n'
    )
    assert (ended.returncode, ended.stdout) == (0, "1 e-0\n2 e-1\n")
    assert [headers["idempotency-key"] for _, headers, _ in answers.asked] == ["k:line:1", "k:line:2"]


def test_a_busy_gateway_is_asked_again_when_it_says(tocsin: Tocsin, answers: Answers) -> None:
    answers.lined_up += [(429, {}, {"retry-after": "0"}), (429, {}, {"retry-after": "0"}), (202, {"event_id": "e"}, {})]
    assert tocsin("publish", "-", "--url", answers.url, stdin='{"code": "a"}').stdout == "e\n"
    assert len(answers.asked) == 3


@pytest.mark.parametrize("wait", ["Sun, 29 Nov 2026 23:00:00 GMT", "nan", "-5", "soon", "1e9"])
def test_a_wait_that_is_no_number_of_seconds(
    tocsin: Tocsin, answers: Answers, monkeypatch: pytest.MonkeyPatch, wait: str
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    answers.lined_up += [(429, {}, {"retry-after": wait}), (202, {"event_id": "e"}, {})]
    with GatewayClient(answers.url) as gateway:
        assert gateway.post("/v1/problems", b"{}").status == 202
    assert slept == [1.0]


def test_an_answer_that_is_too_deep_says_nothing(answers: Answers) -> None:
    assert _object(b"[" * 100_000) == {}


def test_nobody_there_is_69_and_nothing_is_said_to_be_done(tocsin: Tocsin) -> None:
    ended = tocsin("publish", "-", "--url", "http://127.0.0.1:1", stdin='{"code": "a"}')
    assert (ended.returncode, ended.stdout) == (69, "")
    assert "http://127.0.0.1:1 does not answer" in ended.stderr


@pytest.mark.parametrize(
    "url",
    [
        *(
            "localhost:8700",
            "ftp://h",
            "http://",
            "http://h:99999",
            "http://h/?a=b",
            "",
            "http://[::1",
            "http://a..b:1",
        ),
        *(f"http://{'a' * 70}", "http://\ud800:1", "http://h/\u20ac", "http://ann:secret@h"),
    ],
)
def test_what_is_no_address_of_a_gateway(url: str) -> None:
    with pytest.raises(CommandFailed, match="--url") as failed:
        GatewayClient(url)
    assert failed.value.exit_code == 2
    assert "secret" not in str(failed.value)


def test_no_library_of_kafka_is_imported() -> None:
    code = (
        "import sys; from tocsin.streams.cli.main import application; application('publish'); "
        "print([name for name in ('aiokafka', 'structlog', 'pydantic_settings', 'cel') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
