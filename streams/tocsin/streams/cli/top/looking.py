"""One look at the metrics of every process: all at once, each bounded in time and bytes; one that is away says why."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from urllib.parse import urlsplit

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tocsin.connectors.printable import clipped
from tocsin.streams.cli.over_http import credential_for
from tocsin.streams.processes.exit_codes import CommandFailed
from tocsin.streams.telemetry.probes import Sample

ANSWER_WITHIN = 3.0
BUILD = "tocsin_build_info"
_REFUSALS = {
    (401, False): "it asks for a key: TOCSIN_API_KEY with the scope metrics",
    (401, True): "it refuses the key in TOCSIN_API_KEY",
    (403, True): "the key in TOCSIN_API_KEY has not the scope metrics",
}
"""(status, whether a key was sent) -> what that means."""
LONGEST_ANSWER = 8 * 1024 * 1024
"""Bytes; a scrape of ours is below one MiB, but what answers may be none."""


@dataclass(frozen=True, slots=True)
class Process:
    """What one process said; `away` is why it said nothing that counts; `foreign`: since another bus answers there."""

    url: str
    samples: tuple[Sample, ...] = ()
    away: str | None = None
    bus: str | None = None
    keyed: bool = False
    foreign: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """All of them at one time: `at` in seconds of a clock that only goes forward."""

    at: float
    processes: Mapping[str, Process] = field(default_factory=dict)


async def look(
    session: aiohttp.ClientSession, urls: Mapping[str, str], names: frozenset[str], ours: str | None = None
) -> Look:
    """Ask every process (name -> URL of its metrics) for the series of these names. With `ours`, the name of a bus,
    one of another bus is away. Never raises for one that does not answer."""
    answers = await asyncio.gather(*(_ask(session, url, names | {BUILD}, ours) for url in urls.values()))
    return Look(monotonic(), dict(zip(urls, answers, strict=True)))


async def whose(urls: Mapping[str, str], ours: str) -> Mapping[str, Process]:
    """What is at each of these URLs: this bus, another one, or why nobody knows. Empty when they are not asked, since
    TOCSIN_API_KEY would go over a network in plain text."""
    async with aiohttp.ClientSession(trust_env=False) as session:
        try:
            return (await look(session, urls, frozenset(), ours)).processes
        except CommandFailed:
            return {}


async def _ask(session: aiohttp.ClientSession, url: str, names: frozenset[str], ours: str | None) -> Process:
    parts = urlsplit(url)
    try:
        credential = credential_for(parts.scheme, parts.hostname or "")
        async with (
            asyncio.timeout(ANSWER_WITHIN),
            session.get(url, headers=credential, allow_redirects=False) as answer,
        ):
            if answer.status != 200:
                why = _REFUSALS.get((answer.status, bool(credential)), f"it answers {answer.status}")
                return Process(url, away=why, keyed=answer.status in (401, 403))
            text = await _body(answer)
        return _told(url, _samples(text, names), ours)
    except TimeoutError:
        return Process(url, away=f"no answer within {ANSWER_WITHIN:.0f} s")
    except aiohttp.ClientConnectorDNSError:
        return Process(url, away=f"there is no host {parts.hostname}")
    except aiohttp.ClientConnectorError as error:
        refused = isinstance(error.os_error, ConnectionRefusedError)
        return Process(url, away="nothing listens there" if refused else f"cannot be reached ({_why(error)})")
    except (aiohttp.ClientError, ValueError, KeyError) as error:
        return Process(url, away=f"what it says cannot be read ({type(error).__name__})")


def _why(error: aiohttp.ClientConnectorError) -> str:
    return clipped(error.os_error.strerror or str(error.os_error), 60)


def _told(url: str, samples: tuple[Sample, ...], ours: str | None) -> Process:
    bus = next((labels["bus"] for name, labels, _ in samples if name == BUILD and "bus" in labels), None)
    if ours is None or bus is None or bus == ours:
        return Process(url, samples, bus=bus)
    return Process(url, away=f"another bus ({bus}) answers there", bus=bus, foreign=True)


async def _body(answer: aiohttp.ClientResponse) -> str:
    """Raises ValueError when it is too long."""
    body = bytearray()
    async for part in answer.content.iter_chunked(65_536):
        body += part
        if len(body) > LONGEST_ANSWER:
            raise ValueError("too long")
    return body.decode("utf-8", "replace")


def _samples(text: str, names: frozenset[str]) -> tuple[Sample, ...]:
    """Only the lines that are asked for: to read all of a scrape takes long. Raises ValueError for what is none."""
    lines = [line for line in text.splitlines() if line.partition("{")[0].partition(" ")[0] in names]
    if not lines and "tocsin_" not in text:
        raise ValueError("no metrics of Tocsin")
    families = text_string_to_metric_families("\n".join((*lines, "")))
    return tuple((one.name, one.labels, one.value) for family in families for one in family.samples)
