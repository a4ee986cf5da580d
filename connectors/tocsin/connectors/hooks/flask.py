"""Flask: `watch_flask(app)`, after `sdk.init(...)`.

An error that no handler of the application took is a problem, and the answer a problem document, which tells nothing of
it but the event's id. Flask logs the error as ever. Within a request, what is captured belongs to its trace
(`traceparent`) and has its `X-Request-ID`.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, got_request_exception, request
from werkzeug.exceptions import InternalServerError

from tocsin.connectors import sdk
from tocsin.connectors.hooks.harmless import harmless
from tocsin.connectors.sdk.requests import PROBLEM_JSON, problem_document
from tocsin.connectors.wsgi import ProblemMiddleware, asked


def watch_flask(app: Flask, *, answer: bool = True) -> None:
    """From now on errors that this application does not handle are problems. `answer`: whether they are answered as
    problem documents; a handler of the application for 500, or for InternalServerError, comes first all the same."""
    app.wsgi_app = ProblemMiddleware(app.wsgi_app, answer=False)  # type: ignore[method-assign]
    got_request_exception.connect(_tell, app, weak=False)
    of_all = app.error_handler_spec[None][500]
    if answer and InternalServerError not in of_all:
        app.register_error_handler(InternalServerError, _answer)


@harmless
def _tell(sender: Flask, exception: BaseException, **_: Any) -> None:
    if isinstance(exception, Exception):
        template = None if request.url_rule is None else request.url_rule.rule
        sdk.capture(exception, items=asked(request.environ, template))


def _answer(error: InternalServerError) -> Response | InternalServerError:
    raised = error.original_exception
    if not isinstance(raised, Exception):
        return error  # the application said 500 by itself: its own answer
    return Response(problem_document(sdk.capture(raised)), 500, content_type=PROBLEM_JSON)
