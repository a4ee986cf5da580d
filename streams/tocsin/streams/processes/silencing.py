"""The gateway's silences: kept in the topic `settings`."""

from __future__ import annotations

from aiokafka.errors import KafkaConnectionError, KafkaError

from tocsin.connectors.publish import KafkaAway, PublishUnconfirmed
from tocsin.schemas.events import SilenceSet
from tocsin.streams.silences.settings_topic import SettingsTopic
from tocsin.streams.silences.silences import SilenceUnusable, match_of


class SettingsSilences:
    """A `SilencePort` on an open SettingsTopic."""

    def __init__(self, settings: SettingsTopic) -> None:
        self._settings = settings

    def current(self) -> tuple[SilenceSet, ...]:
        """Those that have not ended."""
        return self._settings.silences.current()

    def refusal(self, silence: SilenceSet) -> str | None:
        """Why the rules cannot use it, or None."""
        try:
            match_of(silence.matchers)
        except SilenceUnusable as unusable:
            return str(unusable)
        return None

    async def store(self, silence: SilenceSet) -> None:
        """Store it; raises PublishUnconfirmed (KafkaAway: nothing was sent) when Kafka did not say that it has it."""
        try:
            await self._settings.put_silence(silence)
        except KafkaConnectionError as error:
            raise KafkaAway(silence.event_id) from error
        except KafkaError as error:
            raise PublishUnconfirmed(silence.event_id) from error
