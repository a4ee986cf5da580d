"""`tocsin dead` against a real Kafka: found, counted, replayed and purged, also when it is killed while it works."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.harness.judging import read_topic
from tests.streams.cli.dead.letters import REPORT, Headers, a_report, a_request, died
from tocsin.connectors.kafka import open_producer
from tocsin.schemas.codec import decode, encode
from tocsin.schemas.events import DeliveryRequested

Tocsin = Callable[..., "subprocess.CompletedProcess[str]"]
Letter = tuple[Headers, bytes | None]


@pytest.fixture
def here(tocsin: Tocsin, bootstrap: str, prefix: str) -> Tocsin:
    """`tocsin` on the shared Kafka, under a prefix of this test's own."""
    run = partial(tocsin, BOOTSTRAP=bootstrap, PREFIX=prefix, PARTITIONS="2")
    assert run("topics", "apply").returncode == 0
    return run


def produce(bootstrap: str, topic: str, letters: Iterable[Letter], partition: int | None = None) -> None:
    """Letters into a topic, one after the other."""

    async def write() -> None:
        async with open_producer(bootstrap) as producer:
            sent = [
                await producer.send(topic, value, key=b"acme", headers=headers, partition=partition)
                for headers, value in letters
            ]
            await asyncio.gather(*sent)

    asyncio.run(write())


def lines(shown: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """The lines of `--json`."""
    return [json.loads(line) for line in shown.stdout.splitlines()]


def held(bootstrap: str, topic: str) -> list[bytes | None]:
    """The values of a topic."""
    found = asyncio.run(read_topic(bootstrap, topic))
    return [record.value for records in found.values() for record in records]


def test_letters_are_listed_shown_and_replayed(here: Tocsin, bootstrap: str, prefix: str) -> None:
    assert here("dead", "list").stdout == "no dead letters\n"
    assert here("dead", "stats").stdout == "no dead letters\n"
    assert here("dead", "replay", "--all").returncode == 1
    own: Headers = [("ce_id", b"1")]
    produce(bootstrap, f"{prefix}dead", [([*own, *died("raised", topic=f"{prefix}inbox")], REPORT)])
    produce(bootstrap, f"{prefix}dead", [(died(topic=f"{prefix}inbox"), b"\x01\x1b[2J")])
    letter, bytes_ = lines(here("dead", "list", "--json"))
    assert (letter["reason"], letter["topic"], letter["code"]) == ("raised", f"{prefix}inbox", "e.p.xfer.cant")
    shown = json.loads(here("dead", "show", bytes_["id"], "--json").stdout)
    assert (shown["hex"], shown["cannot_be_replayed"]) == (
        "011b5b324a",
        "this release cannot read it either (not_framed)",
    )
    assert "\x1b" not in here("dead", "show", bytes_["id"]).stdout + here("dead", "list").stdout
    tried = here("dead", "replay", letter["id"], "--dry-run")
    assert (tried.returncode, tried.stdout.startswith("would replay ")) == (0, True)
    assert held(bootstrap, f"{prefix}inbox") == []
    assert "they grow; tocsin dead stats --from 1h" in here("doctor").stdout
    assert here("dead", "replay", letter["id"]).returncode == 0
    repeated = here("dead", "replay", letter["id"])
    assert (repeated.returncode, repeated.stdout) == (1, "")
    assert f"{letter['id']} was replayed already: --replayed" in repeated.stderr
    assert here("dead", "replay", letter["id"], "--replayed").returncode == 0, "as often as it is asked for"
    both = here("dead", "replay", letter["id"], "--reason", "raised")
    assert (both.returncode, "not both" in both.stderr) == (2, True)
    said = here("doctor").stdout
    assert "in the last hour: 1 not_framed" in said, "neither what was replayed since, nor notes of it"
    found = asyncio.run(read_topic(bootstrap, f"{prefix}inbox"))
    again = [record for records in found.values() for record in records]
    assert [(one.value, one.key, list(one.headers)) for one in again] == [(REPORT, b"acme", own)] * 2
    assert json.loads(here("dead", "show", letter["id"], "--json").stdout)["replayed"] is True
    assert here("dead", "replay", bytes_["id"]).returncode == 65
    assert here("dead", "replay", bytes_["id"], "--even-unreadable").returncode == 0
    assert "none in the last hour" in here("doctor").stdout
    for strange in ("99:0", "0:999999", "1:999999"):
        assert here("dead", "show", strange).returncode == 65


def test_replaying_many_leaves_out_what_cannot_be_and_what_was(here: Tocsin, bootstrap: str, prefix: str) -> None:
    inbox = f"{prefix}inbox"
    letters = [(died("raised", stage, inbox), REPORT if stage == "decide" else b"row") for stage in ("decide", "timer")]
    produce(
        bootstrap, f"{prefix}dead", [*letters, (died("gap", "input", inbox), b""), (died("cut", topic=inbox), b"x")]
    )
    produce(bootstrap, f"{prefix}dead", [(died("not_a_problem", "gateway", ""), b"{}")])
    looked = json.loads(here("dead", "replay", "--all", "--dry-run", "--json").stdout)
    assert (looked["count"], looked["by_reason"], sum(looked["left_out"].values())) == (1, {"raised": 1}, 3)
    assert held(bootstrap, inbox) == []
    first = here("dead", "replay", "--all", "--json")
    assert (first.returncode, [letter["stage"] for letter in lines(first)]) == (0, ["decide"])
    assert "1 not replayed: it holds the row of a timer" in first.stderr
    assert "1 not replayed: it reports something" in first.stderr
    assert "1 not replayed: this release cannot read it either" in first.stderr
    second = here("dead", "replay", "--all")
    assert (second.returncode, second.stdout) == (1, "")
    assert "1 not replayed: it was replayed already" in second.stderr
    assert here("dead", "replay", "--replayed").returncode == 0, "once more, because it was asked for"
    assert held(bootstrap, inbox) == [REPORT] * 2
    assert [letter["replayed"] for letter in lines(here("dead", "list", "--json", "--stage", "decide"))] == [
        True,
        False,
    ]
    assert len(lines(here("dead", "list", "--json", "--not-replayed"))) == 3
    assert here("dead", "replay", "--reason", "nobody").returncode == 1
    assert here("dead", "replay", "0:0", "--all").returncode == 2


def test_a_forged_letter_is_written_nowhere(here: Tocsin, bootstrap: str, prefix: str) -> None:
    """By who may write to `dead` and no other topic, in the hope that who replays may."""
    targets = {name: f"{prefix}{name}" for name in ("settings", "deliver-changelog", "dead", "answers", "problems")}
    forged = [(died("forged", "deliver", topic), REPORT) for topic in targets.values()]
    produce(bootstrap, f"{prefix}dead", [*forged, (died("raised", topic=f"{prefix}inbox"), REPORT)])
    refused = here("dead", "replay", "--reason", "forged", "--yes")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "4 not replayed: dead letters are never written into that topic: it may be forged" in refused.stderr
    assert "1 not replayed: no letter of its stage comes from that topic: it may be forged" in refused.stderr
    one = next(letter for letter in lines(here("dead", "list", "--json")) if letter["topic"] == targets["settings"])
    alone = here("dead", "replay", one["id"], "--even-unreadable")
    assert (alone.returncode, "never written into that topic" in alone.stderr) == (65, True)
    done = json.loads(here("dead", "replay", "--all", "--yes", "--even-unreadable", "--dry-run", "--json").stdout)
    assert (done["count"], sum(done["left_out"].values())) == (1, 5)
    assert here("dead", "replay", "--all", "--yes", "--even-unreadable").returncode == 0
    assert held(bootstrap, f"{prefix}inbox") == [REPORT]
    del targets["dead"]
    assert [held(bootstrap, topic) for topic in targets.values()] == [[]] * 4


def test_a_delivery_is_replayed_marked_under_its_id(here: Tocsin, bootstrap: str, prefix: str) -> None:
    deliveries = f"{prefix}deliveries"
    headers = died("exhausted", "deliver", deliveries)
    letters = [
        (headers, encode(a_request(f"d{number}", endpoint="owner" if number else "desk"))) for number in range(3)
    ]
    produce(bootstrap, f"{prefix}dead", letters)
    assert here("dead", "replay", "--endpoint", "owner", "--code", "e.p.xfer", "--from", "1h").returncode == 0
    events = [decode(value) for value in held(bootstrap, deliveries)]
    sent = [(one.delivery_id, one.replay) for one in events if isinstance(one, DeliveryRequested)]
    assert sorted(sent) == [("d1", 1), ("d2", 1)]


def test_a_release_that_reads_one_of_three_reasons(here: Tocsin, bootstrap: str, prefix: str) -> None:
    """10,000 letters at night, with a filter, a first few, and the rest; the limit of dead letters is never near."""
    inbox = f"{prefix}inbox"
    old, bad = died("schema_gone", topic=inbox), died("not_framed", topic=inbox)
    good = [(old, encode(a_report(tenant=f"t{number % 7}"))) for number in range(400)]
    letters = [*good, *[(bad, b"\x01")] * 200, *[(died("raised", "timer", inbox), b"row")] * 100]
    produce(bootstrap, f"{prefix}dead", letters)
    counted = lines(here("dead", "stats", "--json"))
    assert [(one["count"], one["reason"], one["cannot_be_replayed"] is None) for one in counted] == [
        (400, "schema_gone", True), (200, "not_framed", False), (100, "raised", False),
    ]  # fmt: skip
    assert here("dead", "replay", "--all").returncode == 2, "nobody confirms it"
    first = here("dead", "replay", "--all", "--limit", "10")
    assert (first.returncode, "10 of 400 replayed\n" in first.stdout) == (0, True)
    rest = here("dead", "replay", "--all", "--yes")
    assert (rest.returncode, "390 replayed (390 schema_gone)" in rest.stdout) == (0, True)
    assert Counter(held(bootstrap, inbox)) == Counter(value for _, value in good)
    assert "400 replayed" in here("dead", "stats", "--reason", "schema_gone").stdout


KILLS = {
    "written and not noted": ("letters_written:1", 200),
    "noted": ("letters_noted:1", 0),
    "the second batch written and not noted": ("letters_written:2", 200),
    "all of it": ("letters_noted:3", 0),
}


@pytest.mark.parametrize(("failpoint", "twice"), KILLS.values(), ids=list(KILLS))
def test_a_replay_that_is_killed_goes_on_and_loses_nothing(
    here: Tocsin, bootstrap: str, prefix: str, tmp_path: Path, failpoint: str, twice: int
) -> None:
    inbox = f"{prefix}inbox"
    values = [encode(a_report(tenant=f"t{number % 7}")) for number in range(450)]
    produce(bootstrap, f"{prefix}dead", [(died("old", topic=inbox), value) for value in values])
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")
    } | {
        "TOCSIN_BOOTSTRAP": bootstrap, "TOCSIN_PREFIX": prefix, "TOCSIN_HOME": str(tmp_path / "home"),
        "TOCSIN_FAILPOINT": failpoint,
    }  # fmt: skip
    killed = subprocess.run(
        [sys.executable, "-m", "tocsin.streams.cli.main", "dead", "replay", "--all", "--yes"],
        env=environment, cwd=tmp_path, capture_output=True, timeout=90,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    here("dead", "replay", "--all", "--yes")
    sent = Counter(held(bootstrap, inbox))
    assert sent.keys() == set(values), "nothing is lost"
    assert sum(sent.values()) == len(values) + twice
    assert here("dead", "replay", "--all", "--yes").returncode == 1, "nothing is left"


def test_a_purge_deletes_what_it_can_and_says_what_stays(here: Tocsin, bootstrap: str, prefix: str) -> None:
    dead, inbox = f"{prefix}dead", f"{prefix}inbox"
    of = {reason: (died(reason, topic=inbox), REPORT) for reason in ("old", "new")}
    produce(bootstrap, dead, [of["old"], of["old"], of["new"], of["old"]], partition=0)
    assert here("dead", "purge").returncode == 2
    assert here("dead", "purge", "--reason", "old").returncode == 2, "nobody confirms it"
    looked = json.loads(here("dead", "purge", "--reason", "old", "--dry-run", "--json").stdout)
    assert (looked["count"], looked["deleted"], looked["noted"], looked["never_replayed"]) == (3, 2, 1, 3)
    assert len(held(bootstrap, dead)) == 4
    purged = here("dead", "purge", "--reason", "old", "--yes", "--by", "ann")
    assert purged.returncode == 0
    assert "deleted from Kafka: 2; left out, and kept on disk until retention or a later purge: 1" in purged.stdout
    assert [letter["reason"] for letter in lines(here("dead", "list", "--json"))] == ["new"]
    records = asyncio.run(read_topic(bootstrap, dead))[0]
    assert [record.value for record in records] == [REPORT, REPORT, b""], "the third one and its note are on disk"
    assert dict(records[-1].headers)["tocsin.by"] == b"ann"
    assert here("dead", "show", "0:3").returncode == 65
    assert here("dead", "replay", "0:3").returncode == 65
    assert here("dead", "purge", "--reason", "old", "--yes").returncode == 1, "there are none any more"
    assert here("dead", "purge", "--before", "1h", "--yes").returncode == 1
    assert here("dead", "purge", "--all", "--yes").returncode == 0
    assert here("dead", "list").stdout == "no dead letters\n"
    records = asyncio.run(read_topic(bootstrap, dead))[0]
    assert [record.value for record in records] == [b""], "who purged it is on record"
