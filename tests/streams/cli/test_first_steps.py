"""What a newcomer types first: `rules init`, `receive`, `publish --example`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from tocsin.connectors.sinks.webhook import WebhookConfig
from tocsin.connectors.sinks.webhook.ownership import Proven, prove
from tocsin.connectors.webhooks import new_key_pair, sign
from tocsin.streams.rulesfile import load_rulebook

Tocsin = Callable[..., "subprocess.CompletedProcess[str]"]
BODY = json.dumps(
    {"type": "problem.opened", "data": {"tenant": "acme", "problem": {"code": "e.p.x", "text": "No\x1b[2J answer"}}}
).encode()


def test_a_rules_file_is_made_once_and_for_its_user_alone(tocsin: Tocsin, tmp_path: Path) -> None:
    assert tocsin("rules", "init").returncode == 0
    file = tmp_path / "rules.yaml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    settings = load_rulebook(file).endpoints["desk"].settings
    assert isinstance(settings, WebhookConfig)
    assert tocsin("rules", "check", "rules.yaml").stdout == "rules.yaml: 2 endpoints, 1 routes: good to use\n"
    before = file.read_bytes()
    again = tocsin("rules", "init")
    assert (again.returncode, file.read_bytes()) == (2, before)
    assert "exists, and is left as it is" in again.stderr
    assert tocsin("rules", "init", "other.yaml", "--url", "http://127.0.0.1:1/x").returncode == 0
    other = load_rulebook(tmp_path / "other.yaml").endpoints["desk"].settings
    assert isinstance(other, WebhookConfig)
    assert (other.url, other.secrets != settings.secrets) == ("http://127.0.0.1:1/x", True)


WRONG = {
    "nobody's secret": ((), 78, "--rules FILE"),
    "no secret": (("--secret", "hunter2"), 78, "--secret: a webhook secret has 24 to 64 bytes"),
    "what the sender alone has": (("--secret", new_key_pair()[0]), 78, "a receiver has the whpk_ made with it"),
    "no file": (("--rules", "none.yaml"), 78, "none.yaml"),
}


@pytest.mark.parametrize(("options", "code", "said"), WRONG.values(), ids=list(WRONG))
def test_receive_says_what_it_needs(tocsin: Tocsin, options: tuple[str, ...], code: int, said: str) -> None:
    ended = tocsin("receive", "--port", "0", *options)
    assert (ended.returncode, said in ended.stderr) == (code, True), ended.stderr


def test_an_example_is_no_file(tocsin: Tocsin, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    ended = tocsin("publish", "a.json", "--example", BOOTSTRAP="127.0.0.1:1")
    assert (ended.returncode, "either a FILE or --example" in ended.stderr) == (2, True)


PAIR = """\
endpoints:
  desk: {sink: webhook, url: "http://127.0.0.1:1/", allow_private: true, secret: %s}
default_route: desk
"""


@pytest.mark.parametrize("secret", ["whsec_TfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", new_key_pair()[0]], ids=["v1", "v1a"])
async def test_receive_prints_what_is_signed_and_refuses_the_rest(tmp_path: Path, secret: str) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(PAIR % secret)
    given = {"RECEIVE_SECRET": secret} if secret.startswith("whsec_") else {"RULES": str(rules)}
    receiver = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tocsin.streams.cli.main", "receive", "--port", "0", "--answer", "503",
        env={**os.environ, **{f"TOCSIN_{name}": value for name, value in given.items()}},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert receiver.stderr
        url = (await receiver.stderr.readline()).decode().split()[2]
        signed = sign("w-1", time.time_ns() // 1000, BODY, [secret])
        async with aiohttp.ClientSession() as session:
            for headers, status in ((signed, 503), (signed | {"tocsin-attempt": "2"}, 503), ({}, 401)):
                async with session.post(f"{url}hook", data=BODY, headers=headers) as answer:
                    assert answer.status == status
        asking = WebhookConfig(url=f"{url}hook", secrets=(secret,), allow_private=True, ownership="challenge")
        assert await prove(asking) == Proven(), "it wants to be told, whatever it answers then"
        receiver.send_signal(signal.SIGTERM)
        out, err = await receiver.communicate()
    finally:
        if receiver.returncode is None:
            receiver.kill()
            await receiver.wait()
    assert receiver.returncode == 0
    assert (
        out.decode()
        == "w-1 problem.opened acme e.p.x: No answer\nw-1 problem.opened acme e.p.x: No answer  (attempt 2)\n"
    )
    assert err.decode() == "refused: POST /hook: missing_header\n"
