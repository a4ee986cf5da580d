"""The rules in force while a process runs: a changed rules file is read, checked whole and taken in one assignment.

A file that cannot be used changes nothing: the rules before it stay, every finding is logged, `/readyz` notes it and a
metric counts it (RELIABILITY F25). SIGHUP reads the file at once, also when only its secret files changed; secrets in
environment variables stay as they were when the process began.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from time import time

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from tocsin.streams.rules.rulebook import RuleBook
from tocsin.streams.rulesfile import Finding, load_rulebook, read_rules
from tocsin.streams.rulesfile.document import MAX_BYTES
from tocsin.streams.settings import Settings

LOOK_EVERY = 2.0
"""Seconds between two looks at the file."""

_log = structlog.get_logger("tocsin.rules")

OnNew = Callable[[RuleBook], Awaitable[None]]
"""Called with the rules that are in force from now on."""


class WatchedRules:
    """The rules of `settings.rules`; `book` is what holds now. Raises RulesFileError when the first cannot be used."""

    def __init__(self, settings: Settings, registry: CollectorRegistry) -> None:
        self._path, self._own = settings.rules, own_addresses(settings)
        self.on_new: OnNew | None = None
        self._seen = self._fingerprint()
        self.book = load_rulebook(self._path, own=self._own)
        self._refused: list[Finding] = []
        self._asked = asyncio.Event()
        self._loaded = Gauge(
            "tocsin_rules_loaded_timestamp_seconds", "When the rules in force were loaded.", registry=registry
        )
        self._failures = Counter(
            "tocsin_rules_reload_failures", "Changed rules files that could not be used.", registry=registry
        )
        self._loaded.set(time())

    def note(self) -> str | None:
        """What an operator should know: that the file was changed and cannot be used."""
        if not self._refused:
            return None
        first = next(one for one in self._refused if one.level == "error")
        return f"the rules file cannot be used, the rules before it hold: {first}"

    async def watch(self) -> None:
        """Look at the file every two seconds, and on SIGHUP, until cancelled. Without a file there is nothing to do."""
        if self._path is None:
            return
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._asked.set)
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._asked.wait(), LOOK_EVERY)
                at_once = self._asked.is_set()
                self._asked.clear()
                try:
                    await self.look(at_once=at_once)
                except Exception:
                    # whatever it was: the rules before hold, and the file is looked at again when it changes
                    self._failures.inc()
                    _log.exception("rules not changed", file=str(self._path))
        finally:
            loop.remove_signal_handler(signal.SIGHUP)

    async def look(self, *, at_once: bool = False) -> bool:
        """Take the file if its content changed, or anyway with `at_once`; whether new rules are in force now."""
        if self._path is None:
            return False
        seen = await asyncio.to_thread(self._fingerprint)
        if seen == self._seen and not at_once:
            return False
        self._seen = seen
        book, findings = await asyncio.to_thread(read_rules, self._path, None, self._own)
        for finding in findings:
            _log.warning("rules file", finding=str(finding))
        if book is None:
            self._refused = findings
            self._failures.inc()
            _log.error("rules not changed: the file cannot be used", file=str(self._path))
            return False
        await self._take(book)
        return True

    async def _take(self, book: RuleBook) -> None:
        if self.on_new is not None:
            await self.on_new(book)
        self.book, self._refused = book, []
        self._loaded.set(time())
        _log.info("rules changed", file=str(self._path), endpoints=len(book.endpoints), routes=len(book.routes))

    def _fingerprint(self) -> str:
        """Of the content: a time stamp may stay the same, or change alone."""
        if self._path is None:
            return ""
        try:
            with Path(self._path).open("rb") as opened:
                return sha256(opened.read(MAX_BYTES + 1)).hexdigest()
        except OSError as error:
            return f"cannot be read: {error.strerror}"


def own_addresses(settings: Settings) -> tuple[str, ...]:
    """The base URLs of this bus's own gateway, as far as the settings tell."""
    hosts = ("127.0.0.1", settings.host) if settings.host in ("0.0.0.0", "::", "localhost") else (settings.host,)
    urls = [f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}" for host in hosts]
    public = [settings.public_url] if settings.public_url else []
    return tuple(public + (urls if settings.port else []))
