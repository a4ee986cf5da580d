"""What the gateway does by DIDComm, as the settings have it: who is who, and fetching at a mediator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import msgspec

from tocsin.connectors.didcomm.mediator.pickup import Pickup, Take, Taken
from tocsin.connectors.didcomm.mediator.talking import Mediator
from tocsin.connectors.didcomm.packer import open_packer
from tocsin.connectors.didcomm.port import Packer
from tocsin.connectors.egress.transport import Transport
from tocsin.connectors.files import read_file
from tocsin.connectors.gateway.didcomm import Connection, DidcommConfig, Receiver, Traced
from tocsin.connectors.gateway.problems import Refusal
from tocsin.streams.processes.didcomm_packer import packer_config, tenants_of_keys
from tocsin.streams.processes.lifecycle import beside
from tocsin.streams.settings import ENV_PREFIX, Settings, SettingsInvalid

MAX_FILE = 1024 * 1024
FAULTS = (429, 500, 503)
"""Statuses of refusals that say nothing of the message: it is fetched again."""


TIMEOUT = 15.0
"""Seconds of one request to a mediator."""


@asynccontextmanager
async def opened_keys(settings: Settings) -> AsyncIterator[Packer | None]:
    """Our keys, until the block ends; None where there are none. Raises SettingsInvalid and KeysUnusable."""
    config = packer_config(settings)
    if config is None:
        if settings.didcomm_mediator is not None:
            why = "there are no keys to fetch messages with: make some with `tocsin didcomm keys create`"
            raise SettingsInvalid([f"{ENV_PREFIX}DIDCOMM_MEDIATOR: {why}"])
        yield None
        return
    async with open_packer(config) as packer:
        yield packer


@asynccontextmanager
async def mediator_of(settings: Settings, packer: Packer, did: str) -> AsyncIterator[Mediator]:
    """A mediator, asked through the egress guard, until the block ends. Raises SettingsInvalid where we have no DID."""
    config = packer_config(settings)
    own = own_did(packer)
    if config is None or own is None:
        raise SettingsInvalid([f"{ENV_PREFIX}DIDCOMM_KEYS: there is no DID in it that is in use"])
    config = msgspec.structs.replace(config, timeout=TIMEOUT)
    async with Transport(config, user_agent="tocsin-didcomm") as transport:
        yield Mediator(packer, transport, did, own, private=settings.didcomm_private)


@asynccontextmanager
async def fetching(settings: Settings, packer: Packer | None, receiver: Receiver | None) -> AsyncIterator[None]:
    """Fetch at the mediator, if there is one, while the block runs."""
    if settings.didcomm_mediator is None or packer is None or receiver is None:
        yield
        return
    async with mediator_of(settings, packer, settings.didcomm_mediator) as mediator:
        pickup = Pickup(mediator, take_with(receiver), settings.didcomm_interval, receiver.count_round)
        async with beside(pickup.run()):
            yield


def own_did(packer: Packer) -> str | None:
    """The DID that we use where nobody says which."""
    dids = {own.name: own.did for own in reversed(packer.own) if own.current and own.did}
    return dids.get("default") or next(reversed(dids.values()), None)


def didcomm_config(settings: Settings) -> DidcommConfig:
    """Who is who. Raises SettingsInvalid for a file of connections that cannot be used."""
    return DidcommConfig(
        default_tenant=settings.tenant,
        tenants=tenants_of_keys(settings),
        connections=() if settings.didcomm_connections is None else _connections(settings.didcomm_connections),
        strangers=settings.didcomm_strangers,
        activity=settings.didcomm_activity,
        column=settings.didcomm_answers,
    )


def take_with(receiver: Receiver) -> Take:
    """How the pickup client hands over what it fetched: as what comes by HTTP, but nothing can go back."""

    async def take(content: bytes) -> Taken:
        try:
            receiver.admit()
            taken = await receiver.take(content, Traced(request_id=str(uuid4())), exchange=False)
        except Refusal as refusal:
            return Taken.LATER if refusal.kind.status in FAULTS else Taken.DONE
        return Taken.UNSURE if taken.again else Taken.DONE

    return take


def _connections(file: Path) -> tuple[Connection, ...]:
    try:
        found = msgspec.json.decode(read_file(file, MAX_FILE + 1), type=tuple[Connection, ...])
    except OSError as error:
        raise _unusable(file, error.strerror or "it cannot be read") from None
    except msgspec.MsgspecError as error:
        raise _unusable(file, str(error)) from None
    if any(not each.peer or not each.connection for each in found):
        raise _unusable(file, "a peer and a connection have a name each")
    return found


def _unusable(file: Path, why: str) -> SettingsInvalid:
    return SettingsInvalid([f"{ENV_PREFIX}DIDCOMM_CONNECTIONS: {file}: {why}"])
