"""`tocsin endpoint add`: what is typed becomes, and where secrets may come from."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from tocsin.streams.cli.endpoint_made import _headers, match_of, secret_from
from tocsin.streams.cli.endpoint_running import unknown
from tocsin.streams.processes.exit_codes import CommandFailed
from tocsin.streams.processes.subscriptions import state_of
from tocsin.streams.rules.state import EndpointRow


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ([], {}),
        (["code=e.p.xfer"], {"code": ["e.p.xfer"]}),
        (["code=e.p.xfer", "code=e.p.msg", "severity=error"], {"code": ["e.p.xfer", "e.p.msg"], "severity": ["error"]}),
        (["expr=problem.text == 'a=b'"], {"expr": "problem.text == 'a=b'"}),
    ],
)
def test_what_is_wanted(given: list[str], match: dict[str, Any]) -> None:
    assert match_of(given) == match


@pytest.mark.parametrize("given", ["code", "=x", "code=", ""])
def test_what_is_no_match(given: str) -> None:
    with pytest.raises(CommandFailed, match="KEY=VALUE") as refused:
        match_of([given])
    assert refused.value.exit_code == 2


def test_where_a_secret_may_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("from-file\n")
    monkeypatch.setenv("A_SECRET", "from-env")
    monkeypatch.setattr("sys.stdin", io.StringIO("from-stdin\n"))
    found = [secret_from(source) for source in (f"file:{tmp_path}/secret", "env:A_SECRET", "-")]
    assert found == ["from-file", "from-env", "from-stdin"]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("whsec_typed", "not typed"),
        ("env:NOT_SET_AT_ALL", "--secret: there is nothing"),
        ("file:/nowhere", "cannot be read"),
    ],
)
def test_where_it_may_not(source: str, words: str) -> None:
    with pytest.raises(CommandFailed, match=words) as refused:
        secret_from(source)
    assert refused.value.exit_code == 2
    assert "whsec_typed" not in str(refused.value)


def test_the_option_that_was_typed_is_named() -> None:
    with pytest.raises(CommandFailed, match=r"^--header: there is nothing in env:NOT_SET_AT_ALL$"):
        _headers(["x-a=env:NOT_SET_AT_ALL"])


def test_a_name_that_nobody_has_is_guessed() -> None:
    assert str(unknown("ordres", ["orders", "desk"])) == "there is no endpoint ordres: did you mean orders?"
    assert "there are desk, orders" in str(unknown("x", ["orders", "desk"]))


@pytest.mark.parametrize(
    ("row", "taken", "state"),
    [
        (None, (), "enabled"),
        (None, ("hook",), "shadowed"),
        (EndpointRow("hook", "disabled", 1), (), "disabled"),
        (EndpointRow("hook", "removed", 1), (), "removed"),
        (EndpointRow("hook", "enabled", 1, failures=3, failing_since=1, last_error="timeout"), (), "failing"),
        (
            EndpointRow("hook", "enabled", 1, failures=1, failing_since=1, last_error="unverified (401)"),
            (),
            "unverified",
        ),
    ],
)
def test_how_it_stands(row: EndpointRow | None, taken: tuple[str, ...], state: str) -> None:
    assert state_of("hook", {} if row is None else {"hook": row}, taken)["state"] == state


def test_what_is_parked_and_the_breaker_are_told() -> None:
    row = EndpointRow("hook", "enabled", 1, waiting=7, breaker="half_open")
    assert state_of("hook", {"hook": row}, ()) == {"state": "enabled", "parked": 7, "breaker": "half-open"}


def test_what_cannot_be_read_in_time_is_not_guessed() -> None:
    assert state_of("hook", None, ()) == {"state": "unknown"}
