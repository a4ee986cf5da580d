"""The commands that need a Kafka, against a real one, each as a process of its own."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
from functools import partial

import pytest
from aiokafka import AIOKafkaProducer

Tocsin = Callable[..., "subprocess.CompletedProcess[str]"]

LINES = (
    '{"code": "e.p.xfer.first", "text": "one \\u001b[31mred\\u001b[0m"}\n'
    "{bad\n"
    '{"code": "w.m.me", "thread_id": "t1"}\n'
    '{"title": 7}\n'
)


@pytest.fixture
def here(tocsin: Tocsin, bootstrap: str, prefix: str) -> Tocsin:
    """`tocsin` on the shared Kafka, under a prefix of this test's own."""
    return partial(tocsin, BOOTSTRAP=bootstrap, PREFIX=prefix, PARTITIONS="2")


def events(shown: str) -> list[dict[str, object]]:
    """The lines of `--json`."""
    return [json.loads(line) for line in shown.splitlines()]


def test_topics_are_planned_made_and_found_right(here: Tocsin, prefix: str) -> None:
    missing = here("doctor")
    assert missing.returncode == 1
    assert "tocsin topics apply" in missing.stdout
    planned = here("topics", "plan", "--json")
    assert planned.returncode == 1
    assert f"{prefix}inbox" in {change["topic"] for change in json.loads(planned.stdout)["changes"]}
    assert here("publish", stdin='{"code": "e.p.x"}').returncode == 69
    assert here("topics", "apply").returncode == 0
    assert here("topics", "plan").returncode == 0
    well = here("doctor", "--json")
    assert well.returncode == 0
    levels = {check["name"]: check["level"] for check in json.loads(well.stdout)["checks"]}
    assert (levels["kafka"], levels["topics"], levels["dead letters"]) == ("ok", "ok", "ok")
    assert levels["worker"] == "warn"


def test_good_lines_are_published_and_bad_ones_named(here: Tocsin, prefix: str) -> None:
    here("topics", "apply")
    published = here("publish", "--tenant", "acme", stdin=LINES)
    assert published.returncode == 65
    lines, ids = zip(*(line.split() for line in published.stdout.splitlines()), strict=True)
    assert lines == ("1", "3")
    assert "publish only these again: line 2, 4" in published.stderr
    assert "stdin:2: not_json" in published.stderr
    assert "stdin:4: " in published.stderr
    assert "2 published, 2 refused" in published.stderr
    seen = here("tail", "inbox", "--from", "beginning", "--no-follow", "--json")
    assert [each["event"]["event_id"] for each in events(seen.stdout)] == list(ids)  # type: ignore[index]
    shown = here("tail", "inbox", "--from", "beginning", "--no-follow").stdout
    assert "text=one red" in shown
    assert "\x1b" not in shown
    some = here(
        "tail", "inbox", "--from", "beginning", "--no-follow", "--filter", 'event.problem.severity == "warning"'
    )
    assert len(some.stdout.splitlines()) == 1
    none = here("tail", f"{prefix}inbox", "--from", "beginning", "--no-follow", "--filter", "event.gone")
    assert (none.stdout, none.returncode) == ("", 0)
    assert "could not be worked out for any of 2 records" in none.stderr


def test_the_same_key_gives_the_same_event(here: Tocsin) -> None:
    here("topics", "apply")
    ids = {here("publish", "--idempotency-key", "k", stdin='{"code": "e.p.x"}').stdout for _ in range(2)}
    assert len(ids) == 1


def test_dead_letters_are_listed_shown_and_replayed(here: Tocsin, bootstrap: str, prefix: str) -> None:
    here("topics", "apply")
    assert here("dead", "list").stdout == "no dead letters\n"
    assert here("dead", "replay", "--all").returncode == 1
    headers = [("ce_id", b"1"), ("__connect.errors.topic", f"{prefix}inbox".encode()), ("tocsin.reason", b"not_framed")]
    asyncio.run(produce(bootstrap, f"{prefix}dead", b"\x01\x1b[2J", headers))
    [letter] = events(here("dead", "list", "--json").stdout)
    assert (letter["reason"], letter["topic"]) == ("not_framed", f"{prefix}inbox")
    shown = json.loads(here("dead", "show", str(letter["id"]), "--json").stdout)
    assert shown["hex"] == "011b5b324a"
    assert here("dead", "replay", str(letter["id"])).returncode == 0
    [again] = events(here("tail", "inbox", "--from", "beginning", "--no-follow", "--json").stdout)
    assert (again["hex"], again["key"]) == ("011b5b324a", "acme")
    assert "1 not_framed" in here("doctor").stdout
    assert here("dead", "show", "99:0").returncode == 65


def test_replaying_all_leaves_out_what_holds_no_record_and_what_was_replayed(
    here: Tocsin, bootstrap: str, prefix: str
) -> None:
    here("topics", "apply")
    came = [("__connect.errors.topic", f"{prefix}inbox".encode())]
    for stage, value in ((b"decide", b"record"), (b"timer", b"row"), (b"input", None)):
        asyncio.run(produce(bootstrap, f"{prefix}dead", value, [*came, ("__connect.errors.stage", stage)]))
    first = here("dead", "replay", "--all", "--json")
    assert (first.returncode, [letter["stage"] for letter in events(first.stdout)]) == (0, ["decide"])
    assert "1 not replayed: it holds the row of a timer" in first.stderr
    assert "1 not replayed: it reports something" in first.stderr
    second = here("dead", "replay", "--all")
    assert (second.returncode, second.stdout) == (1, "")
    assert "1 not replayed: it was replayed already" in second.stderr
    letters = {str(each["stage"]): each for each in events(here("dead", "list", "--json").stdout)}
    assert {stage: each["replayed"] for stage, each in letters.items()} == {
        "decide": True,
        "timer": False,
        "input": False,
    }
    refused = here("dead", "replay", str(letters["timer"]["id"]))
    assert (refused.returncode, "cannot be replayed" in refused.stderr) == (65, True)
    assert here("dead", "replay", str(letters["decide"]["id"])).returncode == 0, "by its id: as often as it is asked"
    shown = events(here("tail", "inbox", "--from", "beginning", "--no-follow", "--json").stdout)
    assert [each["hex"] for each in shown] == [b"record".hex()] * 2
    assert "3 unknown" in here("doctor").stdout, "notes of replays are no dead letters"


async def produce(bootstrap: str, topic: str, value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
    """One record."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        await producer.send_and_wait(topic, value, key=b"acme", headers=headers)
    finally:
        await producer.stop()
