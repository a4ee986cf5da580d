"""What is looked up by ids as they stand in answers, over HTTP, and what is said when they are no such ids."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.connectors.gateway.conftest import serving
from tests.connectors.gateway.test_scopes import whole_app
from tests.harness.keys import Keyring
from tests.harness.stored import take_up, told_story
from tests.harness.two_tenants import MARK
from tocsin.connectors.store import Store, address_of

ALLOWED = {
    "its id": "/v1/problems/p-1",
    "the instance that publishing answered": "/v1/problems/urn:uuid:p-1",
    "deliveries by that instance": "/v1/deliveries?about=urn:uuid:p-1",
}
REFUSED = {
    "a stream since a span, as lists take it": ("/v1/events?since=1h", "since: it is no position of this stream"),
    "deliveries of nothing": ("/v1/deliveries", "about: it is missing"),
}


@pytest.fixture
async def asking(tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    """Who may read what acme has: a problem that broke a rule, and who was told."""
    keyring, address = Keyring(), f"sqlite:///{tmp_path / 'store.db'}"
    await take_up(address, told_story("acme", MARK))
    async with (
        Store(address_of(address)) as store,
        serving(whole_app(keyring, store, anonymous="off")) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=keyring.header("acme")) as http,
    ):
        yield http


@pytest.mark.parametrize("path", ALLOWED.values(), ids=ALLOWED)
async def test_an_id_is_known_in_each_form_in_which_it_was_answered(asking: aiohttp.ClientSession, path: str) -> None:
    async with asking.get(path, headers={"accept": "application/json"}) as answer:
        assert answer.status == 200
        found = await answer.json()
    assert found.get("id") == "p-1" or [one["about"] for one in found["items"]] == ["p-1"]


@pytest.mark.parametrize(("path", "said"), REFUSED.values(), ids=REFUSED)
async def test_what_is_no_such_id_is_refused_by_name(asking: aiohttp.ClientSession, path: str, said: str) -> None:
    async with asking.get(path) as answer:
        assert (answer.status, (await answer.json())["detail"]) == (400, said)


async def test_the_report_for_a_vendor_shows_a_report_that_broke_rules_as_such(asking: aiohttp.ClientSession) -> None:
    async with asking.get("/v1/peers/did:example:bob", params={"since": "2000-01-01T00:00:00Z"}) as answer:
        (broken,) = (await answer.json())["violations"]
    assert (broken["rule"], broken["example"]["conformant"]) == ("code-not-lower-case", False)
