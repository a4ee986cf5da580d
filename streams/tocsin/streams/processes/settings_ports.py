"""The topic `settings`, as the gateway's routes for silences and API keys see it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import time_ns

from aiokafka.errors import KafkaConnectionError, KafkaError

from tocsin.connectors.access import ApiKeys
from tocsin.connectors.gateway.silences import FileSilence
from tocsin.connectors.publish import KafkaAway, PublishUnconfirmed
from tocsin.schemas.events import KeySet, SilenceSet
from tocsin.streams.processes.rules_read import RulesAsRead, RulesUnreadable
from tocsin.streams.rules.config import RuleBook
from tocsin.streams.rules.reach import excludes
from tocsin.streams.silences.settings_topic import SettingsTopic
from tocsin.streams.silences.silences import SilenceUnusable, match_of


def silences_of_file(book: RuleBook, now: int, tenant: str | None) -> list[FileSilence]:
    """The silences of a rules file that have not ended (`now` in microseconds), those that end first before the
    others; without those that say that they are another tenant's than this one."""
    standing = (one for one in book.silences if one.until > now and (tenant is None or not excludes(one.match, tenant)))
    found = (FileSilence(one.name, one.since, one.until, one.by, one.why) for one in standing)
    return sorted(found, key=lambda one: (one.ends_at, one.name))


class SettingsSilences:
    """A `SilencePort` on an open SettingsTopic."""

    def __init__(self, settings: SettingsTopic, rules: RulesAsRead) -> None:
        self._settings, self._rules = settings, rules

    def current(self) -> tuple[SilenceSet, ...]:
        """Those that have not ended."""
        return self._settings.silences.current()

    def expired(self) -> tuple[SilenceSet, ...]:
        """Those that ended by themselves within the last day."""
        return self._settings.silences.expired()

    async def of_file(self, tenant: str | None) -> Sequence[FileSilence]:
        """As SilencePort; of a file that cannot be used none is in force."""
        try:
            await self._rules.look()
        except RulesUnreadable:
            return ()
        return silences_of_file(self._rules.book, time_ns() // 1000, tenant)

    def refusal(self, silence: SilenceSet) -> str | None:
        """The reason why the rules cannot use it, or None."""
        try:
            match_of(silence.matchers)
        except SilenceUnusable as unusable:
            return str(unusable)
        return None

    async def store(self, silence: SilenceSet) -> None:
        """Store it; raises PublishUnconfirmed (KafkaAway: nothing was sent) when Kafka did not acknowledge it."""
        with _publishing(silence.event_id):
            await self._settings.put_silence(silence)


class SettingsKeys:
    """A `KeyPort` on an open SettingsTopic."""

    def __init__(self, settings: SettingsTopic) -> None:
        self._settings = settings
        self.keys: ApiKeys = settings.keys

    async def put(self, event: KeySet) -> None:
        """Store it; raises PublishUnconfirmed (KafkaAway: nothing was sent) when Kafka did not acknowledge it."""
        with _publishing(event.event_id):
            await self._settings.put_key(event)


@contextmanager
def _publishing(event_id: str) -> Iterator[None]:
    try:
        yield
    except KafkaConnectionError as error:
        raise KafkaAway(event_id) from error
    except KafkaError as error:
        raise PublishUnconfirmed(event_id) from error
