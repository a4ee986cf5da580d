"""A broken record of `settings`, kept in `dead`: by a gateway that runs when it comes."""

from __future__ import annotations

from tocsin.connectors.kafka import open_producer
from tocsin.connectors.kafka.dead_letters import dead_headers, within_bounds
from tocsin.streams.engine.dead import DEAD_TOPIC, LARGEST_LETTER
from tocsin.streams.topology import CARRIER_LIMIT, topic_name

SETTINGS_STAGE, REASON = "settings", "setting_unusable"
"""Letters of this stage are not replayed: each gateway would keep the record again, and it would stand over a setting
that was corrected since."""


class BrokenToDead:
    """For `SettingsTopic(on_broken=...)`: writes the record with why and where from. Each gateway writes one; they say
    the same topic, partition and offset."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self._bootstrap, self._prefix = bootstrap, prefix

    async def __call__(self, key: bytes, value: bytes, offset: int, why: str) -> None:
        """Returns once Kafka has it. Raises KafkaError: then the topic tells it again."""
        bounded_key, bounded, cut = within_bounds(key, value, (), LARGEST_LETTER)
        headers = dead_headers(topic_name(self._prefix, "settings"), 0, offset, SETTINGS_STAGE, REASON, why)
        async with open_producer(self._bootstrap, max_request_size=CARRIER_LIMIT) as producer:
            await producer.send_and_wait(
                topic_name(self._prefix, DEAD_TOPIC), bounded, key=bounded_key, headers=[*cut, *headers]
            )
