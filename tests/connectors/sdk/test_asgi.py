"""ASGI: what nobody handled is answered as a problem document, told, and goes on to the server."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, MutableMapping
from typing import Any

import aiohttp
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse

from tests.connectors.gateway.conftest import serving
from tests.connectors.sdk.conftest import Memory
from tocsin.connectors import sdk
from tocsin.connectors.asgi import ProblemMiddleware
from tocsin.schemas.events import ProblemReported

TRACE = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"


def service() -> FastAPI:
    app = FastAPI()
    app.add_middleware(ProblemMiddleware)

    @app.get("/well")
    async def well() -> dict[str, str]:
        return {"all": "well"}

    @app.get("/fails")
    async def fails() -> None:
        raise ValueError("password=hunter22222")

    @app.post("/pages/{page}")
    async def page(page: int) -> None:
        raise ValueError(f"page {page} is torn")

    @app.get("/fails-late")
    async def fails_late() -> StreamingResponse:
        async def body() -> AsyncIterator[bytes]:
            yield b"half"
            raise ValueError("late")

        return StreamingResponse(body())

    return app


def told(event: ProblemReported) -> dict[str, str]:
    return {item.key: item.value for item in event.problem.items if item.key in ("method", "path")}


async def reported(memory: Memory) -> list[ProblemReported]:
    events = await asyncio.to_thread(memory.flushed)
    return [event for event in events if isinstance(event, ProblemReported)]


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    """Asks the service, which runs under uvicorn."""
    async with serving(service()) as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        yield session


async def failed(client: aiohttp.ClientSession, headers: Any = None) -> tuple[int, str, dict[str, object]]:
    async with client.get("/fails", headers=headers) as answer:
        return answer.status, answer.content_type, await answer.json(content_type=None)


async def test_an_error_is_answered_and_told(memory: Memory, client: aiohttp.ClientSession) -> None:
    sdk.init("k:1", service="ledger")
    async with client.get("/well") as well:
        assert await well.json() == {"all": "well"}
    status, media_type, document = await failed(
        client, {"traceparent": TRACE, "tracestate": "a=1", "x-request-id": "q-1"}
    )
    [event] = await reported(memory)
    assert (status, media_type) == (500, "application/problem+json")
    instance = f"urn:uuid:{event.event_id}"
    assert document == {"type": "about:blank", "title": "Internal Server Error", "status": 500, "instance": instance}
    assert (event.traceparent, event.tracestate, event.problem.request_id) == (TRACE, "a=1", "q-1")


async def test_method_and_path_are_told_without_the_query(memory: Memory, client: aiohttp.ClientSession) -> None:
    sdk.init("k:1")
    async with client.post("/pages/7?token=secret") as answer:
        assert answer.status == 500
    [event] = await reported(memory)
    assert told(event) == {"method": "POST", "path": "/pages/{page}"}


async def test_a_request_that_ends_the_server_is_told_and_ends_it(memory: Memory) -> None:
    async def leaves(scope: Any, receive: Any, send: Any) -> None:
        sys.exit(3)

    async def nobody(*_: Any) -> Any:
        raise AssertionError("nothing is received or answered")

    sdk.init("k:1")
    scope = {"type": "http", "method": "GET", "path": "/exit", "headers": [(b"x-request-id", b"q-1")]}
    with pytest.raises(SystemExit) as ended:
        await ProblemMiddleware(leaves)(scope, nobody, nobody)
    [event] = await reported(memory)
    assert ended.value.code == 3
    assert (event.problem.code, event.problem.request_id) == ("e.p.me.system-exit", "q-1")
    assert told(event) == {"method": "GET", "path": "/exit"}


async def test_the_error_goes_on_to_the_server(
    memory: Memory, client: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    sdk.init("k:1")
    await failed(client)
    with pytest.raises(aiohttp.ClientError):
        async with client.get("/fails-late") as answer:
            await answer.read()
    assert len(await reported(memory)) == 2
    assert caplog.text.count("Exception in ASGI application") == 2


async def test_without_init_and_while_the_bus_fails_the_answer_is_the_same(
    memory: Memory, client: aiohttp.ClientSession
) -> None:
    bare = {"type": "about:blank", "title": "Internal Server Error", "status": 500}
    assert (await failed(client))[2] == bare
    sdk.init("k:1")
    memory.failure = RuntimeError("a fault of the bus")
    assert (await failed(client))[0] == 500


async def own_words(request: Request, error: Exception) -> PlainTextResponse:
    return PlainTextResponse("own words", 500)


# how an application answers by itself; what it says then
OWN: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "a handler of Exception": ({"exception_handlers": {Exception: own_words}}, {}, "own words"),
    "a handler of 500": ({"exception_handlers": {500: own_words}}, {}, "own words"),
    "its debugger": ({"debug": True}, {}, "Traceback"),
    "Starlette's usual words": ({}, {"answer": False}, "Internal Server Error"),
}


@pytest.mark.parametrize(("of_app", "of_ours", "said"), OWN.values(), ids=list(OWN))
async def test_an_answer_of_the_applications_own_comes_first(
    memory: Memory, of_app: dict[str, Any], of_ours: dict[str, Any], said: str
) -> None:
    app = FastAPI(**of_app)
    app.add_middleware(ProblemMiddleware, **of_ours)

    @app.get("/fails")
    async def fails() -> None:
        raise ValueError("boom")

    sdk.init("k:1")
    async with (
        serving(app) as port,
        aiohttp.ClientSession() as client,
        client.get(f"http://127.0.0.1:{port}/fails") as answer,
    ):
        assert (answer.status, said in await answer.text()) == (500, True)
        assert answer.content_type == "text/plain"
    assert len(await reported(memory)) == 1


@pytest.mark.parametrize(
    "headers",
    [{"x-request-id": "x" * 300}, {"x-request-id": "a\xe9"}, {"traceparent": "nonsense"}, {"traceparent": "x" * 4000}],
    ids=["a long id", "no ASCII", "no trace", "a long trace"],
)
async def test_headers_that_say_nothing(memory: Memory, client: aiohttp.ClientSession, headers: dict[str, str]) -> None:
    sdk.init("k:1")
    await failed(client, headers)
    [event] = await reported(memory)
    assert (event.problem.request_id, event.traceparent) == (None, None)


async def test_what_was_captured_is_sent_before_the_server_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    asked = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    monkeypatch.setattr(sdk, "flush", lambda: said.append("flushed"))

    async def receive() -> dict[str, Any]:
        return asked.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        said.append(message["type"])

    await service()({"type": "lifespan", "app": None, "state": {}}, receive, send)
    assert said == ["lifespan.startup.complete", "flushed", "lifespan.shutdown.complete"]
