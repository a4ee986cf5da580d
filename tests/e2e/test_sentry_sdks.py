"""Real SDKs of Sentry, in Python and in Node: what they report arrives at a webhook, with its context.

The programs of docs/error-sdks.md run as printed, but for the address; a third one does what else a program does. One
gateway and bus for all of it. Without Node's SDK (`make peers` installs it) its program is left out.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.harness.bus import Bus
from tests.harness.judging import read_topic
from tests.harness.receiver import SECRET, Receiver
from tests.peers import installing
from tocsin.streams.topology import TOPICS

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]

PAGE = Path(__file__).parents[2] / "docs" / "error-sdks.md"
PATIENCE = 300
RULES = """\
endpoints:
  owner: {sink: webhook, url: URL, secret: SECRET, allow_private: true}
default_route: owner
limits: {thread_errors: 0}
"""
MANY = """
    import logging
    import sys

    import celery
    import flask
    import sentry_sdk
    from sentry_sdk.crons import monitor

    sentry_sdk.init(sys.argv[1], release="press@3", environment="test", traces_sample_rate=1.0)
    sentry_sdk.set_user({"email": "canary@example.org"})
    sentry_sdk.add_breadcrumb(message="canary")

    logging.getLogger("press.ink").error("no %s left", "ink", extra={"record_id": "r-1"})
    try:
        try:
            {}["tray"]
        except KeyError as error:
            canary = "canary"
            raise LookupError("no tray of that name, token=canary-of-1234") from error
    except LookupError as error:
        with sentry_sdk.new_scope() as scope:
            scope.set_tag("thread_id", "t-1")
            scope.set_tag("connection_id", "c-1")
            scope.set_tag("code", "e.p.xfer.no-tray")
            scope.set_tag("colour", "red")
            sentry_sdk.capture_exception(error)
    sentry_sdk.capture_message("the paper runs low", level="warning")
    sentry_sdk.capture_message("all is well", level="info")
    try:
        raise ExceptionGroup("both printers", [ConnectionError("one"), TimeoutError("two")])
    except ExceptionGroup as error:
        sentry_sdk.capture_exception(error)

    app = flask.Flask("press")


    @app.post("/orders/<order>")
    def take(order):
        raise RuntimeError("the press is jammed")


    app.test_client().post("/orders/5?token=canary", json={"card": "canary"}, headers={"cookie": "canary=1"})

    jobs = celery.Celery("press")


    @jobs.task(name="press.clean")
    def clean():
        raise OSError("the brush is gone")


    clean.apply()


    @monitor(monitor_slug="nightly")
    def nightly():
        raise ArithmeticError("caught below")


    try:
        nightly()
    except ArithmeticError:
        pass
    sentry_sdk.flush(30)
"""
TOLD = {
    "e.p.me.log.press.ink": "no ink left",
    "e.p.xfer.no-tray": "no tray of that name, token=[redacted value]",
    "w.p.me.log": "the paper runs low",
    "e.p.me.exception-group": "both printers",
    "e.p.me.runtime-error": "the press is jammed",
    "e.p.me.os-error": "the brush is gone",
    "e.p.me.job-failed": "The job nightly failed",
}
"""What the third program's errors are told as."""


def programs() -> dict[str, str]:
    """The programs of the page's chapter, by language."""
    chapter = PAGE.read_text("utf-8").partition("\n## Sentry\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"```(python|javascript)\n(.*?)```", chapter, re.DOTALL))


async def end_of(*command: str | Path, **environment: str) -> tuple[int, str]:
    """The exit code of a program, and all that it said."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command), env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        said, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode or 0, said.decode("utf-8", "replace")


def node() -> tuple[str, Mapping[str, str]] | None:
    """The program and environment that run Node's SDK, if it is installed."""
    try:
        return shutil.which("node") or "node", installing.sentry_node()
    except installing.Missing as missing:
        if os.environ.get("PEERS_REQUIRED"):
            pytest.fail(str(missing))
        return None


def items(problem: dict[str, Any]) -> dict[str, str]:
    """What is told of a problem, by key; of several the last."""
    return {item["key"]: item["value"] for item in problem["items"]}


async def told(to: Receiver, count: int) -> dict[str, dict[str, Any]]:
    """The data of so many notifications, by code."""
    async with asyncio.timeout(PATIENCE):
        while len(to.delivered()) < count:  # noqa: ASYNC110 - the receiver has no event to wait for
            await asyncio.sleep(0.05)
    found = [arrivals[0].document["data"] for arrivals in to.delivered().values()]
    return {data["problem"]["code"]: data for data in found}


async def test_errors_of_sdks_arrive_at_a_webhook(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    snippets, javascript = programs(), node()
    async with Receiver() as owner, Bus(bootstrap, prefix, tmp_path) as bus:
        bus.rules(RULES.replace("URL", owner.url).replace("SECRET", SECRET))
        gateway, *others = [await bus.start(name) for name in ("gateway", "worker", "dispatch")]
        await asyncio.gather(gateway.ready(), *(other.ready() for other in others))
        code, said = await bus.run("keys", "create", "--tenant", "acme", "--scope", "publish", "--by", "ann")
        assert code == 0, said
        [key] = re.findall(r"tocsin_[a-z0-9]{12}_\w{43}", said)
        address = gateway.url.removeprefix("http://")

        (tmp_path / "page.py").write_text(snippets["python"].replace("127.0.0.1:8700", address))
        (tmp_path / "many.py").write_text(textwrap.dedent(MANY))
        (tmp_path / "page.cjs").write_text(snippets["javascript"].replace("127.0.0.1:8700", address))
        running = [
            end_of(sys.executable, tmp_path / "page.py"),
            end_of(sys.executable, tmp_path / "many.py", f"http://{key}@{address}/3"),
        ]
        if javascript is not None:
            running.append(end_of(javascript[0], tmp_path / "page.cjs", **javascript[1]))
        ended = await asyncio.gather(*running)
        assert [code for code, _ in ended] == [1, 0, 1][: len(ended)], ended
        found = await told(owner, len(TOLD) + 1 + (javascript is not None))
        written = [
            repr((record.key, record.value, record.headers))
            for spec in TOPICS
            for partition in (await read_topic(bootstrap, prefix + spec.name)).values()
            for record in partition
        ]
    assert owner.refused == []
    _check_the_page(found, javascript is not None)
    assert {code: found[code]["problem"]["text"] for code in TOLD} == TOLD
    _check_the_rest({code: found[code]["problem"] for code in TOLD})
    assert not [line for line in written if "canary" in line or key in line]


def _check_the_page(found: dict[str, dict[str, Any]], javascript: bool) -> None:
    problem = found["e.p.me.connection-error"]["problem"]
    assert (problem["text"], problem["severity"]) == ("the printer does not answer", "error")
    assert (problem["source"]["service"], problem["source"]["record_id"]) == ("orders", "r-17")
    assert items(problem).items() >= {"release": "orders@1.4", "environment": "production", "handled": "no"}.items()
    if javascript:
        problem = found["e.p.me.type-error"]["problem"]
        assert (problem["text"], problem["severity"], problem["thread_id"]) == ("no basket", "error", "t-42")
        said = items(problem)
        assert (said["caused_by"], said["handled"]) == ("Error: the session is over", "no")
        assert re.fullmatch(r"page.cjs:\d+ buy", said["raised_at"])
        assert problem["source"]["service"] == "project-2"


def _check_the_rest(problems: dict[str, dict[str, Any]]) -> None:
    tray, ink, brush = (problems[code] for code in ("e.p.xfer.no-tray", "e.p.me.log.press.ink", "e.p.me.os-error"))
    assert (tray["thread_id"], tray["source"]["connection"], items(tray)["colour"]) == ("t-1", "c-1", "red")
    assert items(tray)["caused_by"] == "KeyError: 'tray'"
    assert (ink["source"]["record_id"], ink["source"]["service"]) == ("r-1", "project-3")
    assert brush["source"]["job"] == "press.clean"
    assert items(problems["e.p.me.exception-group"])["among"] == "TimeoutError: two"
    assert items(problems["e.p.me.runtime-error"])["transaction"] == "take"
    assert problems["w.p.me.log"]["severity"] == "warning"
