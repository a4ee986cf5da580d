"""Reading `/metrics` of the processes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

Sample = tuple[str, Mapping[str, str], float]


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
