"""What is told of a request when it ended: to whoever counts, audits and traces."""

from __future__ import annotations

from typing import Any

import pytest

from tocsin.connectors.gateway.answered import TellAnswers, standing_for
from tocsin.connectors.tracing import NO_TRACING, Span, SpanKind, trace

SAID = f"00-{'a' * 32}-{'b' * 16}-01"
OURS = f"00-{'a' * 32}-{'c' * 16}-01"


class Made:
    """A span that remembers."""

    traceparent = OURS

    def __init__(self) -> None:
        self.told: dict[str, Any] = {}

    def named(self, name: str) -> None:
        self.told["name"] = name

    def attribute(self, name: str, value: str | int) -> None:
        self.told[name] = value

    def end(self, *, failed: bool = False, at: int | None = None) -> None:
        self.told["failed"] = failed


class Traced:
    """Keeps every trace that is named."""

    def __init__(self) -> None:
        self.spans: list[Made] = []

    def begin(
        self, name: str, kind: SpanKind, traceparent: str | None, tracestate: str | None = None, *,
        may_be_first: bool = False, at: int | None = None,
    ) -> Span | None:  # fmt: skip
        if not trace(traceparent):
            return None
        self.spans.append(Made())
        return self.spans[-1]


class Route:
    path = "/v1/problems"


async def ask(status: int | None, tracing: Any, method: str = "POST", standing: int | None = None) -> tuple[Any, Any]:
    """(what was told, the headers that the app saw); without a status the app raises."""
    told: list[tuple[str | None, int]] = []
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.extend(scope["headers"])
        inner = {**scope, "route": Route}
        with standing_for(scope, inner) as answered:
            if standing is not None:
                answered(standing)
        if status is None:
            raise KeyError
        await send({"type": "http.response.start", "status": status, "headers": []})

    async def nothing(*message: Any) -> Any:
        return None

    def answered(scope: Any, status: int, seconds: float) -> None:
        told.append((getattr(scope.get("route"), "path", None), status))

    scope = {"type": "http", "method": method, "path": "/x", "headers": [(b"traceparent", SAID.encode())]}
    try:
        await TellAnswers(app, [answered], tracing)(scope, nothing, nothing)
    except KeyError:
        assert status is None
    return told, dict(seen)


ENDS: dict[str, tuple[int | None, int | None, int]] = {
    "answered": (202, None, 202),
    "raised": (None, None, 500),
    "a form, whose page is a redirect": (303, 409, 409),
}


@pytest.mark.parametrize(("status", "standing", "told"), ENDS.values(), ids=ENDS)
async def test_each_end_is_told_once_with_its_route(status: int | None, standing: int | None, told: int) -> None:
    traced = Traced()
    found, headers = await ask(status, traced, standing=standing)
    assert found == [("/v1/problems", told)]
    [span] = traced.spans
    assert span.told == {
        "name": "POST /v1/problems", "http.request.method": "POST", "http.route": "/v1/problems",
        "http.response.status_code": told, "failed": told >= 500,
    }  # fmt: skip
    assert headers[b"traceparent"] == OURS.encode(), "what follows goes on from our span"


@pytest.mark.parametrize(("tracing", "method"), [(NO_TRACING, "POST"), (Traced(), "GET")], ids=["off", "only read"])
async def test_otherwise_the_request_goes_on_as_it_came(tracing: Any, method: str) -> None:
    found, headers = await ask(200, tracing, method)
    assert (found, headers) == ([("/v1/problems", 200)], {b"traceparent": SAID.encode()})
