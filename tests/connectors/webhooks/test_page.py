"""docs/receivers.md: its programs run as printed, and its figures are those of the code."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.webhooks.vectors import FOLDER, VECTORS
from tocsin.connectors.seen import MOST
from tocsin.connectors.sinks.webhook import WebhookConfig
from tocsin.connectors.webhooks import MAX_SIGNATURES, TOLERANCE, for_receivers, new_key_pair, new_secret, sign
from tocsin.streams.cli.endpoint_secret import secret
from tocsin.streams.rules.delivery.schedule import schedule_length
from tocsin.streams.rules.policies import RETRY_SCHEDULE
from tocsin.streams.rules.values import HOUR, MINUTE, SECOND
from tocsin.streams.rulesfile import load_rulebook

PAGE = (FOLDER.parents[1] / "receivers.md").read_text("utf-8")
SECRET, (SIGNING, PUBLIC) = new_secret(), new_key_pair()
BODY = b'{"type": "problem.opened"}'


def program(words: str) -> str:
    (found,) = [one for one in re.findall(r"```(?:python|yaml)\n(.*?)```", PAGE, re.DOTALL) if words in one]
    return str(found)


def signed(*secrets: str) -> dict[str, str]:
    return sign("w-1", time.time_ns() // 1000, BODY, secrets)


def test_a_status_for_what_comes(capsys: pytest.CaptureFixture[str]) -> None:
    page: dict[str, Any] = {}
    exec(program("status_for").replace("whsec_...", SECRET).replace("whpk_...", PUBLIC), page)
    status = page["status_for"]
    told = [status(BODY, signed(SECRET)), status(BODY, signed(SIGNING)), status(BODY, signed(new_secret()))]
    assert (told, capsys.readouterr().out) == ([204, 204, 401], "refused: no_match\n")


def test_each_delivery_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    page: dict[str, Any] = {}
    exec(program("once("), page)
    for _ in range(2):
        page["take"](BODY, signed(SECRET), [SECRET])
    page["SEEN"].close()
    assert capsys.readouterr().out == f"work on {BODY!r}\n"


def test_a_rotation(tmp_path: Path) -> None:
    secret(ed25519=True, file=tmp_path / "desk.new.secret", public_of=None)
    secret(file=tmp_path / "desk.secret", public_of=None)
    (tmp_path / "rules.yaml").write_text(program("secret_file") + "default_route: desk\n")
    settings = load_rulebook(tmp_path / "rules.yaml", {}).endpoints["desk"].settings
    assert isinstance(settings, WebhookConfig)
    assert [for_receivers(one).partition("_")[0] for one in settings.secrets] == ["whpk", "whsec"]


def test_the_figures() -> None:
    spans = {SECOND: "s", MINUTE: "min", HOUR: "h"}
    units = [max(unit for unit in spans if delay % unit == 0) for delay in RETRY_SCHEDULE[1:]]
    delays = [f"{delay // unit} {spans[unit]}" for delay, unit in zip(RETRY_SCHEDULE[1:], units, strict=True)]
    longest = -(-schedule_length(RETRY_SCHEDULE) // HOUR)
    shortest = -(-sum(RETRY_SCHEDULE) // HOUR)
    said = " ".join(PAGE.split())
    assert f"{', '.join(delays[:-1])} and {delays[-1]}, each" in said
    assert f"eleven attempts in {shortest} to {longest} hours" in said
    assert len(RETRY_SCHEDULE) == 11
    assert f"{longest} hours of retries" in said
    assert f"more than {TOLERANCE} s old or ahead" in said
    assert f"of {MAX_SIGNATURES} at most" in said
    assert (MOST, "a million at most" in said) == (1_000_000, True)
    count = sum(map(len, VECTORS.values()))
    assert f"some {round(count, -1)} requests" in said, count
    limit = WebhookConfig(url="https://x/").timeout, WebhookConfig(url="https://x/").connect_timeout
    assert "waits {1:.0f} s for the connection and {0:.0f} s for all".format(*limit) in said
