"""The packer that `open_packer` gives: our keys, followed as they change, with all that uses them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

from aiohttp.abc import AbstractResolver

from tocsin.connectors.didcomm.cache import DocumentCache
from tocsin.connectors.didcomm.config import PackerConfig
from tocsin.connectors.didcomm.faults import KeysUnusable
from tocsin.connectors.didcomm.keys import KeyRing
from tocsin.connectors.didcomm.opening import Opener
from tocsin.connectors.didcomm.packing import Writer
from tocsin.connectors.didcomm.port import DidDocument, Envelope, OwnDid, Packing, Service, Unpacked
from tocsin.connectors.didcomm.resolver import Fetch, Resolver, WebFetch, no_web
from tocsin.connectors.didcomm.routing import forward, reach
from tocsin.connectors.didcomm.stores import KeyStore, store_of
from tocsin.connectors.egress.transport import Transport

LOOK_EVERY = 2.0
"""Seconds between looks at whether the keys on disk have changed."""


class Agent:
    """A `Packer`, inside `async with`."""

    def __init__(
        self,
        config: PackerConfig,
        name_servers: AbstractResolver | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config, self._name_servers, self._now = config, name_servers, now
        self._store: KeyStore = store_of(config.keys, config.passphrase)
        self._ring = KeyRing([])
        self._stamp: object = None
        self._looked = 0.0
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        config = self._config
        self._stamp, self._looked = self._store.stamp(), self._now()
        self._ring = KeyRing(await self._store.load())
        fetch: Fetch = no_web
        if config.did_web:
            transport = Transport(config, self._name_servers, "tocsin-didcomm")
            await self._open.enter_async_context(transport)
            fetch = WebFetch(transport, private=config.allow_private, timeout=config.timeout)
        cache = DocumentCache(limit=config.documents, age=config.document_age, failure_age=config.failure_age)
        self._resolver = Resolver(lambda did: self._ring.document(did), fetch, cache, self._now)
        self._open.push_async_callback(self._resolver.close)
        self._opener = Opener(lambda: self._ring, self._resolver, config.max_bytes)
        self._writer = Writer(lambda: self._ring, self._resolver, config.max_bytes)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    @property
    def own(self) -> Sequence[OwnDid]:
        """As `Packer.own` says."""
        return self._ring.own

    async def pack(
        self,
        message: Mapping[str, Any],
        to: str | Sequence[str],
        from_: str | None = None,
        packing: Packing = Packing.AUTHCRYPT,
    ) -> Envelope:
        """As `Packer.pack` says."""
        await self._follow()
        return await self._writer.pack(message, to, from_, packing)

    async def unpack(self, content: bytes) -> Unpacked:
        """As `Packer.unpack` says."""
        await self._follow()
        return await self._opener.open(content)

    async def resolve(self, did: str) -> DidDocument:
        """As `Packer.resolve` says."""
        await self._follow()
        return await self._resolver.resolve(did)

    async def reach(self, did: str, *, refresh: bool = False) -> Sequence[Service]:
        """As `Packer.reach` says."""
        await self._follow()
        return await reach(self._resolver, did, refresh=refresh)

    async def forward(self, envelope: Envelope, service: Service) -> Envelope:
        """As `Packer.forward` says."""
        return await forward(self._writer, envelope, service)

    async def _follow(self) -> None:
        """Use the keys that are on disk now, if they changed and can be used."""
        now = self._now()
        if now - self._looked < LOOK_EVERY:
            return
        self._looked = now
        stamp = self._store.stamp()
        if stamp == self._stamp:
            return
        try:
            ring = KeyRing(await self._store.load())
        except KeysUnusable:
            return  # those that we have go on; `tocsin doctor` says what is wrong
        self._ring, self._stamp = ring, stamp
