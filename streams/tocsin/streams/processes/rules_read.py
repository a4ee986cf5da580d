"""The rules file as a gateway reads it: when somebody asks, and again only when it has changed. Nothing depends on it
but answers: what is in force is what the workers have read, a few seconds later at most."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from time import monotonic

from tocsin.schemas.errors import TocsinError
from tocsin.streams.processes.rules_watch import own_addresses
from tocsin.streams.rules.config import RuleBook, default_rulebook
from tocsin.streams.rulesfile import read_content, read_rules
from tocsin.streams.settings import Settings

PAUSE = 2.0
"""Seconds between two looks."""


class RulesUnreadable(TocsinError):
    """The rules file cannot be used here; the message quotes nothing of it."""


class RulesAsRead:
    """A `FileRules`: `book` is what was read last."""

    def __init__(self, settings: Settings) -> None:
        self._path, self._own = settings.rules, own_addresses(settings)
        self.book: RuleBook = default_rulebook()
        self._seen: str | None = None
        self._usable = self._path is None
        self._looked_at = float("-inf")
        self._turn = asyncio.Lock()

    async def look(self) -> str | None:
        """Read the file if it has changed; a note for who asks, when it has and cannot be used. Raises RulesUnreadable
        when there is none that could be used before."""
        if self._path is None:
            return None
        async with self._turn:
            if monotonic() - self._looked_at > PAUSE:
                await self._read()
                self._looked_at = monotonic()
        if not self._usable:
            raise RulesUnreadable("the rules file cannot be used here: `tocsin rules check` says why")
        return self._note

    _note: str | None = None

    async def _read(self) -> None:
        assert self._path is not None
        content = await asyncio.to_thread(read_content, self._path)
        seen = None if isinstance(content, OSError) else sha256(content).hexdigest()
        if seen is not None and seen == self._seen:
            return
        book, _ = await asyncio.to_thread(read_rules, self._path, own=self._own, content=content)
        self._seen = seen
        self._note = None if book is not None else "the rules file cannot be used now: these are the rules before it"
        if book is not None:
            self.book, self._usable = book, True
