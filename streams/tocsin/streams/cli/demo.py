"""`tocsin demo`: the whole bus on free ports and a temporary home, and real reports that travel through it."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer

from tocsin.streams.cli.demo_receiver import Receiver
from tocsin.streams.cli.demo_steps import Steps
from tocsin.streams.cli.demo_story import new_secrets, rules_text, tell_story
from tocsin.streams.cli.failures import CHECK_FAILED
from tocsin.streams.cli.logs import set_up_logging
from tocsin.streams.cli.showing import tell
from tocsin.streams.cli.status_line import StatusLine
from tocsin.streams.cli.topic_removal import remove_topics
from tocsin.streams.processes.running import stop_on_signals
from tocsin.streams.processes.waiting import unless
from tocsin.streams.settings import Settings, load_settings
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
        tell(f"tocsin: the logs are in {home / 'logs'} and {home / 'kafka'}")
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
            async with Bus(settings, progress.say) as bus:
                told, _ = await unless(stop, _watched(bus, settings, receiver, steps, progress))
                progress.say("stopping: gateway, worker, dispatch, Kafka")
                if settings.prefix.startswith("tocsin-demo-"):
                    await remove_topics(settings)
    steps.end(told)
    return INTERRUPTED if not told else CHECK_FAILED if steps.failed else 0


async def _watched(bus: Bus, settings: Settings, receiver: Receiver, steps: Steps, progress: StatusLine) -> None:
    with steps.step("start") as step:
        where: Where = await bus.start()
        progress.done()
        step.done(f"Kafka at {where.bootstrap}, the API at {where.api}")
    await tell_story(where, settings, receiver, steps)
