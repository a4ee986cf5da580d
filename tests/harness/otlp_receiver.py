"""A collector of traces on 127.0.0.1: takes OTLP over HTTP, as protobuf, and keeps the spans."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from typing import Self

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True)
class SpanSeen:
    """One span; ids as lower-case hex, `parent` empty for the first of a trace."""

    process: str
    name: str
    trace_id: str
    span_id: str
    parent: str
    attributes: dict[str, str | int]
    failed: bool


class OtlpReceiver:
    """Answers `status`; `spans` are those that it took."""

    def __init__(self, status: int = 200) -> None:
        self.status, self.spans, self.asked = status, list[SpanSeen](), 0

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/v1/traces", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        """Where it is, as OTEL_EXPORTER_OTLP_ENDPOINT has it."""
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    def of(self, trace_id: str) -> list[SpanSeen]:
        """The spans of one trace."""
        return [span for span in self.spans if span.trace_id == trace_id]

    async def _take(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.status == 200:
            # aiohttp has undone the compression, if the header said so
            body = await request.read()
            said = ExportTraceServiceRequest.FromString(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)
            self.spans += [span for resource in said.resource_spans for span in _spans(resource)]
        answer = ExportTraceServiceResponse().SerializeToString()
        return web.Response(status=self.status, body=answer, content_type="application/x-protobuf")


def _spans(resource: object) -> list[SpanSeen]:
    process = _attributes(resource.resource.attributes)["tocsin.process"]  # type: ignore[attr-defined]
    return [
        SpanSeen(
            str(process), span.name, span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex(),
            _attributes(span.attributes), span.status.code == 2,
        )
        for scope in resource.scope_spans  # type: ignore[attr-defined]
        for span in scope.spans
    ]  # fmt: skip


def _attributes(said: object) -> dict[str, str | int]:
    return {
        one.key: one.value.int_value if one.value.HasField("int_value") else one.value.string_value
        for one in said  # type: ignore[attr-defined]
    }
