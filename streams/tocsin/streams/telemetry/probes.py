"""`/healthz` (alive), `/readyz` (ready to work, or why not) and `/metrics` of each process: served, and scraped."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.parser import text_string_to_metric_families

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
    host: str, port: int, registry: CollectorRegistry, not_ready: Readiness, note: Note = nothing_to_note
) -> AsyncIterator[str]:
    """Serve the three paths while the block runs; yields the base URL. Port 0 is any free one.

    Raises OSError when the address is taken.
    """

    async def healthy(request: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def ready(request: web.Request) -> web.Response:
        reason = not_ready()
        if reason is not None:
            return web.json_response({"ready": False, "reason": reason}, status=503, headers={"Retry-After": "2"})
        noted = note()
        return web.json_response({"ready": True} if noted is None else {"ready": True, "note": noted})

    async def metrics(request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthy), web.get("/readyz", ready), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        bound = runner.addresses[0][1]
        yield f"http://{host}:{bound}"
    finally:
        await runner.cleanup()


async def scrape(urls: Iterable[str]) -> list[Sample]:
    """Every sample of every URL. Raises aiohttp.ClientError, TimeoutError."""
    samples: list[Sample] = []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        for url in urls:
            async with session.get(url) as answer:
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
