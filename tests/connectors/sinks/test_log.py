"""The sink that prints: whole lines, nothing that controls a terminal, and no word of what could not be printed."""

from __future__ import annotations

import json
import os

import pytest

from tests.connectors.sinks.test_every_sink import attempt
from tocsin.connectors.sinks import Delivered, RetryLater
from tocsin.connectors.sinks.base import Reason
from tocsin.connectors.sinks.log import LogConfig, LogSink

BODY = {
    "type": "problem.opened",
    "data": {
        "tenant": "acme",
        "case": "c-1",
        "problem": {"code": "e.p.xfer", "severity": "error", "text": "No\n\x1b[31manswer"},
    },
}

# the body, the form, and what is printed after the time
PRINTED: dict[str, tuple[bytes, str]] = {
    "a notification": (json.dumps(BODY).encode(), "problem.opened acme error e.p.xfer: No answer  (case c-1)"),
    "of no problem": (b'{"type": "endpoint.ping", "data": {}}', "endpoint.ping"),
    "a document of a dialect": (b'{"title": "Out of credit"}', "{'title': 'Out of credit'}"),
    "no JSON": (b"\x1b[2Jhello", "hello"),
    "a list": (b"[1]", "[1]"),
}


@pytest.mark.parametrize(("body", "line"), PRINTED.values(), ids=list(PRINTED))
async def test_a_line_for_each_notification(body: bytes, line: str) -> None:
    reading, writing = os.pipe()
    async with LogSink(descriptor=writing) as sink:
        assert await sink.deliver(attempt(body=body, recorded_at=3_723_000_000)) == Delivered()
    os.close(writing)
    assert os.read(reading, 4096).decode() == f"01:02:03 {line}\n"
    os.close(reading)


async def test_the_body_as_it_is_for_programs() -> None:
    reading, writing = os.pipe()
    async with LogSink(LogConfig(form="json"), writing) as sink:
        await sink.deliver(attempt(body=json.dumps(BODY).encode()))
    os.close(writing)
    assert json.loads(os.read(reading, 4096)) == BODY
    os.close(reading)


async def test_what_nobody_reads_is_not_delivered() -> None:
    reading, writing = os.pipe()
    async with LogSink(LogConfig(form="json"), writing, patience=0.05) as sink:
        # more than a pipe holds
        assert await sink.deliver(attempt(body=b'"' + b"x" * 200_000 + b'"')) == RetryLater(reason=Reason.TIMEOUT)
        os.close(reading)
        assert await sink.deliver(attempt()) == RetryLater(reason=Reason.SINK_FAILED)
    os.close(writing)
