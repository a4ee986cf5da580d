"""The receivers that users copy (docs/receivers/), run by the real interpreters: over all vectors, and as servers."""

from __future__ import annotations

import base64
import http.client
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.webhooks.vectors import BODY, SECRET, SIGNING, VECTORS
from tests.harness.extras import LANGUAGES, needs_language
from tocsin.connectors.sinks.webhook.ping import signal
from tocsin.connectors.webhooks import for_receivers, new_key_pair, new_secret, sign
from tocsin.connectors.webhooks.challenges import CHALLENGE

RECEIVERS = Path(__file__).parents[3] / "docs" / "receivers"
RUNNERS = Path(__file__).parent / "runners"
PATIENCE = 200.0
"""Seconds for a compiler, on however busy a machine."""

pytestmark = pytest.mark.timeout(300)  # Go compiles its library once on a new machine


def run(*command: str | Path, **options: Any) -> str:
    ended = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=PATIENCE, **options)
    assert ended.returncode == 0, ended.stderr
    return str(ended.stdout)


def _built_by_go(folder: Path, *sources: Path) -> str:
    copies = [shutil.copy(source, folder) for source in sources]  # Go builds the files of one folder
    run("go", "build", "-o", folder / "receiver", *copies, env={**os.environ, "GOTOOLCHAIN": "local"})
    return str(folder / "receiver")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """`built("go")`: what runs the vectors, after it was compiled where that is done."""
    folder = tmp_path_factory.mktemp("receivers")
    made: dict[str, tuple[str, ...]] = {}

    def build(tool: str) -> tuple[str, ...]:
        needs_language(tool)
        if tool == "node":
            return ("node", str(RUNNERS / "vectors.mjs"), str(RECEIVERS / "receiver.mjs"))
        if tool not in made:
            if tool == "go":
                made[tool] = (_built_by_go(folder, RECEIVERS / "receiver.go", RUNNERS / "vectors.go"), "vectors")
            else:
                made[tool] = ("java", "-cp", str(folder), "Vectors")
                sources = (RECEIVERS / "Receiver.java", RUNNERS / "Vectors.java")
                run("javac", "-Xlint:all", "-Werror", "-d", folder, *sources)
        return made[tool]

    return build


@pytest.mark.parametrize("tool", LANGUAGES)
def test_every_vector(built: Any, tool: str) -> None:
    vectors = [vector for each in VECTORS.values() for vector in each]
    said = run(*built(tool), input="".join(map(_line, vectors))).split("\n")[:-1]
    assert len(said) == len(vectors)
    expected = [vector.get("reason", "accepted") for vector in vectors]
    names = [vector["name"] for vector in vectors]
    assert dict(zip(names, zip(said, expected, strict=True), strict=True)) == {
        name: (one, one) for name, one in zip(names, expected, strict=True)
    }


def _line(vector: Mapping[str, Any]) -> str:
    headers = (vector["headers"].get(name) for name in ("webhook-id", "webhook-timestamp", "webhook-signature"))
    written = ["-" if one is None else base64.b64encode(one.encode()).decode() for one in headers]
    return "\t".join((str(vector["now"]), " ".join(vector["secrets"]), *written, vector["body"])) + "\n"


def _python(folder: Path) -> Sequence[str]:
    return (sys.executable, str(RECEIVERS / "receiver.py"))


def _node(folder: Path) -> Sequence[str]:
    return ("node", str(RECEIVERS / "receiver.mjs"))


def _go(folder: Path) -> Sequence[str]:
    return (_built_by_go(folder, RECEIVERS / "receiver.go"),)  # `go run` would leave its child behind


def _java(folder: Path) -> Sequence[str]:
    return ("java", str(RECEIVERS / "Receiver.java"))


SERVERS = {"python": _python, "node": _node, "go": _go, "javac": _java}


class Server:
    """A receiver as a process: what it answers, and what it prints."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self._process, self._port = process, port
        self.lines: list[str] = []
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def _read(self) -> None:
        assert self._process.stdout
        self.lines += self._process.stdout

    def post(self, body: bytes, headers: Mapping[str, str]) -> int:
        """The status of the answer."""
        return self.asked(body, headers)[0]

    def asked(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        try:
            connection.request("POST", "/hook", body, {**headers, "content-type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except ConnectionError:
            return 413, b""  # it closed while we were still sending, before its answer could be read
        finally:
            connection.close()

    def end(self) -> list[str]:
        """What it printed, after it was ended."""
        self._process.terminate()
        self._process.wait(PATIENCE)
        self._reading.join()
        return [line.split()[0] for line in self.lines]


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    tool = request.param
    if tool in LANGUAGES:
        needs_language(tool)
    secrets = f"{SECRET} {for_receivers(SIGNING)}"
    process = subprocess.Popen(
        [*SERVERS[tool](tmp_path), "0"], stdout=subprocess.PIPE, text=True, cwd=tmp_path,
        env={**os.environ, "WEBHOOK_SECRETS": secrets},
    )  # fmt: skip
    try:
        assert process.stdout
        first = process.stdout.readline()
        assert first.startswith("listening on "), first
        server = Server(process, int(first.split()[2]))
        yield server
        server.end()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()


def signed(webhook_id: str, body: bytes, *secrets: str, age: int = 0) -> dict[str, str]:
    return sign(webhook_id, (int(time.time()) - age) * 1_000_000, body, secrets)


def test_a_server(server: Server) -> None:
    others = (new_secret(), new_key_pair()[0])
    told = [
        server.post(BODY, signed("w-1", BODY, SECRET)),
        server.post(BODY, signed("w-1", BODY, SECRET) | {"tocsin-attempt": "2"}),
        server.post(BODY, signed("w-2", BODY, SIGNING)),
        server.post(BODY, signed("w-3", BODY, *others, SECRET)),
    ]
    assert told == [204] * 4
    refusals = {
        "no signature": server.post(BODY, {}),
        "another body": server.post(BODY + b" ", signed("w-4", BODY, SECRET)),
        "other secrets": server.post(BODY, signed("w-4", BODY, *others)),
        "an old one": server.post(BODY, signed("w-4", BODY, SECRET, SIGNING, age=400)),
        "no body": server.post(b"", signed("w-4", BODY, SIGNING)),
    }
    assert refusals == dict.fromkeys(refusals, 401)
    large = b"x" * 1_000_001
    assert server.post(large, signed("w-5", large, SECRET)) == 413
    assert server.post(BODY, signed("w-4", BODY, SECRET)) == 204
    assert server.end() == ["work"] * 3 + ["refused"] * 5 + ["work"]


def test_many_at_once(server: Server) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = [f"w-{number}" for number in range(24)]
        assert set(pool.map(lambda one: server.post(BODY, signed(one, BODY, SECRET)), ids)) == {204}
    assert server.end() == ["work"] * len(ids)


def test_whether_it_wants_to_be_told(server: Server) -> None:
    question = signal(CHALLENGE, "w-1", "desk", "acme", challenge="a-Z_9")
    assert server.asked(question, signed("w-1", question, SECRET)) == (200, b"a-Z_9")
    assert server.asked(question, {})[0] == 401
    told = signal("problem.opened", "w-1", "desk", "acme", challenge="a-Z_9")
    assert server.asked(told, signed("w-1", told, SECRET)) == (204, b"")
    assert server.end() == ["refused", "work"]


def test_what_is_signed_and_no_notification_does_not_come_again(server: Server) -> None:
    bodies = {"no JSON": b"hello", "nothing": b"", "a list": b"[1]", "a text": b'"x"', "no text": b"\xff\xfe"}
    told = {name: server.post(body, signed("w-1", body, SECRET)) for name, body in bodies.items()}
    assert told == dict.fromkeys(bodies, 400), "503 would be tried again for days"
    assert server.post(BODY, signed("w-1", BODY, SECRET)) == 204
    assert server.end() == ["malformed"] * len(bodies) + ["work"]


@pytest.mark.parametrize("tool", SERVERS)
def test_a_bad_secret_ends_with_one_line(tmp_path: Path, tool: str) -> None:
    if tool in LANGUAGES:
        needs_language(tool)
    words, environment = [*SERVERS[tool](tmp_path), "0"], {**os.environ, "WEBHOOK_SECRETS": "nonsense"}
    ended = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert ended.returncode in (1, 78)
    (line,) = ended.stderr.splitlines()
    assert line.startswith("WEBHOOK_SECRETS: ")
    assert "nonsense" not in line


def test_a_private_key_is_no_secret_of_a_receiver(tmp_path: Path) -> None:
    for tool, command in SERVERS.items():
        if tool not in LANGUAGES or shutil.which(tool):
            environment = {**os.environ, "WEBHOOK_SECRETS": SIGNING}
            words = [*command(tmp_path), "0"]
            ended = subprocess.run(
                words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=PATIENCE
            )
            assert ended.returncode != 0
            assert "whpk_" in ended.stderr
            assert SIGNING not in ended.stderr
