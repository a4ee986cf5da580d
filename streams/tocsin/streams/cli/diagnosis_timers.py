"""What `tocsin doctor` finds in the metrics of a `tocsin up` on this home: timers that are late, lost or failed."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import ClientError

from tocsin.streams.cli.diagnosis import Check, Level
from tocsin.streams.cli.locating import running_bus
from tocsin.streams.cli.scraping import Sample, scrape, total
from tocsin.streams.settings import Settings
from tocsin.streams.telemetry.observe_timers import OVERDUE


async def timer_checks(settings: Settings) -> list[Check]:
    """Nothing when no `tocsin up` runs here: where other workers serve their metrics is not known."""
    running: Mapping[str, object] | None = running_bus(settings.home)
    urls = running.get("metrics") if running else None
    if not isinstance(urls, list) or not urls:
        return []
    try:
        return [timers_check(await scrape(map(str, urls)))]
    except (ClientError, TimeoutError, ValueError) as error:
        return [Check("timers", Level.WARN, f"no metrics: {type(error).__name__}", "look at the log of `tocsin up`")]


def timers_check(samples: list[Sample]) -> Check:
    """What the workers' metrics say of timers."""
    pending, overdue = total(samples, "tocsin_timers_pending"), total(samples, OVERDUE)
    failed, repaired = total(samples, "tocsin_timers_failed"), total(samples, "tocsin_timers_repaired_total")
    detail = f"{pending} pending, {overdue} overdue, {failed} failed, {repaired} put back"
    if overdue:
        return Check("timers", Level.WARN, detail, "look at the lag and the log of the worker")
    if failed:
        return Check("timers", Level.WARN, detail, "tocsin dead list (stage timer)")
    return Check("timers", Level.OK, detail)
