"""`tocsin acknowledge`, `resolve`, `snooze`, `choose`, `silence`, `endpoint`: mistakes are reported without any
Kafka, and what Kafka has is what was asked for."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

Tocsin = Callable[..., "subprocess.CompletedProcess[str]"]
ANN = ["--by", "ann"]
AT_ONCE = ["--wait", "0s"]  # no worker runs here that could answer

# arguments, exit code, what stderr says; nothing listens at TOCSIN_BOOTSTRAP
ENDINGS: dict[str, tuple[list[str], int, str]] = {
    "nobody acknowledges": (["acknowledge", "r1"], 2, "--by"),
    "nobody with a blank name": (["acknowledge", "r1", "--by", " "], 2, "nobody is named"),
    "nothing is acknowledged": (["acknowledge", *ANN], 2, "ID"),
    "an id without end": (["resolve", "x" * 256, *ANN], 2, "the id is wrong: expected an id of 1 to 255"),
    "a key that HTTP refuses": (["resolve", "r1", *ANN, "--idempotency-key", "a b"], 2, "visible ASCII"),
    "a snooze without end": (["snooze", "r1", *ANN], 2, "--until is missing: expected until when"),
    "a snooze for a while": (["snooze", "r1", *ANN, "--for", "a while"], 2, "--for is wrong: expected a span such as"),
    "a snooze until and for": (["snooze", "r1", *ANN, "--for", "2h", "--until", "2999-01-01T00:00:00Z"], 2, "either"),
    "a snooze that is over": (["snooze", "r1", *ANN, "--until", "2020-01-01T00:00:00Z"], 2, "a time to come"),
    "a choice that is none": (["choose", "m1", "pray", *ANN], 2, "--choice is wrong: expected one of wait, retry"),
    "a silence without matchers": (["silence", "add", *ANN, "--for", "2h"], 2, "MATCHER"),
    "a matcher that is none": (["silence", "add", "xfer", *ANN, "--for", "2h"], 2, "'xfer' is no matcher"),
    "a field that is none": (["silence", "add", "mood=bad", *ANN, "--for", "2h"], 2, "expected one of code, severity"),
    "a silence without end": (["silence", "add", "code^=e.p", *ANN], 2, "--until is missing"),
    "a pattern that is none": (["silence", "add", "text=~(", *ANN, "--for", "2h"], 2, "cannot use these matchers"),
    "an endpoint without a name": (["endpoint", "enable", "", *ANN], 2, "NAME is 1 to 255"),
    "an endpoint, which may be one made while running": (["endpoint", "disable", "desc", *ANN], 69, "does not answer"),
    "a wait that is none": (["resolve", "r1", *ANN, "--wait", "long"], 2, "--wait is wrong: expected a span such as"),
    "a resolve while Kafka is away": (["resolve", "r1", *ANN], 69, "does not answer"),
    "a silence while Kafka is away": (["silence", "list"], 69, "does not answer"),
    "an endpoint while Kafka is away": (["endpoint", "disable", "desk", *ANN], 69, "does not answer"),
}


@pytest.mark.parametrize(("arguments", "code", "says"), ENDINGS.values(), ids=list(ENDINGS))
def test_ending(tocsin: Tocsin, tmp_path: Path, arguments: list[str], code: int, says: str) -> None:
    (tmp_path / "rules.yaml").write_text("endpoints:\n  desk: {sink: memory}\ndefault_route: desk\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        away = f"127.0.0.1:{free.getsockname()[1]}"
    ended = tocsin(*arguments, BOOTSTRAP=away, RULES="rules.yaml")
    assert ended.returncode == code, ended.stderr
    assert says in " ".join(ended.stderr.replace("│", " ").split())


def test_what_kafka_has(tocsin: Tocsin, bootstrap: str, prefix: str) -> None:
    here = partial(tocsin, BOOTSTRAP=bootstrap, PREFIX=prefix, PARTITIONS="2", TENANT="acme")
    here("topics", "apply")

    def tail(topic: str) -> list[dict[str, object]]:
        shown = here("tail", topic, "--from", "beginning", "--no-follow", "--json").stdout
        return [json.loads(line)["event"] for line in shown.splitlines()]

    acknowledged = here("acknowledge", "r1", *ANN, "--why", "on it", *AT_ONCE)
    assert acknowledged.returncode == 0, acknowledged.stderr
    assert here("snooze", "r1", *ANN, "--for", "2h", *AT_ONCE).returncode == 0
    assert here("choose", "m1", "give_up", *ANN, *AT_ONCE, "--tenant", "globex").returncode == 0
    issued = {str(event["kind"]): event for event in tail("inbox")}
    assert set(issued) == {"acknowledge", "snooze", "choose"}
    first = issued["acknowledge"]
    assert first["event_id"] == acknowledged.stdout.strip()
    assert (first["target"], first["by"], first["why"], first["tenant"]) == ("r1", "ann", "on it", "acme")
    assert (issued["choose"]["choice"], issued["choose"]["tenant"]) == ("give_up", "globex")

    assert here("endpoint", "disable", "desk", *ANN, *AT_ONCE).returncode == 0
    (steered,) = tail("deliveries")
    assert (steered["endpoint"], steered["kind"], steered["by"]) == ("desk", "disable", "ann")

    assert here("silence", "list").stdout == "no silences\n"
    made = here("silence", "add", "code^=e.p.xfer", "text!~.*help.*", *ANN, "--for", "2h", "--why", "maintenance")
    assert made.returncode == 0, made.stderr
    ident = made.stdout.strip()
    (line,) = here("silence", "list").stdout.splitlines()
    assert line.startswith(ident)
    assert line.endswith("code^=e.p.xfer text!~.*help.* by ann (maintenance)")
    assert here("silence", "list", "--tenant", "globex", "--json").stdout == ""
    assert here("silence", "remove", ident, *ANN, "--tenant", "globex").returncode == 1
    assert here("silence", "remove", ident, *ANN).returncode == 0
    assert here("silence", "list").stdout == "no silences\n"
