"""`tocsin rules check` and `test` of endpoints that tell DIDComm agents: whom, in which form, and why."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.harness.routed_reports import NOW, a_problem
from tests.streams.cli.test_rules import line, rehearsed
from tocsin.schemas.events import ActivityKind, ActivityObserved, ProblemReported
from tocsin.streams.rules.values import SECOND

Tocsin = Callable[..., "subprocess.CompletedProcess[str]"]

RULES = """
endpoints:
  desk: {sink: memory}
  agent: {sink: memory, peer: other_side}
  ours: {sink: memory, peer: "did:web:ours.example", audience: owner, body: didcomm-2.0}
  of-c: {sink: memory, connection: c}
default_route: desk
routes:
  - {name: all, match: {code: e.p}, endpoints: [desk, agent]}
  - {name: rest, endpoints: [ours, of-c]}
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    return file


def a_report(name: str, at: int, **problem: Any) -> str:
    fields: dict[str, Any] = {"event_id": name, "tenant": "acme", "occurred_at": at, "recorded_at": at}
    return line(ProblemReported(**fields, problem=a_problem(**problem)), at)


def connected(at: int, **more: Any) -> str:
    fields: dict[str, Any] = {"event_id": f"connected {at}", "tenant": "acme", "occurred_at": at, "recorded_at": at}
    return line(ActivityObserved(**fields, kind=ActivityKind.CONNECTION_OPENED, connection="c", **more), at)


def test_who_is_told_and_in_which_form_and_why(rules: Path, tmp_path: Path) -> None:
    on_c = {"connection": "c"}
    effects, _ = rehearsed(
        rules,
        [
            a_report("unknown", NOW, code="e.p.a", thread_id="t1", source=on_c),
            connected(NOW + SECOND, trust="high"),
            a_report("no-did", NOW + 2 * SECOND, code="e.p.b", thread_id="t2", source=on_c),
            connected(NOW + 3 * SECOND, detail={"their_did": "did:sov:them", "my_did": "did:sov:us"}),
            a_report("told", NOW + 4 * SECOND, code="e.p.c", thread_id="t3", source=on_c),
            a_report("theirs", NOW + 5 * SECOND, code="e.p.d", thread_id="t4", source=on_c, dialect="aries-1.0"),
            a_report("ours", NOW + 6 * SECOND, code="e.m.x", thread_id="t5", source={"side": "own"}),
        ],
        tmp_path,
    )
    shown = {(one["report"], one["endpoint"]): one for one in effects if one["does"] in ("PeerTold", "PeerNotTold")}
    assert shown["unknown", "agent"]["reason"] == "trust"
    assert shown["no-did", "agent"]["reason"] == "nobody knows the peer's DID"
    assert shown["theirs", "agent"]["reason"] == "a report is not answered with a report"
    told = shown["told", "agent"]
    assert (told["peer"], told["own"], told["connection"]) == ("did:sov:them", "did:sov:us", "c")
    assert told["found"] == "the other side of connection c"
    assert told["chosen"] == "nothing else is known"
    assert told["message_type"] == "https://didcomm.org/report-problem/2.0/problem-report"
    assert shown["ours", "ours"]["chosen"] == "as the rules file says"
    assert "PeerTold endpoint=agent peer=did:sov:them connection=c" in told["line"]


def test_check_says_whom_each_endpoint_tells(tocsin: Tocsin, rules: Path) -> None:
    checked = tocsin("rules", "check", "rules.yaml")
    assert checked.returncode == 0, checked.stderr
    assert (
        "rules.yaml: endpoint agent tells the other side of the connection that a report is about (peer) in what that "
        "agent understands" in checked.stdout
    )
    agents = json.loads(tocsin("rules", "check", "rules.yaml", "--json").stdout)["agents"]
    assert agents["ours"] == "tells did:web:ours.example (owner) in didcomm-2.0"
    assert agents["of-c"] == "tells the other side of connection c (peer) in what that agent understands"
