"""The whole gateway over a store that was filled as the projector fills it, on both databases."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from msgspec import Struct

from tests.connectors.gateway.conftest import serving
from tests.connectors.gateway.test_scopes import whole_app
from tests.harness.databases import new_database
from tests.harness.keys import Keyring
from tests.harness.stored import Story, take_up
from tests.streams.ask.world import STORY
from tocsin.connectors.store import Store, address_of


class Answer(Struct, frozen=True):
    """What a question was answered."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Gateway:
    """A gateway that is asked by acme."""

    def __init__(self, http: aiohttp.ClientSession, keyring: Keyring) -> None:
        self.http, self.keyring = http, keyring
        self.acme = keyring.header("acme")

    async def get(self, path: str, headers: Mapping[str, str] | None = None, **more: str) -> Answer:
        """The answer to a GET; `more` are headers by their names with `_` for `-`."""
        named = {name.replace("_", "-"): value for name, value in more.items()}
        async with self.http.get(path, headers={**(headers or self.acme), **named}) as answer:
            return Answer(answer.status, await answer.read(), answer.headers)


@asynccontextmanager
async def gateway_over(address: str, **more: Any) -> AsyncIterator[Gateway]:
    """A gateway over the store of an address."""
    keyring = Keyring()
    async with (
        Store(address_of(address)) as store,
        serving(whole_app(keyring, store, **{"anonymous": "off"} | more)) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http,
    ):
        yield Gateway(http, keyring)


def fill(address: str, story: Story = STORY) -> None:
    """Take a story up into the store of an address."""
    with ThreadPoolExecutor(1) as beside:  # whoever asks may have a running loop of its own
        beside.submit(asyncio.run, take_up(address, story)).result()


@pytest.fixture(scope="session")
def lite(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a filled store in SQLite; nobody writes there."""
    address = f"sqlite:///{tmp_path_factory.mktemp('asked') / 'store.db'}"
    fill(address)
    return address


@pytest.fixture(scope="session")
def large(postgres: str) -> str:
    """The same in PostgreSQL."""
    address = new_database(postgres)
    fill(address)
    return address


@pytest.fixture(params=["lite", "large"], ids=["sqlite", "postgresql"])
async def asked(request: pytest.FixtureRequest) -> AsyncIterator[Gateway]:
    """The gateway over either database: for what the store answers."""
    async with gateway_over(request.getfixturevalue(request.param)) as gateway:
        yield gateway


@pytest.fixture
async def shown(lite: str) -> AsyncIterator[Gateway]:
    """The gateway over SQLite: for how an answer is written."""
    async with gateway_over(lite) as gateway:
        yield gateway
