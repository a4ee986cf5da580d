"""Messages in a process of their own: what became of them, and that nothing holds one up or takes one elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web

from tocsin.connectors.outcomes import Delivered, Reason, Rejected, RetryLater
from tocsin.connectors.people import calls as calls_module
from tocsin.connectors.people.calls import Calls, outcome_of, shared
from tocsin.connectors.people.letter import Letter
from tocsin.connectors.people.sending import CUT_OFF, DIED, Guard, NotThere, Sent

INET, INET6, UNIX = (
    SimpleNamespace(family=family) for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX)
)  # fmt: skip
LETTER = Letter("a title", "a body", "failure")


def failed(*lines: str) -> Sent:
    return Sent(number=1, lines=list(lines))


# what is known of a message -> its outcome
OUTCOMES: dict[str, tuple[Sent | None, object]] = {
    "taken": (Sent(number=1, ok=True, lines=["error=503"]), Delivered()),
    "nobody knows": (None, RetryLater(reason=Reason.SINK_FAILED)),
    "its time was up": (Sent(number=1, fault=CUT_OFF), RetryLater(reason=Reason.TIMEOUT)),
    "an address that is not public": (
        Sent(number=1, refused=True, lines=["timed out"]), RetryLater(reason=Reason.ADDRESS_REFUSED)),
    "it died": (Sent(number=1, fault=DIED), RetryLater(reason=Reason.SINK_FAILED)),
    "an exception": (Sent(number=1, fault="KeyError"), RetryLater(reason=Reason.SINK_FAILED)),
    "no word": (failed(), RetryLater(reason=Reason.SINK_FAILED)),
    "gone": (failed("Failed to send Slack: gone, error=410."), Rejected(reason=Reason.GONE, status=410)),
    "too many": (failed("Failed: error=429."), RetryLater(reason=Reason.RATE_LIMITED, status=429)),
    "not let in": (failed("Failed: Unauthorized, error=401."), RetryLater(reason=Reason.AUTH_ERROR, status=401)),
    "broken": (failed("Failed: error=503."), RetryLater(reason=Reason.SERVER_ERROR, status=503)),
    "elsewhere": (failed("Failed: error=302."), RetryLater(reason=Reason.REDIRECTED, status=302)),
    "a wrong password": (
        failed("Socket Exception: (535, b'5.7.8 Authentication failed')"), RetryLater(reason=Reason.AUTH_ERROR)),
    "a recipient that there is not": (
        failed("Socket Exception: {'a@b': (550, b'no such user')}"), RetryLater(reason=Reason.CLIENT_ERROR)),
    "a certificate": (
        failed("[SSL: CERTIFICATE_VERIFY_FAILED] certificate has expired"), RetryLater(reason=Reason.TLS_FAILED)),
    "no such name": (failed("[Errno -2] Name or service not known"), RetryLater(reason=Reason.DNS_FAILED)),
    "nobody there": (failed("[Errno 111] Connection refused"), RetryLater(reason=Reason.CONNECT_FAILED)),
    "hung up": (failed("Connection unexpectedly closed"), RetryLater(reason=Reason.CONNECTION_LOST)),
    "too slow": (failed("Read timed out. (read timeout=4.0)"), RetryLater(reason=Reason.TIMEOUT)),
}  # fmt: skip


@pytest.mark.parametrize(("sent", "outcome"), OUTCOMES.values(), ids=list(OUTCOMES))
def test_what_became_of_it_is_an_outcome(sent: Sent | None, outcome: object) -> None:
    assert outcome_of(sent, 0) == outcome


@asynccontextmanager
async def server(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"json://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def send(calls: Calls, url: str, *, within: float = 20, private: bool = True) -> Sent | None:
    return await calls.send(url, LETTER, "text", within=within, private=private)


async def test_one_that_hangs_is_cut_off_and_the_others_are_not() -> None:
    forever, came = asyncio.Event(), asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/hangs":
            came.set()
            await forever.wait()
        return web.Response()

    async with server(answer) as url, shared() as calls:
        hanging = asyncio.create_task(send(calls, f"{url}/hangs", within=2))
        await came.wait()
        others = await asyncio.gather(*(send(calls, f"{url}/{number}") for number in range(5)))
        assert all(one is not None and one.ok for one in others)
        cut_off = await hanging
        forever.set()
    assert cut_off is not None
    assert (cut_off.ok, cut_off.fault) == (False, CUT_OFF)


async def test_one_that_answers_without_end_takes_no_more_memory_than_it_may() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(1 << 20))

    async with server(endless) as url, shared() as calls:
        sent = await send(calls, url, within=25)
    assert sent is not None
    assert not sent.ok


async def test_only_public_addresses_are_connected_to_and_no_redirect_is_followed() -> None:
    seen = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.Response(status=302, headers={"location": "/elsewhere"})

    async with server(answer) as url, shared() as calls:
        by_name = url.replace("127.0.0.1", "localhost")
        refused = [await send(calls, address, private=False) for address in (f"{url}/address", f"{by_name}/name")]
        redirected = await send(calls, f"{url}/may")
    assert [one is not None and (one.ok, one.refused) for one in refused] == [(False, True)] * 2
    assert redirected is not None
    assert not redirected.ok
    assert seen == ["/may"]


# what a plug-in would do -> whether it may, with addresses of any kind and with public ones only
DONE: dict[str, tuple[str, tuple[Any, ...], bool, bool]] = {
    "a program": ("subprocess.Popen", ("sh",), False, False),
    "a shell": ("os.system", ("sh",), False, False),
    "a fork": ("os.fork", (), False, False),
    "the loopback": ("socket.connect", (INET, ("127.0.0.1", 25)), True, False),
    "the loopback of IPv6": ("socket.connect", (INET6, ("::1", 25, 0, 0)), True, False),
    "a mapped address": ("socket.connect", (INET6, ("::ffff:10.0.0.1", 25, 0, 0)), True, False),
    "the metadata of a cloud, by UDP": ("socket.sendto", (INET, ("169.254.169.254", 80)), True, False),
    "a name that is not looked up yet": ("socket.connect", (INET, ("localhost", 25)), True, False),
    "a socket of this machine": ("socket.connect", (UNIX, "/dev/log"), True, False),
    "a public address": ("socket.connect", (INET, ("93.184.216.34", 443)), True, True),
    "what is connected already": ("socket.sendmsg", (INET, None), True, True),
    "anything else": ("open", ("/etc/hosts",), True, True),
}


@pytest.mark.parametrize(("event", "given", "private", "public"), DONE.values(), ids=list(DONE))
def test_what_a_message_may_do(event: str, given: tuple[Any, ...], private: bool, public: bool) -> None:
    for guard, may in ((Guard(private=True), private), (Guard(private=False), public)):
        try:
            guard(event, given)
        except NotThere:
            assert not may
        else:
            assert may
        assert guard.refused is (not may and event.startswith("socket."))


async def test_a_process_that_is_killed_is_started_anew_and_nothing_is_called_done() -> None:
    forever, came = asyncio.Event(), asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/hangs":
            came.set()
            await forever.wait()
        return web.Response()

    async with server(answer) as url, shared() as calls:
        hanging = asyncio.create_task(send(calls, f"{url}/hangs"))
        await came.wait()
        assert calls._process is not None
        os.killpg(calls._process.pid, signal.SIGKILL)
        assert await hanging is None
        after = await send(calls, url)
        forever.set()
    assert after is not None
    assert after.ok


DISPATCHER = """
import asyncio, sys
from tocsin.connectors.people import calls as calls_module
from tocsin.connectors.people.calls import shared
from tocsin.connectors.people.letter import Letter

async def main():
    async with shared() as calls:
        sending = asyncio.create_task(calls.send(sys.argv[1], Letter("t", "b"), "text", within=100, private=True))
        while calls._process is None:
            await asyncio.sleep(0.01)
        print(calls._process.pid, flush=True)
        await sending

asyncio.run(main())
"""


async def test_with_a_dispatcher_that_is_killed_its_process_ends_and_what_it_sends() -> None:
    forever, came = asyncio.Event(), asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        came.set()
        await forever.wait()
        return web.Response()

    async with server(answer) as url:
        dispatcher = await asyncio.create_subprocess_exec(
            sys.executable, "-c", DISPATCHER, f"{url}?rto=200", stdout=asyncio.subprocess.PIPE
        )  # fmt: skip
        assert dispatcher.stdout is not None
        group = int(await dispatcher.stdout.readline())
        await came.wait()
        dispatcher.kill()
        await dispatcher.wait()
        async with asyncio.timeout(40):
            while await asyncio.to_thread(_lives, group):  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.05)
        forever.set()


def _lives(group: int) -> bool:
    """Whether the process group has a process that is no zombie: where nobody waits for orphans, they stay as such."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, its_group = status.read_text().rpartition(") ")[2].split()[:3]
            if int(its_group) == group and state != "Z":
                return True
    return False


async def test_it_sees_neither_proxies_nor_settings_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("TOCSIN_LINK_KEY", "s3cret")

    async def answer(request: web.Request) -> web.Response:
        return web.Response()

    async with server(answer) as url, shared() as calls:
        sent = await send(calls, url)
        assert calls._process is not None
        environment = await asyncio.to_thread(Path(f"/proc/{calls._process.pid}/environ").read_bytes)
    assert b"s3cret" not in environment
    assert sent is not None
    assert sent.ok


@pytest.fixture
def starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An Apprise that hangs at its import; the file has a line for each start."""
    counted, program = tmp_path / "starts", tmp_path / "python"
    program.write_text(f"#!/bin/sh\necho started >> {counted}\nexec sleep 300\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    return counted


async def test_one_start_that_hangs_is_waited_for_once_by_all(starts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls_module, "READY_WITHIN", 0.5)
    async with shared() as calls:
        for number in (1, 2):
            ended = await asyncio.gather(*(send(calls, "json://127.0.0.1:1") for _ in range(9)), return_exceptions=True)
            assert [type(one) for one in ended] == [TimeoutError] * 9
            assert await asyncio.to_thread(starts.read_text) == "started\n" * number, "the next ones start it anew"


async def test_who_leaves_while_it_starts_leaves_no_process(starts: Path) -> None:
    async with shared() as calls:
        sending = asyncio.create_task(send(calls, "json://127.0.0.1:1"))
        async with asyncio.timeout(40):
            while calls._process is None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        process = calls._process
        sending.cancel()
        await asyncio.wait([sending])
    assert sending.cancelled()
    assert process.returncode is not None


async def test_with_the_last_user_the_process_ends() -> None:
    async with shared() as first:
        async with shared() as second:
            assert first is second
            await send(first, "json://127.0.0.1:1")
            process: Any = first._process
        assert process.returncode is None
    assert process.returncode is not None
