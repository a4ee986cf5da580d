"""What the page behind a link in a notification says of its case, as the store has it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tocsin.connectors.gateway.act_page import KnownCase
from tocsin.connectors.gateway.problems import Refusal
from tocsin.connectors.store import Store, status_of
from tocsin.streams.ask.asking import store_refusals
from tocsin.streams.rules.notification import timestamp

WITHIN = 2.0
"""Seconds that the store has: without it the page says less."""


class KnownCases:
    """A `KnownCasePort` over an open store; `clock` gives microseconds."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store, self._clock = store, clock

    async def known(self, tenant: str, case: str) -> KnownCase | None:
        """What is known of a case; None for one that is not there, or when the store does not answer."""
        try:
            with store_refusals():
                async with asyncio.timeout(WITHIN):
                    found = await self._store.reader(tenant).case(case, limit=1)
        except (Refusal, TimeoutError):
            return None
        if found is None:
            return None
        row, status = found.row, status_of(found.row, self._clock())
        return KnownCase(
            status=status, held_by=(row.acknowledged_by or "") if status == "acknowledged" else "",
            title=row.title or "", severity=row.severity or "", code=row.code or "",
            at="" if row.at is None else timestamp(row.at),
        )  # fmt: skip
