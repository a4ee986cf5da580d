"""WSGI: an error that nothing handled is a problem, and the answer is a problem document.

    app = ProblemMiddleware(app)

Within a request, what is captured belongs to its trace (`traceparent`) and has its `X-Request-ID`. The error is written
to the server's log (`wsgi.errors`). The answer tells nothing of it but the event's id.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from tocsin.connectors import sdk
from tocsin.connectors.sdk.requests import MAX_ID, MAX_TRACE, PROBLEM_JSON, problem_document, told_of, usable

Environ = dict[str, Any]
App = Callable[[Environ, Any], Iterable[bytes]]


class ProblemMiddleware:
    """Stands around a WSGI application."""

    def __init__(self, app: App, *, answer: bool = True) -> None:
        """Without `answer` the error is raised on to the server, which answers it as ever."""
        self._app, self._answers = app, answer

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Called by the server."""
        started: list[bool] = []
        files = _Files()
        sdk.guarded(lambda: files.watch(environ))

        def starting(*said: Any, **more: Any) -> Any:
            started.append(True)
            return start_response(*said, **more)

        with _request(environ):
            try:
                body = self._app(environ, starting)
            except SystemExit as error:  # it ends the worker: so does a server that has waited too long for it
                sdk.capture(error, items=asked(environ))
                raise
            except Exception as error:
                event_id = sdk.capture(error, items=asked(environ))
                if not self._answers:
                    raise
                return _answer(event_id, error, environ, start_response, bool(started))
        watched: list[Iterable[bytes]] = []
        sdk.guarded(lambda: watched.append(body if files.may_send(body) else _Body(body, environ)))
        return watched[0] if watched else body


class _Files:
    """Which bodies of one answer the server sends by itself: lists, and what its `wsgi.file_wrapper` made. That is a
    class or any other callable (uWSGI, mod_wsgi), of which is noted what it returns."""

    def __init__(self) -> None:
        self._kinds: tuple[type, ...] = (list, tuple)
        self._made: list[object] = []

    def watch(self, environ: Environ) -> None:
        wrapper = environ.get("wsgi.file_wrapper")
        if isinstance(wrapper, type):
            self._kinds = (*self._kinds, wrapper)
        elif callable(wrapper):

            def noting(*said: Any, **more: Any) -> Any:
                made = wrapper(*said, **more)
                self._made.append(made)
                return made

            environ["wsgi.file_wrapper"] = noting

    def may_send(self, body: Iterable[bytes]) -> bool:
        return isinstance(body, self._kinds) or any(body is one for one in self._made)


class _Body:
    """A body that is made while it is sent: an error of it is a problem, and goes on to the server."""

    def __init__(self, body: Iterable[bytes], environ: Environ) -> None:
        self._body, self._environ = body, environ

    def __iter__(self) -> Iterator[bytes]:
        rest = iter(self._body)
        while True:
            with _request(self._environ):
                try:
                    part = next(rest)
                except StopIteration:
                    return
                except (Exception, SystemExit) as error:
                    sdk.capture(error, items=asked(self._environ))
                    raise
            yield part

    def close(self) -> None:
        """As the server must: of the application's own."""
        if close := getattr(self._body, "close", None):
            close()


def asked(environ: Environ, template: str | None = None) -> dict[str, str]:
    """Method and path, without its query: the template (`/pages/<page>`), where the framework says which it was."""
    path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
    said = path.encode("latin-1", "replace").decode("utf-8", "replace") if template is None else template
    return told_of(environ.get("REQUEST_METHOD", ""), said)


@contextmanager
def _request(environ: Environ) -> Iterator[None]:
    around = ExitStack()
    sdk.guarded(lambda: _enter(around, environ))
    try:
        yield
    finally:
        sdk.guarded(around.close)


def _enter(around: ExitStack, environ: Environ) -> None:
    parent, state = (_header(environ, name, MAX_TRACE) for name in ("HTTP_TRACEPARENT", "HTTP_TRACESTATE"))
    around.enter_context(sdk.traced(parent, state))
    around.enter_context(sdk.within(request_id=_header(environ, "HTTP_X_REQUEST_ID", MAX_ID)))


def _header(environ: Environ, name: str, longest: int) -> str | None:
    return usable(str(environ.get(name) or ""), longest)


def _answer(
    event_id: str | None, error: Exception, environ: Environ, start_response: Any, started: bool
) -> list[bytes]:
    sdk.guarded(lambda: traceback.print_exception(error, file=environ.get("wsgi.errors") or sys.stderr))
    body = problem_document(event_id)
    headers = [("Content-Type", PROBLEM_JSON), ("Content-Length", str(len(body)))]
    # With the error, it may take the place of an answer that was begun; it is raised where that was sent already.
    why = ((type(error), error, error.__traceback__),) if started else ()
    start_response("500 Internal Server Error", headers, *why)
    return [body]
