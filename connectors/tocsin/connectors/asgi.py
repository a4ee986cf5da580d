"""ASGI: an error that nothing handled is a problem, and the answer is a problem document.

    app.add_middleware(ProblemMiddleware)   # Starlette, FastAPI; or app = ProblemMiddleware(app)

Within a request, what is captured belongs to its trace (`traceparent`) and has its `X-Request-ID`. The error goes on to
the server, which logs it as ever. The answer tells nothing of it but the event's id; an application's own handler of
Exception, or of 500, and its debugger come first. A request that ends the server (`sys.exit`) is a problem, too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from tocsin.connectors import sdk
from tocsin.connectors.sdk.requests import MAX_ID, MAX_TRACE, PROBLEM_JSON, problem_document, told_of, usable

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class ProblemMiddleware:
    """Stands around an ASGI application."""

    def __init__(self, app: App, *, answer: bool = True) -> None:
        """Without `answer` the error goes on to whoever stands around this, which answers it as ever."""
        self._app, self._answers = app, answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Called by the server."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, _flushing(send) if scope["type"] == "lifespan" else send)
            return
        began = not self._answers or _answers_itself(scope.get("app"))

        async def noting(message: Message) -> None:
            nonlocal began
            began = began or message["type"] == "http.response.start"
            await send(message)

        with (
            sdk.traced(_header(scope, b"traceparent"), _header(scope, b"tracestate")),
            sdk.within(request_id=_header(scope, b"x-request-id", MAX_ID)),
        ):
            try:
                await self._app(scope, receive, noting)
            except (Exception, SystemExit) as error:
                event_id = sdk.capture(error, items=_asked(scope))
                if isinstance(error, Exception) and scope["type"] == "http" and not began:
                    await _answer(event_id, send)
                raise


def _flushing(send: Send) -> Send:
    """Sends what was captured before the server hears that the application is down: uvicorn then ends of its signal,
    without Python's own end. It waits in the loop, which may be any (trio's, too): no request is left by then."""

    async def sending(message: Message) -> None:
        if message["type"].startswith("lifespan.shutdown."):
            sdk.flush()
        await send(message)

    return sending


def _answers_itself(app: object) -> bool:
    """Whether an application of Starlette has a handler of its own for what nothing handled, or its debugger: both
    stand around this, and have nothing to say once an answer has begun."""
    handlers = getattr(app, "exception_handlers", None)
    own = isinstance(handlers, Mapping) and (500 in handlers or Exception in handlers)
    return own or getattr(app, "debug", False) is True


def _asked(scope: Scope) -> dict[str, str]:
    """Method and path, without its query: the template (`/pages/{page}`), where the framework says which it was."""
    template = getattr(scope.get("route"), "path", None)
    path = template if isinstance(template, str) else f"{scope.get('path', '')}"
    return told_of(scope.get("method", "WEBSOCKET"), path)


def _header(scope: Scope, wanted: bytes, longest: int = MAX_TRACE) -> str | None:
    found = [value for name, value in scope.get("headers", ()) if name.lower() == wanted]
    return usable(found[0].decode("latin-1"), longest) if len(found) == 1 else None


async def _answer(event_id: str | None, send: Send) -> None:
    body = problem_document(event_id)
    headers = [(b"content-type", PROBLEM_JSON.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": body})
