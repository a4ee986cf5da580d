"""`/healthz` (alive), `/readyz` (ready to work, or why not) and `/metrics` of each process: served, and scraped."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus

import aiohttp
import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from tocsin.connectors.metrics.making import exposed

_log = structlog.get_logger("tocsin")

WORKER_PORT, DISPATCH_PORT, PROJECT_PORT = 8701, 8702, 8703
"""The usual ports of a worker, a dispatcher and a projector; the gateway's is that of its API."""

Readiness = Callable[[], str | None]
"""None when ready, else the reason, in words for an operator."""

Note = Callable[[], str | None]
"""What an operator should know although the process is ready, or None."""

Sample = tuple[str, Mapping[str, str], float]
"""Name, labels and value."""


def nothing_to_note() -> None:
    """The note of a process that never has one."""


def all_notes(*notes: Note) -> Note:
    """All that these have to note, in this order."""
    return lambda: "; ".join(filter(None, (note() for note in notes))) or None


def first_of(*reasons: Readiness) -> Readiness:
    """Ready when all of these are; else the reason of the first that is not."""
    return lambda: next(filter(None, (reason() for reason in reasons)), None)


@asynccontextmanager
async def serve_probes(
    host: str,
    port: int | None,
    registry: CollectorRegistry,
    not_ready: Readiness,
    note: Note = nothing_to_note,
    *,
    usual: int = 0,
) -> AsyncIterator[str]:
    """Serve the three paths while the block runs; yields the base URL. Port 0 is any free one, None the `usual` one, or
    any free one when that is taken.

    Raises OSError when the address is taken.
    """
    runner = web.AppRunner(_answering(registry, not_ready, note), access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, usual if port is None else port).start()
        except OSError as error:
            if port is not None or error.errno != errno.EADDRINUSE:
                raise
            await web.TCPSite(runner, host, 0).start()
            _log.info("the usual port is taken: the metrics are at another", usual=usual, port=runner.addresses[0][1])
        bound = runner.addresses[0][1]
        yield f"http://{host}:{bound}"
    finally:
        await runner.cleanup()


def _answering(registry: CollectorRegistry, not_ready: Readiness, note: Note) -> web.Application:
    async def healthy(request: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def ready(request: web.Request) -> web.Response:
        reason = not_ready()
        if reason is not None:
            return web.json_response({"ready": False, "reason": reason}, status=503, headers={"Retry-After": "2"})
        noted = note()
        return web.json_response({"ready": True} if noted is None else {"ready": True, "note": noted})

    async def metrics(request: web.Request) -> web.Response:
        body, media_type = exposed(registry, request.headers.get("Accept"))
        return web.Response(body=body, headers={"Content-Type": media_type})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthy), web.get("/readyz", ready), web.get("/metrics", metrics)])
    return app


async def scrape(urls: Iterable[str]) -> list[Sample]:
    """Every sample of every URL, but for one that asks for a credential: a gateway that is open to nobody. Raises
    aiohttp.ClientError, TimeoutError."""
    samples: list[Sample] = []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        for url in urls:
            async with session.get(url) as answer:
                if answer.status == HTTPStatus.UNAUTHORIZED:
                    continue
                answer.raise_for_status()
                text = await answer.text()
            for family in text_string_to_metric_families(text):
                samples += [(sample.name, sample.labels, sample.value) for sample in family.samples]
    return samples


def total(samples: Iterable[Sample], name: str, **labels: str) -> int:
    """The sum of the samples of this name that have these labels."""
    return int(
        sum(
            value
            for found, has, value in samples
            if found == name and all(has.get(label) == wanted for label, wanted in labels.items())
        )
    )
