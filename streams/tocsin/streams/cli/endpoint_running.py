"""Endpoints that were made while the bus runs, for the commands that ask Kafka itself: found, checked, opened."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from difflib import get_close_matches

from aiokafka.errors import KafkaError

from tocsin.connectors.printable import clipped
from tocsin.connectors.sealing import seal_keys_of
from tocsin.schemas.events import SubscriptionSet
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.cli.settings_topic import settings_topic
from tocsin.streams.processes.answers_topic import AnswersTopic
from tocsin.streams.processes.endpoint_states import EndpointStates
from tocsin.streams.processes.exit_codes import CHECK_FAILED, CommandFailed
from tocsin.streams.processes.kafka import kafka_unreachable, reachable
from tocsin.streams.processes.subscriptions import RunningSubscriptions
from tocsin.streams.rules.config import Endpoint
from tocsin.streams.settings import Settings
from tocsin.streams.silences.settings_topic import SettingsTopic
from tocsin.streams.silences.subscriptions import Subscriptions
from tocsin.streams.subscriptions.endpoints import SubscriptionUnusable, endpoint_of


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[tuple[RunningSubscriptions, Subscriptions]]:
    """What may be done with subscriptions, and those that there are. Raises ServiceUnreachable, SealKeyUnusable."""
    keys = seal_keys_of(settings.seal_key)
    bootstrap = await reachable(settings)
    try:
        async with (
            SettingsTopic(bootstrap, settings.prefix, SchemaBook(), "cli") as topic,
            AnswersTopic(bootstrap, settings.prefix, SchemaBook()) as answers,
            EndpointStates(bootstrap, settings.prefix) as states,
        ):
            yield RunningSubscriptions(bootstrap, settings, topic, keys, answers, states), topic.subscriptions
    except KafkaError as error:
        raise kafka_unreachable(bootstrap, error) from error


async def made_while_running(settings: Settings) -> list[SubscriptionSet]:
    """All of them, of every tenant, by name. Raises ServiceUnreachable."""
    async with settings_topic(settings) as topic:
        return topic.subscriptions.current()


def as_endpoint(event: SubscriptionSet) -> Endpoint | None:
    """What the rules know of it; None when it cannot be used."""
    try:
        return endpoint_of(event)
    except SubscriptionUnusable:
        return None


def unknown(name: str, known: Collection[str]) -> CommandFailed:
    """The failure for a name that no endpoint has, with a guess."""
    guess = get_close_matches(name, known, n=1)
    meant = f"did you mean {guess[0]}?" if guess else f"there are {', '.join(sorted(known)[:20]) or 'none'}"
    return CommandFailed(CHECK_FAILED, f"there is no endpoint {clipped(name, 60)}: {meant}")
