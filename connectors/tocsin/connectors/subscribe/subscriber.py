"""The subscriber: the events of public topics, decoded and filtered, each at least once.

What is committed is done: a handler has returned, or the event is a dead letter. Killed anywhere, the events that were
in hand, and those of the last half second, come again with the same `event_id`, in the order of their case.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from tocsin.connectors.kafka_security import Kafka, KafkaSecurity, checked_address
from tocsin.connectors.subscribe.handling import Handler, Handling
from tocsin.connectors.subscribe.reading import Poison, group_of
from tocsin.connectors.subscribe.retries import USUAL, Retries
from tocsin.connectors.subscribe.told import Iterated
from tocsin.connectors.subscribe.troubles import Troubles
from tocsin.connectors.subscribe.waiting import NOT_KNOWN_YET, Reader
from tocsin.connectors.subscribe.wanted import Wanted, Words

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord

    from tocsin.connectors.subscribe.consuming import Consuming
    from tocsin.connectors.subscribe.dead_letters import DeadLetters
    from tocsin.connectors.subscribe.threads import SyncSubscriber

log = logging.getLogger("tocsin.subscribe")


class Subscriber(Iterated):
    """Reads in the consumer group `group`: several processes of one group share the events, each group gets them all.

    Use it as an async context manager, and either iterate over it or `run` a handler; one of them at a time. It waits
    while Kafka is away and says so (`trouble`, and the log of `tocsin.subscribe`).
    """

    def __init__(
        self,
        bootstrap: str | None = None,
        *,
        group: str,
        kinds: type | str | Iterable[type | str] = (),
        codes: Words = (),
        tenants: Words = (),
        severities: Words = (),
        topics: Words = (),
        start: Literal["beginning", "now"] = "beginning",
        retries: Retries = USUAL,
        at_once: int = 1,
        timeout: float | None = None,
        drain_within: float = 10.0,
        schema_within: float = 600.0,
        prefix: str | None = None,
        security: KafkaSecurity | None = None,
        kafka: Mapping[str, Any] | None = None,
    ) -> None:
        """`bootstrap`, `prefix`, `security`: absent, those of the variables TOCSIN_BOOTSTRAP, TOCSIN_PREFIX and
        TOCSIN_KAFKA_*. `kinds`, `codes`, `tenants`, `severities`: one or several, what is wanted (docs/subscribe.md).
        `start`: where a group begins that has never read. `retries`, `at_once` (calls at the same time, of different
        cases), `timeout` (seconds of one call of an async handler): for `run`. `drain_within`: seconds that handlers
        have at the end. `schema_within`: seconds that a schema of a newer Tocsin is waited for, from when this process
        first missed it (inf: for ever); then its records are dead letters. `kafka`: further settings
        of AIOKafkaConsumer. Raises ValueError, SecurityUnusable."""
        if not group or len(group) > 200:
            raise ValueError("group: the name of the consumer group is needed, at most 200 characters")
        if start not in ("beginning", "now"):
            raise ValueError(f"start={start!r}: beginning or now is expected")
        if at_once < 1:
            raise ValueError(f"at_once={at_once}: at least 1 is expected")
        if not schema_within >= 0:
            raise ValueError(f"schema_within={schema_within}: seconds, at least 0, are expected")
        self._wanted = Wanted(kinds=kinds, codes=codes, tenants=tenants, severities=severities, topics=topics)
        self._at = _kafka_at(bootstrap, security)
        self._prefix = os.environ.get("TOCSIN_PREFIX", "tocsin.") if prefix is None else prefix
        self.group, self._start, self._retries = group, start, retries
        self._at_once, self._timeout, self._drain_within = at_once, timeout, drain_within
        self._schema_within, self._kafka = schema_within, dict(kafka or {})
        self._troubles, self._unreadable = Troubles(), 0
        self._stop = asyncio.Event()
        self._consuming: Consuming | None = None
        self._handling: Handling | None = None
        self._letters: DeadLetters | None = None
        self._reader: Reader | None = None

    @classmethod
    def sync(cls, bootstrap: str | None = None, **settings: Any) -> SyncSubscriber:
        """The same for plain threads: `with Subscriber.sync(...) as events: for told in events: ...`."""
        from tocsin.connectors.subscribe.threads import SyncSubscriber

        return SyncSubscriber(lambda: cls(bootstrap, **settings))

    async def run(self, handler: Handler) -> None:
        """Call `handler(told)` for each event until `stop`: an async function, or a plain one, which runs in a thread.

        What it raises is tried again by `retries`, then put aside as a dead letter; `raise DeadLetter(why)` does so at
        once. Events of one case come one after the other. Raises SubscribeRefused, TooManyDeadLetters.
        """
        # Not at the top: aiokafka takes long to import, and who only names a Subscriber does not need it yet.
        from tocsin.connectors.subscribe.consuming import Consuming, Consumption
        from tocsin.connectors.subscribe.dead_letters import DeadLetters
        from tocsin.connectors.subscribe.newer_schemas import learn_schemas
        from tocsin.schemas.schema_book import SchemaBook

        if self._consuming is not None:
            raise RuntimeError("this Subscriber is read already, or was: make another one")
        book = SchemaBook()
        learn = partial(learn_schemas, self._at, self._prefix, book)
        self._reader = Reader(book, learn, self._troubles, self._schema_within)
        letters = self._letters = DeadLetters(self._at, self._prefix, self.group, self._troubles)
        handling = self._handling = Handling(
            handler, retries=self._retries, at_once=self._at_once, timeout=self._timeout
        )
        topics = [self._prefix + topic for topic in self._wanted.topics]
        what = Consumption(self._at, self.group, topics, self._start, kafka=self._kafka)
        self._consuming = Consuming(what, self._work, lambda: handling.busy, self._troubles)
        try:
            await self._consuming.run(self._stop, self._drain_within)
        finally:
            await letters.close()

    def stop(self) -> None:
        """End `run`, or the iteration, when what the handlers have now is done. From the same thread."""
        self._stop.set()

    def lag(self) -> dict[tuple[str, int], int]:
        """Records of each partition that is held here (topic in Kafka, number) that are not done yet, as far as the
        consumer has heard of them; wanted or not."""
        lags = {} if self._consuming is None else self._consuming.lags()
        return {(place.topic, place.partition): lag for place, lag in lags.items()}

    def trouble(self) -> str | None:
        """What is waited for, in words for an operator; None while it reads."""
        return self._troubles.note()

    def counts(self) -> Mapping[str, int]:
        """Since `run` began: events that were `handled`, calls that were `retried`, events that became `dead` letters
        by their handler, records that were `unreadable` (dead letters, too)."""
        return {} if self._handling is None else {**self._handling.counts(), "unreadable": self._unreadable}

    async def _work(self, record: ConsumerRecord) -> None:
        """Returns when the record is done with: handled, put aside, or not for us."""
        assert self._handling is not None
        assert self._letters is not None
        assert self._reader is not None
        group = group_of(record.headers)
        if group not in (None, self.group):
            return
        try:
            topic = record.topic.removeprefix(self._prefix)
            told = await self._reader.read(record, topic, replayed=group is not None)
        except Poison as poison:
            self._note_poison(record, poison)
            async with self._handling.not_given_up():
                await self._letters.bury(record, poison.reason, poison.detail)
            return
        if self._wanted.wants(told.event):
            await self._handling.handle(told, partial(self._letters.bury, record))

    def _note_poison(self, record: ConsumerRecord, poison: Poison) -> None:
        """The 1st, 10th, 100th, ... in the log: a flood of them must not be one of lines."""
        self._unreadable += 1
        if poison.reason == NOT_KNOWN_YET:
            return  # said when its schema was given up
        if set(str(self._unreadable)[1:]) <= {"0"} and str(self._unreadable)[0] == "1":
            place = f"{record.topic}/{record.partition}@{record.offset}"
            log.error("%s is no event (%s); there were %d such, all are dead letters", place, poison, self._unreadable)


def _kafka_at(bootstrap: str | None, security: KafkaSecurity | None) -> Kafka:
    given = bootstrap or os.environ.get("TOCSIN_BOOTSTRAP", "")
    if not given:
        raise ValueError("Subscriber needs Kafka's address, HOST:PORT: its first argument, or TOCSIN_BOOTSTRAP")
    return Kafka(checked_address(given), security or KafkaSecurity.from_environment(os.environ))
