"""docs/subscriptions.md: its commands run as printed, by command line and over HTTP, and what they say is so."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.test_first_webhook import wait_for
from tests.e2e.test_subscriptions import a_bus
from tocsin.streams.silences.subscriptions import MAX_SUBSCRIPTIONS, TENANT_SUBSCRIPTIONS
from tocsin.streams.subscriptions.endpoints import OVERLAP
from tocsin.streams.subscriptions.wish import MEMBERS

pytestmark = pytest.mark.timeout(600)

PAGE = (Path(__file__).parents[2] / "docs" / "subscriptions.md").read_text("utf-8")
ADD, RECEIVE, STEER, HTTP = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


def test_the_figures_and_the_members_are_those_of_the_code() -> None:
    assert f"{TENANT_SUBSCRIPTIONS} of a tenant, {MAX_SUBSCRIPTIONS:,} in all" in PAGE
    assert OVERLAP == 24 * 3600 * 1_000_000
    table = PAGE.partition("| member | |")[2].partition("\n\n")[0]
    assert [member for member in MEMBERS if f"`{member}`" not in table and f"`{member}: true`" not in table] == []


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return str(free.getsockname()[1])


class Shell:
    """Runs a block of the page, on other ports."""

    def __init__(self, folder: Path, settings: dict[str, str], ports: dict[str, str]) -> None:
        self._folder, self._ports = folder, ports
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self._environment = {**os.environ, **settings, "PATH": path}

    def _words(self, block: str) -> list[str]:
        for printed, ours in self._ports.items():
            block = block.replace(printed, ours)
        return ["bash", "-euo", "pipefail", "-c", block]

    async def run(self, block: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *self._words(block), cwd=self._folder, env=self._environment, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )  # fmt: skip
        out, err = await asyncio.wait_for(process.communicate(), 400)
        assert process.returncode == 0, (block, out.decode(), err.decode())
        return out.decode()

    @contextmanager
    def beside(self, block: str) -> Iterator[Path]:
        told = self._folder / "beside.txt"
        with told.open("wb") as out:
            words = self._words(block.replace(" tocsin receive", f" exec tocsin receive --port {self._ports['8799']}"))
            process = subprocess.Popen(words, cwd=self._folder, env=self._environment, stdout=out, stderr=out)
        try:
            yield told
        finally:
            process.kill()
            process.wait()


async def test_by_command_line_and_over_http(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    async with a_bus(bootstrap, prefix, tmp_path) as (bus, people, settings):
        at = people.gateway.url.removeprefix("http://")
        shell = Shell(tmp_path, {**bus.settings(), **settings, "TOCSIN_TENANT": "default"}, {
            "8799": free_port(), "localhost:8700": at,
        })  # fmt: skip
        assert await shell.run(ADD) == ""
        assert (tmp_path / "orders.secret").read_text().startswith("whsec_")
        with shell.beside(RECEIVE) as received:
            await asyncio.to_thread(wait_for, received, "receiving at")
            said = await shell.run(STEER)
            assert "orders (webhook) took it, status 204" in said
            assert "signed v1" in said
            assert "orders enabled (of default, made while running)" in said
            assert "removed orders" in said
            told = await asyncio.to_thread(wait_for, received, "problem.opened")
            assert "endpoint.ping" in told
        assert (tmp_path / "orders.new.secret").read_text() != (tmp_path / "orders.secret").read_text()

        answers = [json.loads(line) for line in re.split(r"(?<=\})(?=\{)", await shell.run(HTTP))]
        made, listed, shown, put, rotated, off, on, tried, ended = answers
        assert (made["in_force"], shown["state"], listed["subscriptions"]) == (True, "enabled", [shown])
        assert (shown["url"], put["name"], rotated["secret"][:6]) == (
            "https://hooks.example.com/...",
            "orders",
            "whsec_",
        )
        assert (off["outcome"], on["outcome"], tried["taken"]) == ("done", "done", False)
        assert ended == {"name": "orders", "outcome": "done"}
        bus.environment.update(settings)
        for command, code, words in (
            (("endpoint", "show", "nobody"), 1, "there is no endpoint nobody"),
            (("endpoint", "disable", "file-mad", "--by", "ann"), 1, "did you mean file-made?"),
            (("endpoint", "test", "file-made"), 0, "file-made (log) took it"),
            (("endpoint", "add", "file-made", "https://a.example/", "--by", "ann"), 1, "the rules file has"),
            (("endpoint", "add", "x", "http://a.example/", "--by", "ann"), 2, "ADDRESS is wrong"),
            (("endpoint", "add", "x", "https://a.example/", "--by", "ann", "--secret", "whsec_typed"), 2, "not typed"),
            (("endpoint", "remove", "file-made", "--by", "ann"), 0, "as well"),
        ):
            got, said = await bus.run(*command)
            assert (got, words in said) == (code, True), (command, got, said)
