"""How commands end: one clear line and the exit code of README, whatever goes wrong. None of these needs Kafka."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.resources import files
from pathlib import Path

import pytest

from tocsin.streams.processes.exit_codes import CODES, code_of

Tocsin = Callable[..., "subprocess.CompletedProcess[str]"]


def nobody_listens() -> str:
    """`host:port` where nothing listens: bound once, and closed."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


# arguments, stdin, variables, exit code, what stderr (or stdout) says
ENDINGS: dict[str, tuple[list[str], str, dict[str, str], int, str]] = {
    "a command that does not exist": (["shout"], "", {}, 2, "No such command 'shout'"),
    "an option that does not exist": (["config", "--colour"], "", {}, 2, "--colour"),
    "a port that is no number": (["up", "--port", "http"], "", {}, 2, "--port"),
    "settings that are good": (["config"], "", {"PORT": "0"}, 0, "TOCSIN_PORT=0"),
    "a variable that is empty is not set": (["config"], "", {"BOOTSTRAP": ""}, 0, "TOCSIN_BOOTSTRAP="),
    "a variable that nobody knows": (["config"], "", {"BOOTSTRUP": "x"}, 0, "is TOCSIN_BOOTSTRAP meant?"),
    "a doctor and a variable that nobody knows": (["doctor"], "", {"BOOTSTRUP": "x"}, 69, "warn  settings"),
    "settings that are wrong": (["config"], "", {"PORT": "x", "PREFIX": "a b"}, 78, "TOCSIN_PREFIX: "),
    "up with settings that are wrong": (["up"], "", {"PARTITIONS": "0"}, 78, "TOCSIN_PARTITIONS: "),
    "no Kafka set, and none up": (["publish"], "{}", {}, 69, "tocsin up"),
    "a worker without Kafka": (["worker"], "", {}, 69, "TOCSIN_BOOTSTRAP"),
    "a worker whose Kafka is away": (["worker"], "", {"BOOTSTRAP": "AWAY"}, 69, "does not answer"),
    "a dispatcher whose Kafka is away": (["dispatch"], "", {"BOOTSTRAP": "AWAY"}, 69, "does not answer"),
    "a gateway whose Kafka is away": (["gateway"], "", {"BOOTSTRAP": "AWAY"}, 69, "does not answer"),
    "up on a Kafka that is away": (["up"], "", {"BOOTSTRAP": "AWAY", "PORT": "0"}, 69, "does not answer"),
    "up without its rules file, before any Kafka": (
        ["up", "--rules", "gone.yaml"], "", {"BOOTSTRAP": "AWAY", "PORT": "0"}, 78, "gone.yaml",
    ),
    "up on a port that is taken, before any Kafka": (
        ["up"], "", {"BOOTSTRAP": "AWAY", "PORT": "TAKEN"}, 78, "TOCSIN_PORT",
    ),
    "up on a home that cannot be one": (["up"], "", {"HOME": "/proc/tocsin"}, 78, "TOCSIN_HOME"),
    "a plan for a Kafka that is away": (["topics", "plan"], "", {"BOOTSTRAP": "AWAY"}, 69, "does not answer"),
    "publishing to a Kafka that is away": (["publish"], "{}", {"BOOTSTRAP": "AWAY"}, 69, "does not answer"),
    "a dispatcher without its rules file": (
        ["dispatch", "--rules", "gone.yaml"], "", {"BOOTSTRAP": "AWAY"}, 78, "gone.yaml",
    ),
    "publishing a file that is not there": (["publish", "gone.json"], "", {}, 2, "gone.json"),
    "publishing in an unknown dialect": (["publish", "--dialect", "latin"], "{}", {}, 2, "canonical"),
    "publishing for a tenant that cannot be": (["publish", "--tenant", "a b"], "{}", {}, 2, "1 to 64 letters"),
    "publishing with a key that HTTP refuses": (
        ["publish", "--idempotency-key", "schön"], "{}", {}, 2, "visible ASCII",
    ),
    "publishing standard input by its name": (["publish", "-"], "{}", {"BOOTSTRAP": "AWAY"}, 69, "does not answer"),
    "reading standard input by its name": (["read", "-"], '{"code": "e.p.x"}', {}, 0, '"code": "e.p.x"'),
    "writing in an unknown dialect": (["write", "--dialect", "latin"], "{}", {}, 2, "canonical"),
    "a tail of a topic by its full name": (["tail", "tocsin.problems"], "", {"BOOTSTRAP": "AWAY"}, 69, "not answer"),
    "a tail with a filter on what records have not": (["tail", "--filter", "nobody == 1"], "", {}, 2, "nobody"),
    "a tail of an unknown topic": (["tail", "gossip"], "", {}, 2, "inbox, problems"),
    "a tail with a filter that is not CEL": (["tail", "--filter", "type =="], "", {}, 2, "not CEL"),
    "a dead letter that is not named so": (["dead", "show", "x"], "", {"BOOTSTRAP": "AWAY"}, 2, "PARTITION:OFFSET"),
    "a command of nobody": (["endpoint", "disable", "x", "--by", " "], "", {}, 2, "nobody is named"),
    "a command of nobody, to a gateway": (
        ["endpoint", "disable", "x", "--by", "", "--url", "http://127.0.0.1:9"], "", {}, 2, "such as --by ann",
    ),
    "a replay of nothing": (["dead", "replay"], "", {}, 2, "--all"),
    "a purge of nothing": (["dead", "purge"], "", {}, 2, "--before 30d"),
    "dead letters since no time": (["dead", "list", "--from", "soon"], "", {}, 2, "--from is wrong: expected a time"),
    "letters of a Kafka that is away": (["dead", "stats"], "", {"BOOTSTRAP": "AWAY"}, 69, "does not answer"),
    "a replay of no time": (["replay", "--endpoint", "owner"], "", {}, 2, "say --from"),
    "a replay backwards": (["replay", "--endpoint", "owner", "--from", "1h", "--to", "2h"], "", {}, 2, "before --to"),
    "a replay of no endpoint": (["replay", "--endpoint", "", "--from", "1h"], "", {}, 2, "1 to 255 characters"),
    "a replay of a name that is no text": (["replay", "--endpoint", "\udcff", "--from", "1h"], "", {}, 2, "1 to 255"),
    "a replay on a Kafka that is away": (
        ["replay", "--endpoint", "owner", "--from", "1h"], "", {"BOOTSTRAP": "AWAY"}, 69, "does not answer",
    ),
    "reading what is no JSON": (["read"], "{", {}, 65, '"error_kind": "not_json"'),
    "reading a code that is none": (["read", "--dialect", "code"], "E.x", {}, 65, '"error_kind": "bad_code"'),
    "reading a code": (["read", "--dialect", "code"], "e.p.xfer", {}, 0, '"descriptors": ["xfer"]'),
    "reading a success": (
        ["read"], '{"type": "https://didcomm.org/trust-ping/2.0/ping", "id": "1", "body": {}}', {}, 0,
        '"is_problem": false',
    ),
    "reading a batch of answers": (
        ["read"], '[{"jsonrpc": "2.0", "id": 1, "result": 7}, {"id": 2, "error": {"code": -32601}}]', {},
        0, '"problem_count": 1',
    ),
    "reading a report without a code": (
        ["read", "--dialect", "hipe"], '{"explain-ltxt": "no route"}', {}, 0, '"code": null',
    ),
    "writing for an agent of DIDComm v1": (
        ["write", "--dialect", "aries"], '{"code": "e.p.x"}', {}, 0, '"description": {"code": "e.p.x"}',
    ),
    "writing what a dialect cannot say": (
        ["write", "--dialect", "didcomm-2.0"], '{"code": "e.p.x"}', {}, 65, "parent_thread_id",
    ),
    "writing in another dialect": (
        ["write", "--dialect", "rfc9457"], '{"code": "e.p.x", "text": "so it is"}', {}, 0, '"detail": "so it is"',
    ),
    "the shipped schemas": (["schemas", "check"], "", {}, 0, "nothing to say"),
    "released schemas that are not there": (["schemas", "check", "--against", "gone"], "", {}, 2, "gone"),
    "a rules file that is not there": (["rules", "check", "gone.yaml"], "", {}, 2, "gone.yaml"),
    "the schema of the rules file": (["rules", "schema"], "", {}, 0, "json-schema.org"),
    "a doctor without Kafka": (["doctor"], "", {"BOOTSTRAP": "AWAY"}, 69, "FAIL  kafka"),
    "a doctor with wrong settings": (["doctor"], "", {"PORT": "x"}, 1, "FAIL  settings"),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "stdin", "variables", "code", "says"), ENDINGS.values(), ids=list(ENDINGS))
def test_ending(
    tocsin: Tocsin, arguments: list[str], stdin: str, variables: dict[str, str], code: int, says: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        meant = {"AWAY": nobody_listens(), "TAKEN": str(taken.getsockname()[1])}
        ended = tocsin(*arguments, stdin=stdin, **{name: meant.get(value, value) for name, value in variables.items()})
    assert ended.returncode == code, ended.stderr
    assert says in ended.stdout + ended.stderr
    assert "Unclosed" not in ended.stderr


@pytest.mark.parametrize("ending", ["settings that are wrong", "a doctor without Kafka", "reading what is no JSON"])
def test_a_process_of_its_own_ends_the_same(tocsin_process: Tocsin, ending: str) -> None:
    arguments, stdin, variables, code, says = ENDINGS[ending]
    meant = {name: value.replace("AWAY", nobody_listens()) for name, value in variables.items()}
    ended = tocsin_process(*arguments, stdin=stdin, **meant)
    assert ended.returncode == code, ended.stderr
    assert says in ended.stdout + ended.stderr


def test_all_wrong_settings_are_told_at_once(tocsin: Tocsin) -> None:
    ended = tocsin("up", PORT="x", PREFIX="a b", PUBLIC_URL="ftp://u:hunter2@h/d")
    assert ended.returncode == 78
    assert all(f"TOCSIN_{name}: " in ended.stderr for name in ("PORT", "PREFIX", "PUBLIC_URL"))
    assert "hunter2" not in ended.stderr


def test_secrets_are_masked(tocsin: Tocsin) -> None:
    ended = tocsin("config", "--json", PUBLIC_URL="https://bus:hunter2@gate/tocsin")
    assert json.loads(ended.stdout)["public_url"] == "https://bus:***@gate/tocsin"


def test_a_rules_file_is_checked_with_its_lines(tocsin: Tocsin, tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text("endpoints:\n  desk: {sink: memory}\ndefault_route: desk\n")
    (tmp_path / "bad.yaml").write_text("endpoints:\n  desk: {sink: memory}\ndefault_route: nobody\n")
    assert tocsin("rules", "check", "good.yaml").returncode == 0
    bad = tocsin("rules", "check", "bad.yaml")
    assert bad.returncode == 1
    assert bad.stdout.startswith("bad.yaml:3: ")
    assert json.loads(tocsin("rules", "check", "bad.yaml", "--json").stdout)["ok"] is False


def test_a_changed_schema_is_found(tocsin: Tocsin, tmp_path: Path) -> None:
    shipped = files("tocsin.schemas").joinpath("avsc", "tick.v1.avsc").read_text("utf-8")
    (tmp_path / "tick.v1.avsc").write_text(shipped.replace("partition", "compartment"))
    ended = tocsin("schemas", "check", "--against", str(tmp_path))
    assert ended.returncode == 1
    assert "tick.v1.avsc" in ended.stdout


@pytest.mark.parametrize("name", CODES)
def test_every_exception_of_the_table_exists(name: str) -> None:
    module, _, kind = name.rpartition(".")
    found = getattr(__import__(module, fromlist=[kind]), kind)
    assert issubclass(found, Exception)
    assert code_of(found.__new__(found)) is not None


def test_what_nobody_foresaw_keeps_its_traceback() -> None:
    assert code_of(ZeroDivisionError()) is None


def test_a_reader_that_went_away_ends_a_command_without_a_word(tmp_path: Path) -> None:
    shown = subprocess.Popen(
        [sys.executable, "-m", "tocsin.streams.cli.main", "rules", "schema"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert shown.stdout
    assert shown.stderr
    shown.stdout.close()
    written = shown.stderr.read()
    shown.stderr.close()
    assert (written, shown.wait(30)) == (b"", 141)


def test_a_doctor_knows_our_own_gateway(tocsin: Tocsin) -> None:
    class Gateway(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok\n")

        def log_message(self, format: str, *args: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Gateway) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        mine = tocsin("doctor", PORT=str(server.server_port))
        server.shutdown()
    assert "ok    port           a gateway serves" in mine.stdout
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        others = tocsin("doctor", PORT=str(stranger.getsockname()[1]))
    assert "warn  port" in others.stdout
