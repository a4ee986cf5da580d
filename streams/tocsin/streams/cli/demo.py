"""`tocsin demo`: the whole bus on free ports and a temporary home, and real reports that travel through it."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from time import monotonic
from typing import Annotated
from uuid import uuid4

import aiohttp
import typer
from aiokafka.errors import KafkaError

from tocsin.connectors.publish import Publisher, problem
from tocsin.connectors.webhooks import new_secret
from tocsin.streams.cli.demo_receiver import Receiver
from tocsin.streams.cli.output import show_error
from tocsin.streams.cli.progress import StatusLine, Steps
from tocsin.streams.processes.exit_codes import CHECK_FAILED
from tocsin.streams.processes.kafka import ServiceUnreachable, admin_of
from tocsin.streams.processes.lifecycle import stop_on_signals, unless
from tocsin.streams.settings import Settings, load_settings
from tocsin.streams.telemetry.logs import set_up_logging
from tocsin.streams.telemetry.probes import scrape, total
from tocsin.streams.topology import TOPICS, topic_name
from tocsin.streams.up.supervisor import Bus, Where

INTERRUPTED = 130


def run(as_json: Annotated[bool, typer.Option("--json", help="One JSON object per step.")] = False) -> None:
    """Watch real reports travel: publish over HTTP and from Python, receive signed webhooks, see a repeat suppressed.

    Uses free ports and a temporary home (with TOCSIN_BOOTSTRAP: that Kafka, and topics of its own, removed afterwards).
    Exits 0 only if every report arrived with a valid signature and the counters add up.
    """
    home = Path(tempfile.mkdtemp(prefix="tocsin-demo-"))
    try:
        settings = load_settings(home=home, port=0, metrics_port=0, rules=home / "rules.yaml")
        if settings.bootstrap is not None:
            settings = settings.but(prefix=f"tocsin-demo-{uuid4().hex[:8]}.")
        set_up_logging(settings.log_format, settings.log_level)
        code = asyncio.run(_demo(settings, Steps(as_json)))
    except Exception:
        _keep_logs(home)
        raise
    if code == CHECK_FAILED:
        _keep_logs(home)
    else:
        shutil.rmtree(home, ignore_errors=True)
    raise typer.Exit(code)


def _keep_logs(home: Path) -> None:
    if any(home.iterdir()):
        show_error(f"tocsin: the logs are in {home / 'logs'} and {home / 'kafka'}")
    else:
        home.rmdir()


async def _demo(settings: Settings, steps: Steps) -> int:
    stop = stop_on_signals()
    secrets = new_secrets()
    with StatusLine() as progress:
        async with Receiver(secrets).listening() as receiver:
            assert settings.rules is not None
            settings.rules.touch(mode=0o600)
            settings.rules.write_text(rules_text(receiver.url, secrets), "utf-8")
            async with Bus(settings, progress.step) as bus:
                complete, _ = await unless(stop, _watched(bus, settings, receiver, steps, progress))
                progress.step("stopping: gateway, worker, dispatch, Kafka")
                if settings.prefix.startswith("tocsin-demo-"):
                    await remove_topics(settings)
    steps.end(complete)
    return INTERRUPTED if not complete else CHECK_FAILED if steps.failed else 0


async def _watched(bus: Bus, settings: Settings, receiver: Receiver, steps: Steps, progress: StatusLine) -> None:
    with steps.step("start") as step:
        where: Where = await bus.start()
        progress.done()
        step.done(f"Kafka at {where.bootstrap}, the API at {where.api}")
    await play(where, settings, receiver, steps)


async def remove_topics(settings: Settings) -> None:
    """Delete every topic of the map under the prefix of the settings; one that cannot be deleted stays."""
    with suppress(KafkaError, ServiceUnreachable):
        async with admin_of(settings) as admin:
            await admin.delete_topics([topic_name(settings.prefix, spec.name) for spec in TOPICS])


WITHIN = 20.0
"""Seconds for each report to arrive."""

FERRIES, WALLETS, DEFAULT = "ferries-desk", "wallet-team", "night-watch"


@dataclass(frozen=True, slots=True)
class Sample:
    """A report of `samples/<dialect>.json`, and the endpoint where it must arrive."""

    dialect: str
    media_type: str
    tenant: str
    endpoint: str

    def document(self) -> bytes:
        """Its bytes, as a client would send them."""
        return files("tocsin.streams").joinpath("samples", f"{self.dialect}.json").read_bytes()


SAMPLES = (
    Sample("canonical", "application/vnd.tocsin.problem+json", "saltmarsh-ferries", FERRIES),
    Sample("rfc9457", "application/problem+json", "saltmarsh-ferries", FERRIES),
    Sample("didcomm-2.0", "application/didcomm-plain+json", "harbour", WALLETS),
)

UNFORESEEN = problem(
    "w.p.req.time.tide-table-late",
    text="The tide table of tomorrow is not signed yet; today's is used",
    thread_id="tides-2031-05-04",
)
"""A report that no route of the demo matches: the mandatory default route delivers it."""


def new_secrets() -> dict[str, str]:
    """A fresh signing secret for each endpoint."""
    return {name: new_secret() for name in (FERRIES, WALLETS, DEFAULT)}


def rules_text(url: str, secrets: dict[str, str]) -> str:
    """The rules file: two routes and the default one, all to the demo's own receiver. JSON is YAML too."""
    endpoints = {
        name: {"sink": "webhook", "url": f"{url}/{name}", "secret": secret, "allow_private": True}
        for name, secret in secrets.items()
    }
    routes = [
        {"name": "ferries", "match": {"tenant": ["saltmarsh-ferries"]}, "endpoints": [FERRIES]},
        {"name": "wallets", "match": {"code": ["e.p"]}, "endpoints": [WALLETS]},
    ]
    return json.dumps({"endpoints": endpoints, "default_route": {"endpoint": DEFAULT}, "routes": routes}, indent=2)


async def play(where: Where, settings: Settings, receiver: Receiver, steps: Steps) -> None:
    """Publish, receive, publish one again, count. Raises aiohttp.ClientError or a PublishFailed if the bus is away."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        for sample in SAMPLES:
            await _travel(session, where, sample, receiver, steps)
        await _from_python(where, settings, receiver, steps)
        await _repeat(session, where, SAMPLES[0], steps)
    await _add_up(where, receiver, steps)


async def _travel(
    session: aiohttp.ClientSession, where: Where, sample: Sample, receiver: Receiver, steps: Steps
) -> None:
    began = monotonic()
    with steps.step(f"publish {sample.dialect}") as step:
        status, answer = await _post(session, where, sample)
        if status != 202:
            step.missed(f"POST /v1/problems answered {status}: {answer}")
            return
        step.done(f"POST /v1/problems: 202, event {answer['event_id']}")
    await _arrival(receiver, str(answer["event_id"]), sample.dialect, sample.endpoint, began, steps)


async def _from_python(where: Where, settings: Settings, receiver: Receiver, steps: Steps) -> None:
    began = monotonic()
    with steps.step("publish from Python") as step:
        async with Publisher(where.bootstrap, prefix=settings.prefix, source="tocsin:demo") as publisher:
            receipt = await publisher.publish(UNFORESEEN)
            step.done(f"Publisher.publish(problem({UNFORESEEN.code!r})): event {receipt.event_id}")
    await _arrival(receiver, receipt.event_id, "from Python", DEFAULT, began, steps)


async def _arrival(receiver: Receiver, event_id: str, name: str, endpoint: str, began: float, steps: Steps) -> None:
    with steps.step(f"receive {name}", since=began) as step:
        arrival = await receiver.arrived(event_id, endpoint, WITHIN)
        if arrival is None:
            refused = f"; refused: {receiver.refused}" if receiver.refused else ""
            step.missed(f"event {event_id} did not arrive at {endpoint} within {WITHIN:.0f} s{refused}")
            return
        body = arrival.body["data"]["problem"]
        step.done(f"webhook at {endpoint}, signature valid: {body['code']}: {body.get('text', '')}", at=arrival.at)


async def _repeat(session: aiohttp.ClientSession, where: Where, sample: Sample, steps: Steps) -> None:
    with steps.step("publish canonical again") as step:
        before = total(await scrape(where.metrics.values()), "tocsin_problems_total", outcome="suppressed")
        status, answer = await _post(session, where, sample)
        deadline = monotonic() + WITHIN
        while monotonic() < deadline:
            if total(await scrape(where.metrics.values()), "tocsin_problems_total", outcome="suppressed") > before:
                step.done(f"{status}, the same event {answer.get('event_id')}: suppressed, nobody is told twice")
                return
            await asyncio.sleep(0.05)
        step.missed(f"answered {status}, and was not suppressed within {WITHIN:.0f} s")


async def _post(session: aiohttp.ClientSession, where: Where, sample: Sample) -> tuple[int, dict[str, object]]:
    headers = {"content-type": sample.media_type, "idempotency-key": f"demo-{sample.dialect}"}
    url, params = f"{where.api}/v1/problems", {"tenant": sample.tenant}
    async with session.post(url, params=params, data=sample.document(), headers=headers) as answer:
        return answer.status, dict(await answer.json(content_type=None))


async def _add_up(where: Where, receiver: Receiver, steps: Steps) -> None:
    """Check that every event ended suppressed, unrouted or routed, and every delivery delivered, dead or pending:
    docs/reliability.md#promises."""
    published = len(SAMPLES) + 2
    with steps.step("counters") as step:
        deadline = monotonic() + WITHIN
        while True:
            samples = await scrape(where.metrics.values())
            decided = sum(total(samples, "tocsin_problems_total", outcome=name) for name in ("opened", "repeated"))
            unrouted = total(samples, "tocsin_problems_total", outcome="unrouted")
            suppressed = total(samples, "tocsin_problems_total", outcome="suppressed")
            requested = total(samples, "tocsin_deliveries_requested_total")
            delivered = total(samples, "tocsin_attempts_total", outcome="delivered")
            line = (
                f"{published} events = {decided - unrouted} routed + {unrouted} unrouted + {suppressed} suppressed; "
                f"{requested} deliveries = {delivered} delivered + {requested - delivered} pending; "
                f"{len(receiver.arrivals)} webhooks received"
            )
            if decided + suppressed == published and requested == delivered == len(receiver.arrivals):
                return step.done(line)
            if monotonic() > deadline:
                return step.missed(line)
            await asyncio.sleep(0.1)
