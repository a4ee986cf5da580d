"""`tocsin broker`: the embedded Kafka alone, in the foreground."""

from __future__ import annotations

from tocsin.streams.processes.running import stop_on_signals
from tocsin.streams.processes.waiting import unless
from tocsin.streams.settings import Settings
from tocsin.streams.up.broker.embedded import EmbeddedBroker
from tocsin.streams.up.broker.errors import BrokerUnavailable


async def run_broker(settings: Settings, port: int = 0) -> None:
    """Runs Kafka until SIGINT or SIGTERM, then stops it in order; prints `bootstrap HOST:PORT` when it answers.

    `port` 0 = the last one or any. Raises BrokerUnavailable (exit code 69) if Kafka cannot start, or ends by itself.
    """
    stop = stop_on_signals()
    broker = EmbeddedBroker(settings.home, port)
    try:
        started, _ = await unless(stop, broker.start())
        if started:
            print(f"bootstrap {broker.bootstrap}", flush=True)
            ended, _ = await unless(stop, broker.died())
            if ended:
                raise BrokerUnavailable("running Kafka", f"it ended by itself.\n{broker.last_lines()}\n")
    finally:
        await broker.stop()
