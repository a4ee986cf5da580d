"""The rules in force while a process runs: a changed rules file is read, checked whole and taken in one assignment.

A file that cannot be used changes nothing: the rules before it stay in force, every finding is logged, `/readyz` notes
it and a metric counts it (docs/reliability.md#f25). Good rules that cannot be applied, for example because a sink
does not open, are noted too, and tried again at every look. New content counts when two looks in a row find it: half a
file may be valid YAML. SIGHUP reads the file at once, also when only its secret files changed; secrets in environment
variables stay as they were when the process started.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from hashlib import sha256
from time import time

import structlog

from tocsin.connectors.metrics.making import Meters
from tocsin.streams.processes.lifecycle import on_hangup
from tocsin.streams.rules.config import RuleBook, default_rulebook
from tocsin.streams.rulesfile import Finding, RulesFileError, read_content, read_rules
from tocsin.streams.settings import Settings

LOOK_EVERY = 2.0
"""Seconds between two looks at the file."""

SETTLES_WITHIN = 0.2
"""Seconds between two looks at once (SIGHUP)."""

_UNTAKEN = "no content"

_log = structlog.get_logger("tocsin.rules")

OnNew = Callable[[RuleBook], Awaitable[None]]
"""Called with the rules that are in force from now on."""


class WatchedRules:
    """The rules of `settings.rules`; `book` is what holds now. Raises RulesFileError when the first cannot be used."""

    def __init__(self, settings: Settings, meters: Meters) -> None:
        self._path, self._own = settings.rules, own_addresses(settings)
        self.on_new: OnNew | None = None
        self._seen = self._candidate = _UNTAKEN
        self.book = self._first()
        self._refused: list[Finding] = []
        self._untaken: str | None = None
        self._asked = asyncio.Event()
        self._loaded = meters.gauge("tocsin_rules_loaded_timestamp_seconds")()
        self._failures = meters.counter("tocsin_rules_reload_failures_total")()
        meters.gauge("tocsin_rules_last_reload_ok")().set_function(lambda: self.note() is None)
        self._loaded.set(time())

    def note(self) -> str | None:
        """For an operator: that the file was changed, and cannot be used or applied; else None."""
        if self._refused:
            first = next(one for one in self._refused if one.level == "error")
            return f"the rules file cannot be used, the rules before it hold: {first}"
        if self._untaken is not None:
            return f"the changed rules are not taken yet, the rules before them hold: {self._untaken}"
        return None

    async def watch(self) -> None:
        """Look at the file every two seconds, and on SIGHUP, until cancelled. Without a file there is nothing to do."""
        if self._path is None:
            return
        with on_hangup(self._asked.set):
            while True:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._asked.wait(), LOOK_EVERY)
                at_once = self._asked.is_set()
                self._asked.clear()
                try:
                    await self.look(at_once=at_once)
                except Exception as wrong:
                    self._not_taken(wrong)

    async def look(self, *, at_once: bool = False) -> bool:
        """Take the file if its content changed and the look before found the same, or anyway with `at_once`, which
        looks twice; whether new rules are in force now. Raises what `on_new` raises: then the next look tries again."""
        if self._path is None:
            return False
        content = await asyncio.to_thread(read_content, self._path)
        if at_once:
            self._candidate = _fingerprint(content)
            await asyncio.sleep(SETTLES_WITHIN)
            content = await asyncio.to_thread(read_content, self._path)
        seen = _fingerprint(content)
        if seen != self._candidate:
            self._candidate = seen
            if at_once:
                self._asked.set()
            return False
        if seen == self._seen and not at_once:
            return False
        # until it is applied or refused: whatever fails in between, the next look tries again
        self._seen = _UNTAKEN
        book, findings = await asyncio.to_thread(self._read, content)
        for finding in findings:
            _log.warning("rules file", finding=str(finding))
        if book is None:
            self._seen, self._refused, self._untaken = seen, findings, None
            self._failures.inc()
            _log.error("rules not changed: the file cannot be used", file=str(self._path))
            return False
        self._refused = []
        await self._take(book)
        self._seen = seen
        return True

    async def _take(self, book: RuleBook) -> None:
        if self.on_new is not None:
            await self.on_new(book)
        self.book, self._untaken = book, None
        self._loaded.set(time())
        _log.info("rules changed", file=str(self._path), endpoints=len(book.endpoints), routes=len(book.routes))

    def _not_taken(self, wrong: Exception) -> None:
        why = f"{type(wrong).__name__}: {wrong}"
        if why != self._untaken:  # it is tried again at every look, and logged once
            self._failures.inc()
            _log.error("rules not changed", file=str(self._path), exc_info=wrong)
        self._untaken = why

    def _first(self) -> RuleBook:
        if self._path is None:
            return default_rulebook()
        content = read_content(self._path)
        book, findings = self._read(content)
        if book is None:
            raise RulesFileError(findings)
        self._seen = self._candidate = _fingerprint(content)
        return book

    def _read(self, content: bytes | OSError) -> tuple[RuleBook | None, list[Finding]]:
        assert self._path is not None
        return read_rules(self._path, own=self._own, content=content)


def _fingerprint(content: bytes | OSError) -> str:
    """A digest of the content: its time stamp may stay the same, or change alone."""
    if isinstance(content, OSError):
        return f"cannot be read: {content.strerror}"
    return sha256(content).hexdigest()


def own_addresses(settings: Settings) -> tuple[str, ...]:
    """The base URLs of this bus's own gateway, as far as the settings name them."""
    hosts = ("127.0.0.1", settings.host) if settings.host in ("0.0.0.0", "::", "localhost") else (settings.host,)
    urls = [f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}" for host in hosts]
    public = [settings.public_url] if settings.public_url else []
    return tuple(public + (urls if settings.port else []))
