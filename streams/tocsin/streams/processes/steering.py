"""Commands to endpoints of the rules file, as an operator gives them over HTTP; the same as `tocsin
endpoint enable`."""

from __future__ import annotations

from time import time_ns

from aiokafka.errors import KafkaError

from tocsin.connectors.kafka import Kafka, open_producer
from tocsin.connectors.publish import PublishUnconfirmed, cloud_event_headers
from tocsin.schemas.codec import encode
from tocsin.schemas.events import EndpointCommand, EndpointCommandKind
from tocsin.streams.rulesfile import endpoint_names
from tocsin.streams.settings import Settings
from tocsin.streams.topology import topic_name


class Steering:
    """A `SteeringPort` that writes to `deliveries`."""

    def __init__(self, bootstrap: Kafka, settings: Settings) -> None:
        self._bootstrap, self._settings = bootstrap, settings

    async def steer(self, name: str, kind: EndpointCommandKind, by: str, why: str | None, ident: str) -> str | None:
        """Store the command. Raises PublishUnconfirmed."""
        settings, now = self._settings, time_ns() // 1000
        if name not in endpoint_names(settings.rules):
            return None
        command = EndpointCommand(
            event_id=ident, tenant=settings.tenant, occurred_at=now, recorded_at=now, endpoint=name, kind=kind, by=by,
            why=why,
        )  # fmt: skip
        topic, headers = topic_name(settings.prefix, "deliveries"), cloud_event_headers(command, b"tocsin:gateway")
        try:
            async with open_producer(self._bootstrap) as producer:  # so rarely that no connection is kept
                await producer.send_and_wait(topic, encode(command), key=name.encode(), headers=headers)
        except KafkaError as error:
            raise PublishUnconfirmed("", f"Kafka did not acknowledge it ({type(error).__name__}): repeat it") from error
        return settings.tenant
