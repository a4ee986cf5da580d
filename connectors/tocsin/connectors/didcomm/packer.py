"""Our keys and a resolver opened as one packer: what the sink, the gateway and the commands begin with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp.abc import AbstractResolver

from tocsin.connectors.didcomm.config import PackerConfig
from tocsin.connectors.didcomm.faults import KeysUnusable
from tocsin.connectors.didcomm.port import Packer

MISSING = "DIDComm needs an extra: pip install 'tocsin[didcomm]'"


@asynccontextmanager
async def open_packer(config: PackerConfig, name_servers: AbstractResolver | None = None) -> AsyncIterator[Packer]:
    """A packer, until the block ends. Keys that are changed on disk meanwhile (`tocsin didcomm keys rotate`) are used
    within seconds; a file that has become unusable changes nothing. `name_servers` looks names up, instead of the
    system's. Raises KeysUnusable, and ProxyRefused."""
    try:
        from tocsin.connectors.didcomm.agent import Agent
    except ModuleNotFoundError as error:
        raise KeysUnusable(f"{MISSING} ({error.name} is not there)") from None
    async with Agent(config, name_servers) as agent:
        yield agent


__all__ = ["PackerConfig", "open_packer"]
