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

from tocsin.streams.cli.over_http import GatewayClient, object_in
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

        def do_GET(self) -> None:
            self.do_POST()

        def do_DELETE(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
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
    assert object_in(b"[" * 100_000) == {}


def test_nobody_there_is_69_and_nothing_is_said_to_be_done(tocsin: Tocsin) -> None:
    ended = tocsin("publish", "-", "--url", "http://127.0.0.1:1", stdin='{"code": "a"}')
    assert (ended.returncode, ended.stdout) == (69, "")
    assert "http://127.0.0.1:1 does not answer" in ended.stderr
    assert "nothing was sent" in ended.stderr


SO = {"event_id": "c-1", "outcome": "already_so", "case": "k", "detail": "acknowledged by bob"}

# what the gateway answers to a command, the exit code, what is printed on stdout and on stderr
COMMANDS: dict[str, tuple[int, dict[str, Any], int, str, str]] = {
    "done": (200, {"event_id": "c-1", "outcome": "done", "case": "k"}, 0, "done, case k (command c-1)\n", ""),
    "already so": (200, SO, 0, "nothing to do: acknowledged by bob, case k (command c-1)\n", ""),
    "not waited for": (202, {"event_id": "c-1", "status": "/v1/commands/c-1"}, 0, "c-1\n", ""),
    "no such case": (404, {"detail": "No such case."}, 1, "", "No such case."),
    "not as things stand": (409, {"detail": "It is over."}, 1, "", "It is over."),
    "no answer": (504, {"detail": "Nobody answered."}, 70, "", "Nobody answered."),
    "wrong": (422, REFUSED, 2, "", "expected a string"),
    "Kafka is away": (503, {"detail": "Kafka is away."}, 69, "", "Kafka is away."),
}


@pytest.mark.parametrize(("status", "said", "code", "out", "err"), COMMANDS.values(), ids=list(COMMANDS))
def test_acknowledge(
    tocsin: Tocsin, answers: Answers, status: int, said: dict[str, Any], code: int, out: str, err: str
) -> None:
    answers.lined_up.append((status, said, {}))
    ended = tocsin("acknowledge", "urn:uuid:a/b?c", "--by", "ann", "--why", "mine", "--url", answers.url)
    assert (ended.returncode, ended.stdout, err in ended.stderr) == (code, out, True), ended.stderr
    [(path, _, body)] = answers.asked
    assert path == "/v1/problems/urn:uuid:a%2Fb%3Fc/acknowledge?wait=10s"
    assert json.loads(body) == {"by": "ann", "why": "mine"}


def test_silences(tocsin: Tocsin, answers: Answers) -> None:
    one = {
        "silence": "s-1", "starts_at": "2030-01-01T00:00:00Z", "ends_at": "2030-01-02T00:00:00Z", "by": "ann",
        "why": "a\x1b[2Jb", "matchers": [{"field": "code", "operator": "prefix", "value": "e.p"}],
    }  # fmt: skip
    answers.lined_up += [(202, {"silence": "s-1"}, {}), (200, {"silences": [one]}, {}), (202, {"silence": "s-1"}, {})]
    at = ("--url", answers.url)
    assert tocsin("silence", "add", "code^=e.p", "--for", "1h", "--by", "ann", *at).stdout == "s-1\n"
    assert json.loads(answers.asked[0][2]) == {
        "by": "ann", "for": "1h", "matchers": [{"field": "code", "operator": "prefix", "value": "e.p"}],
    }  # fmt: skip
    listed = tocsin("silence", "list", *at).stdout
    assert listed == "s-1 2030-01-01T00:00:00Z to 2030-01-02T00:00:00Z code^=e.p by ann (ab)\n"
    assert tocsin("silence", "remove", "s-1", "--by", "ann", "--why", "over", *at).returncode == 0
    assert answers.asked[2][0] == "/v1/silences/s-1?by=ann&why=over"


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


@pytest.mark.parametrize("command", ["publish", "acknowledge"])
def test_no_library_of_kafka_is_imported(command: str) -> None:
    code = (
        f"import sys; from tocsin.streams.cli.main import application; application({command!r}); "
        "print([name for name in ('aiokafka', 'structlog', 'pydantic_settings', 'cel') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
