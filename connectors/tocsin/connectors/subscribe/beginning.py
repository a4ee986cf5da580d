"""Where a group begins that never read, with `start="now"`: at the end of what there is, and that is on record before
the first event is read.

Kafka's own "latest" does not say that: it holds for whatever has no offset, so also for a partition that is added, and
for records that were deleted before the group came to them; what there is would be passed over in silence.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka.errors import CommitFailedError
from aiokafka.structs import OffsetAndMetadata

from tocsin.connectors.kafka import CLOSE_WITHIN, BoundedConsumer, ended_within, partitions_of

log = logging.getLogger("tocsin.subscribe")


async def begin_now(settings: Mapping[str, Any], topics: Sequence[str]) -> None:
    """Commit the end of each topic of which the group has committed nothing; before it is joined. `settings` are those
    of the group's consumer. Nobody is a member meanwhile: Kafka refuses it as soon as somebody is, who has done the
    same before (so of several that start together, none takes back what another has read). Killed before the commit,
    the group never began. Raises KafkaError."""
    consumer = BoundedConsumer(**settings)
    try:
        await consumer.start()
        places = [place for topic in topics for place in await partitions_of(consumer, topic)]
        consumer.assign(places)
        consumer.pause(*places)  # nothing is fetched
        known = dict(zip(places, await asyncio.gather(*map(consumer.committed, places)), strict=True))
        read = {place.topic for place, offset in known.items() if offset is not None}
        new = [place for place in places if place.topic not in read]
        if not new:
            return
        ends = await consumer.end_offsets(new)
        names = ", ".join(sorted({place.topic for place in new}))
        try:
            await consumer.commit({place: OffsetAndMetadata(ends[place], "") for place in new})
        except CommitFailedError:
            log.warning("the group is read by others, and none of them reads %s: all of it is read", names)
        else:
            log.info("the group has read nothing of %s (or Kafka has forgotten it): it begins now", names)
    finally:
        await ended_within(CLOSE_WITHIN, consumer.stop())
