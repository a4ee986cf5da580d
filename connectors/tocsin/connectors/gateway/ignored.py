"""What was published and is no problem: told to nobody, and kept where an operator can look at it, bounded.

A service that sends the wrong documents would otherwise learn nothing, and nobody would see what it sent. Of a flood
only the first documents of each minute are kept; how many were not is said with the next one that is.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from tocsin.connectors.gateway.beside import BesideTheLoop
from tocsin.connectors.gateway.documents import Document
from tocsin.connectors.gateway.metrics import GatewayMetrics
from tocsin.connectors.gateway.problems import Refusal, refusals
from tocsin.connectors.gateway.rates import MAX_TENANTS, Payer, Rate, TenantRates
from tocsin.connectors.redaction import Redactions, default_of, redact_document

log = logging.getLogger(__name__)

MAX_KEPT = 16 * 1024
"""Bytes that are kept of a document, from its beginning."""
OF_TENANT, OF_ALL = Rate(0.5, 30), Rate(5, 300)
"""How many are kept: 30 a minute of each tenant, 300 of all, at one gateway."""


class IgnoredDocument(Struct, frozen=True, kw_only=True):
    """A document that is no problem, and `why`. `raw` is its beginning, without secrets; `bytes` and `sha256` are of
    the whole. `not_kept` of the tenant's before it were not kept."""

    tenant: str
    media_type: str
    why: str
    raw: bytes
    bytes: int
    sha256: str
    not_kept: int = 0


class IgnoredPort(Protocol):
    """Where such documents are kept."""

    async def keep(self, document: IgnoredDocument) -> None:
        """Store it; returns only once it is stored. Raises a PublishFailed."""
        ...


class IgnoredDocuments:
    """Keeps what is no problem, as far as there is room; without a `port` it is only logged."""

    def __init__(
        self,
        port: IgnoredPort | None,
        counts: GatewayMetrics,
        deadline: float,
        redactions: Redactions = default_of,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._port, self._counts, self._deadline, self._redactions = port, counts, deadline, redactions
        self._of_tenant = TenantRates(OF_TENANT, Rate(0, 0), clock)
        self._of_all = TenantRates(OF_ALL, Rate(0, 0), clock)
        self._not_kept: OrderedDict[str, int] = OrderedDict()
        self._beside = BesideTheLoop(deadline)

    async def take(self, document: Document, why: str) -> dict[str, object]:
        """Keep the document and return the answer. Raises Refusal when Kafka does not acknowledge it: its sender would
        otherwise be told that it is kept."""
        digest, tenant = hashlib.sha256(document.raw).hexdigest(), document.origin.tenant
        log.info(
            "not a problem: %s (tenant %s, %s, %d bytes, sha256 %s)",
            why, tenant, document.origin.media_type, len(document.raw), digest,
        )  # fmt: skip
        if self._port is None:
            return {"ignored": why}
        if not self._has_room(tenant):
            self._counts.count_ignored(kept=False)
            return {"ignored": why, "kept": False}
        # Whole, and then cut: what is cut is no JSON, in which the name of a member says that its value is secret.
        raw = await self._beside.do(len(document.raw), redact_document, document.raw, self._redactions(tenant))
        not_kept = self._not_kept.pop(tenant, 0)
        kept = IgnoredDocument(
            tenant=tenant,
            media_type=document.origin.media_type or "",
            why=why,
            raw=raw[:MAX_KEPT],
            bytes=len(document.raw),
            sha256=digest,
            not_kept=not_kept,
        )
        try:
            with refusals():
                async with asyncio.timeout(self._deadline + 1):
                    await self._port.keep(kept)
        except Refusal:
            self._count_not_kept(tenant, not_kept)
            raise
        self._counts.count_ignored(kept=True)
        return {"ignored": why, "kept": True}

    def _has_room(self, tenant: str) -> bool:
        try:
            self._of_tenant.charge_documents(Payer(tenant), 1)
            self._of_all.charge_documents(Payer(""), 1)
        except Refusal:
            self._count_not_kept(tenant, 1)
            return False
        return True

    def _count_not_kept(self, tenant: str, count: int) -> None:
        if count:
            self._not_kept[tenant] = self._not_kept.pop(tenant, 0) + count
            if len(self._not_kept) > MAX_TENANTS:
                self._not_kept.popitem(last=False)
