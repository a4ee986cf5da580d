"""`tocsin doctor`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from tocsin.connectors.printable import printable
from tocsin.streams.cli.doctor_access import access_checks
from tocsin.streams.cli.doctor_checks import Check, Level, local_checks, timer_checks
from tocsin.streams.cli.doctor_didcomm import didcomm_checks
from tocsin.streams.cli.doctor_kafka import kafka_checks
from tocsin.streams.cli.doctor_people import people_checks
from tocsin.streams.cli.doctor_store import store_checks
from tocsin.streams.cli.output import show, show_json
from tocsin.streams.processes.exit_codes import CHECK_FAILED, UNREACHABLE
from tocsin.streams.settings import SettingsInvalid, load_settings
from tocsin.streams.telemetry.logs import set_up_logging
from tocsin.streams.up.home import as_running, running_bus


def run(as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False) -> None:
    """Find out what is wrong, here and in Kafka, and what to do about it.

    Each line is ok, warn or FAIL with the next step. Exits 1 when something fails, 69 when Kafka cannot be reached.
    """
    checks = asyncio.run(_examine())
    if as_json:
        show_json({"ok": not _failed(checks), "checks": [check.as_dict() for check in checks]})
    else:
        for check in checks:
            show(printable(check.line()))
    raise typer.Exit(_exit_code(checks))


async def _examine() -> list[Check]:
    try:
        settings = load_settings()
    except SettingsInvalid as invalid:
        set_up_logging("console", "error")
        step = "correct it in the environment or in tocsin.toml"
        return [Check("settings", Level.FAIL, line, step) for line in invalid.problems]
    set_up_logging(settings.log_format, "error")
    settings = as_running(settings, running_bus(settings.home))
    checks = [Check("settings", Level.OK, f"prefix {settings.prefix}, {settings.partitions} partitions")]
    checks += [Check("settings", Level.WARN, line, "correct or remove it") for line in settings.warnings]
    checks += (
        local_checks(settings) + access_checks(settings) + people_checks(settings) + await didcomm_checks(settings)
    )
    checks += await store_checks(settings)
    timers, kafka = await timer_checks(settings), await kafka_checks(settings)
    said = {check.detail for check in kafka}  # a halted partition tells it by its metrics and by its commits
    return checks + [check for check in timers if check.detail not in said] + kafka


def _failed(checks: list[Check]) -> list[Check]:
    return [check for check in checks if check.level is Level.FAIL]


def _exit_code(checks: list[Check]) -> int:
    failed = _failed(checks)
    if any(check.name == "kafka" for check in failed):
        return UNREACHABLE
    return CHECK_FAILED if failed else 0
