"""The gateway as a process of its own, for `tests.bench.gateway`: `python -m ... HTTP LOOP [BOOTSTRAP]`.

Without a bootstrap nothing is stored: a publisher that encodes and forgets stands behind it. Prints its URL; ends when
its input does.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import suppress
from typing import Any

import uvicorn
from prometheus_client import CollectorRegistry

from tocsin.connectors.gateway import GatewayConfig, Limits, Rate, build_gateway, server_config
from tocsin.connectors.gateway import connections as module
from tocsin.connectors.publish import InboxEvent, Receipt
from tocsin.connectors.redaction import default_of, redact_and_encode
from tocsin.streams.processes.gateway import run_gateway_process
from tocsin.streams.processes.lifecycle import Ready, Recovering
from tocsin.streams.settings import Settings


class Forgetting:
    """Where events go that nobody keeps."""

    async def send(self, event: InboxEvent) -> Receipt:
        """Encode it, as every publisher does."""
        redact_and_encode(event, default_of)
        return Receipt(event_id=event.event_id, partition=0, offset=0)


def say(url: str) -> None:
    """Tell who measures where it is."""
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()


async def alone(stop: asyncio.Event) -> None:
    """The application and its server; nothing is kept."""

    async def ready() -> bool:
        return True

    config = GatewayConfig(tenant_documents=Rate(0, 0), tenant_bytes=Rate(0, 0))
    app = build_gateway(config, Forgetting(), ready, CollectorRegistry())
    server = uvicorn.Server(server_config(app, Limits(), host="127.0.0.1", port=0, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    say(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}")
    await stop.wait()
    server.should_exit = True
    await serving


async def main(bootstrap: str | None) -> None:
    """Serve until the input ends."""
    stop = asyncio.Event()
    asyncio.get_running_loop().run_in_executor(None, sys.stdin.read).add_done_callback(lambda _: stop.set())
    if bootstrap is None:
        await alone(stop)
        return

    def told(now: Ready | Recovering) -> None:
        if isinstance(now, Ready):
            say(now.url)

    settings = Settings(bootstrap=bootstrap, port=0, tenant_rate=0, tenant_bytes=0, tenant_reads=0)
    await run_gateway_process(settings, stop, told)


if __name__ == "__main__":
    logging.disable()
    parser: Any = sys.argv[1]
    module.PARSER = parser
    factory = None
    if sys.argv[2] == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    with suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main(sys.argv[3] if len(sys.argv) > 3 else None))
