"""`tocsin top` as it is started: what it prints once, and what its exit code says."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.harness.bus import COMMAND
from tests.harness.forking import start

TEXT = 'tocsin_cases_open{age="5m"} 3\ntocsin_partitions_stalled 0\nprocess_open_fds 7\n'


async def top(home: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    """The exit code of `tocsin top`, and what it said on either stream."""
    return await tocsin(home, "top", "--interval", "0.5", *arguments, **environment)


async def tocsin(home: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    """The exit code, and what it said on either stream."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    with (home / "errors").open("w+b") as errors:
        process = await start(COMMAND, arguments, clean | {"TOCSIN_HOME": str(home)} | environment, home, errors)
        said, _ = await asyncio.wait_for(process.communicate(), 60)
        errors.seek(0)
        return process.returncode or 0, said.decode(), errors.read().decode()


async def test_one_answers_and_one_is_away(tmp_path: Path) -> None:
    async def metrics(request: web.Request) -> web.Response:
        return web.Response(
            text={"/metrics": TEXT, "/other": "<html>hello"}.get(request.path, ""), content_type="text/plain"
        )

    app = web.Application()
    app.router.add_get("/{path}", metrics)
    async with TestServer(app) as server:
        url, other = str(server.make_url("/metrics")), str(server.make_url("/other"))
        code, said, errors = await top(tmp_path, "--json", "--metrics", url)
        document = json.loads(said)
        assert (code, errors) == (0, "")
        assert (document["cases"], document["halted"], document["away"]) == (3, 0, {})
        code, said, errors = await top(tmp_path, "--once", "--metrics", url, "--metrics", "http://127.0.0.1:1/metrics")
        assert code == 69
        assert "cases open 3" in said
        assert "127.0.0.1:1: nothing listens there" in errors
        code, said, errors = await top(tmp_path, "--metrics", other)
        assert code == 69
        assert "what it says cannot be read" in errors


async def test_an_address_that_is_none(tmp_path: Path) -> None:
    code, said, errors = await top(tmp_path, "--metrics", "localhost:8701")
    assert (code, said) == (2, "")
    assert "http://localhost:8701/metrics" in errors


async def test_another_bus_is_not_taken_for_ours(tmp_path: Path) -> None:
    async def metrics(request: web.Request) -> web.Response:
        return web.Response(text='tocsin_build_info{bus="theirs"} 1\n' + TEXT, content_type="text/plain")

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    async with TestServer(app) as server:
        ports = {"TOCSIN_PORT": "1", "TOCSIN_METRICS_PORT": str(server.port)}
        code, said, errors = await top(tmp_path, "--json", **ports)
        assert code == 69
        assert json.loads(said)["cases"] is None
        assert "worker: another bus (theirs) answers there" in errors
        code, said, errors = await top(tmp_path, "--json", TOCSIN_PREFIX="theirs.", **ports)
        assert json.loads(said)["cases"] == 9, "of three processes"
        assert "another" not in errors
        code, said, errors = await tocsin(tmp_path, "config", "scrape", **ports)
        assert code == 0
        assert f"# worker: 127.0.0.1:{server.port}: another bus (theirs) answers there" in said
        assert f'["127.0.0.1:{server.port}"]' not in said
        code, said, errors = await tocsin(tmp_path, "config", "scrape", "--json", **ports)
        assert (json.loads(said)["worker"], json.loads(said)["gateway"]) == (None, "127.0.0.1:1")
        assert "another bus (theirs) answers there" in errors


async def test_an_address_as_the_log_has_it_and_what_is_said_of_a_key(tmp_path: Path) -> None:
    async def metrics(request: web.Request) -> web.Response:
        key = request.headers.get("authorization")
        status = {None: 401, "Bearer right-key": 200, "Bearer other-key": 403}.get(key, 401)
        return web.Response(text=TEXT, status=status, content_type="text/plain")

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    async with TestServer(app) as server:
        url = str(server.make_url("/")).rstrip("/")
        for address in (url, f"{url}/"):
            code, said, errors = await top(tmp_path, "--once", "--metrics", address, TOCSIN_API_KEY="right-key")
            assert (code, errors) == (0, "")
            assert "since start: unanswered" in said
        assert "it asks for a key" in (await top(tmp_path, "--once", "--metrics", url))[2]
        for key, why in (("wrong-key", "it refuses the key"), ("other-key", "has not the scope metrics")):
            assert why in (await top(tmp_path, "--once", "--metrics", url, TOCSIN_API_KEY=key))[2]
        code, said, errors = await tocsin(tmp_path, "config", "scrape", TOCSIN_PORT=str(server.port))
        assert "job_name: tocsin-gateway" in said
        assert "credentials_file" in said
    assert (
        "there is no host nobody.invalid" in (await top(tmp_path, "--once", "--metrics", "http://nobody.invalid:1"))[2]
    )
