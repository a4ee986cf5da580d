"""What OpenAPI says is held: whatever it allows to be asked is answered as it says, and never by a fault of ours."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import CHECKS, load_all_checks

from tests.connectors.gateway.conftest import serve
from tests.connectors.gateway.test_scopes import whole_app
from tests.harness.keys import Keyring
from tests.harness.stored import IDS, take_up
from tests.streams.ask.world import STORY
from tocsin.connectors.store import Store, address_of

load_all_checks()
HELD = {
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
}  # fmt: skip
BOUNDED = settings(
    max_examples=12, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
WITHOUT = "/v1/subscriptions"
"""They have a service of their own behind them: tests/e2e/test_subscriptions.py."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """Its address, and the header of acme, in a thread of its own: schemathesis asks without asyncio."""
    address, keyring = f"sqlite:///{tmp_path_factory.mktemp('held') / 'store.db'}", Keyring()
    ready = threading.Event()
    found: dict[str, Any] = {}

    async def run() -> None:
        await take_up(address, STORY)
        async with Store(address_of(address)) as store:
            server, task, port = await serve(whole_app(keyring, store, anonymous="off", tenant_streams=0))
            found.update(server=server, port=port)
            ready.set()
            await task

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    assert ready.wait(60)
    yield f"http://127.0.0.1:{found['port']}", keyring.header("acme")
    found["server"].should_exit = True
    thread.join(60)


def test_whatever_may_be_asked_is_answered_as_is_said(whole: tuple[str, dict[str, str]]) -> None:
    """Of every operation a dozen requests, the same each time; every second one is about what is there."""
    address, header = whole
    checks = [check for check in CHECKS.get_all() if check.__name__ in HELD]
    assert len(checks) == len(HELD)
    broken, asked = list[str](), list[int]()

    def ask(case: Any) -> None:
        case.query.pop("tenant", None)  # another's is refused, whatever else is asked
        if len(asked) % 2:
            case.path_parameters.update({name: IDS[name] for name in case.path_parameters if name in IDS})
        response = case.call(headers=header, timeout=30)
        asked.append(response.status_code)
        try:
            case.validate_response(response, checks=checks)
        except BaseExceptionGroup as group:
            broken.append(f"{case.operation.label}: {group.exceptions[0]}"[:600])

    for result in schemathesis.openapi.from_url(f"{address}/openapi.json").get_all_operations():
        operation = cast(Any, result).ok()
        if not operation.path.startswith(WITHOUT):
            play: Any = given(operation.as_strategy())
            bounded: Any = BOUNDED(play(ask))
            seed(1)(bounded)()
    assert broken == []
    assert len(asked) > 200
    assert asked.count(200) > 50
