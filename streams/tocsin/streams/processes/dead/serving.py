"""Single dead letters for the gateway: shown without secrets, and replayed as `tocsin dead replay` does it."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from aiokafka.errors import KafkaError

from tocsin.connectors.printable import printable
from tocsin.connectors.publish import PublishUnconfirmed
from tocsin.connectors.redaction import Redactions, redact_text, redact_value
from tocsin.schemas.errors import TocsinError
from tocsin.schemas.events import ActivityObserved, CommandIssued, DeliveryAttempt, DeliveryRequested, ProblemReported
from tocsin.streams.ask.dead_facts import LettersAway, ReplayOutcome, ShownLetter
from tocsin.streams.engine.dead import GATEWAY_STAGE
from tocsin.streams.processes.dead.index import letters_of
from tocsin.streams.processes.dead.letter import Opened
from tocsin.streams.processes.dead.replaying import refusals, write_one
from tocsin.streams.processes.exit_codes import CHECK_FAILED, CommandFailed
from tocsin.streams.settings import Settings

WITHIN = 10.0
"""Seconds that reading one letter, and the notes behind it, may take."""

AT_ONCE = 4
"""Letters that are read at a time; who comes beyond them waits for a turn, within the same seconds."""

SHOWN = 4096
"""Bytes of what is no event that are shown."""

UNSURE = "Kafka did not acknowledge it: it may be written, and not noted. A repeat does no harm."

OF_TENANTS = (ProblemReported, ActivityObserved, CommandIssued, DeliveryRequested, DeliveryAttempt)
"""What a tenant may have replayed by itself: what it sent, and what it is sent. A command to an endpoint, say, may be
the operator's word, whatever tenant stands in it."""


class DeadLetters:
    """A `DeadPort` over Kafka. A consumer is opened for each letter: it is asked for by people, and rarely."""

    def __init__(self, settings: Settings, redactions: Redactions) -> None:
        self._settings, self._redactions = settings, redactions
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def letter(self, partition: int, offset: int) -> ShownLetter | None:
        """The letter, of whatever tenant. Raises LettersAway."""
        found = await self._read(partition, offset)
        return None if found is None else self._shown(*found)

    async def replay(self, partition: int, offset: int, by: str, *, tenant: str | None, again: bool) -> ReplayOutcome:
        """Write it to its topic once more and note that. Raises LettersAway, PublishUnconfirmed."""
        found = await self._read(partition, offset)
        if found is None or (tenant is not None and found[0].tenant != tenant):
            return ReplayOutcome(outcome="not_found", detail="")
        opened, replayed = found
        if why := self._refusal(opened, tenant):
            return ReplayOutcome(outcome="refused", detail=f"It cannot be replayed: {why}.")
        if replayed and not again:
            return ReplayOutcome(outcome="already_so", detail="It was replayed already.", topic=opened.topic)
        try:
            await write_one(self._settings, opened, by)
        except CommandFailed as failed:
            if failed.exit_code != CHECK_FAILED:
                raise PublishUnconfirmed("", UNSURE) from failed
            return ReplayOutcome(outcome="refused", detail=f"It was {failed}.")
        except TocsinError as error:
            raise PublishUnconfirmed("", UNSURE) from error
        what = f"It is on {opened.topic} again, under the same id: what comes of it is decided anew."
        return ReplayOutcome(outcome="replayed", detail=what, topic=opened.topic)

    async def _read(self, partition: int, offset: int) -> tuple[Opened, bool] | None:
        try:
            async with asyncio.timeout(WITHIN), self._turns, letters_of(self._settings) as letters:
                return await letters.one(partition, offset)
        except (KafkaError, TimeoutError, TocsinError) as error:
            raise LettersAway(type(error).__name__) from error

    def _refusal(self, opened: Opened, tenant: str | None) -> str | None:
        if tenant is not None and not isinstance(opened.event, OF_TENANTS):
            return "only who may see every tenant may replay what is no report, activity, command or delivery"
        return refusals(self._settings)(opened)

    def _shown(self, opened: Opened, replayed: bool) -> ShownLetter:
        claimed = opened.event is None
        tenant = opened.tenant or opened.headers.get("tocsin.tenant") or None
        redaction = self._redactions(tenant or self._settings.tenant)
        fields: dict[str, Any] = msgspec.to_builtins(opened.letter(replayed))
        del fields["id"], fields["replayed"]
        content, text = None, None
        if opened.event is not None:
            content = redact_value(_readable(msgspec.to_builtins(opened.event, builtin_types=(bytes,))), redaction)
        elif opened.stage == GATEWAY_STAGE or opened.record.value:
            text = redact_text(_printable(opened.record.value or b""), redaction)
        return ShownLetter(
            tenant=tenant,
            claimed=claimed,
            fields={name: redact_value(value, redaction) for name, value in fields.items()},
            headers={name: redact_text(value[:SHOWN], redaction) for name, value in opened.headers.items()},
            content=content,
            text=text,
            replayed=replayed,
            refusal=refusals(self._settings)(opened),
        )


def _readable(value: Any) -> Any:
    """An event as JSON types: of bytes the text that they are, or how many there are."""
    if isinstance(value, dict):
        return {name: _readable(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_readable(inner) for inner in value]
    if isinstance(value, bytes):
        return _printable(value)
    return value


def _printable(value: bytes) -> str:
    """Bytes as text, in which what is no text is escaped."""
    more = f" ... ({len(value)} bytes)" if len(value) > SHOWN else ""
    return "\n".join(printable(line) for line in value[:SHOWN].decode("utf-8", "backslashreplace").splitlines()) + more
