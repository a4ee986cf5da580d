"""What the settings say of DIDComm, and what becomes of what was fetched at a mediator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from tests.harness.didcomm_world import agents
from tocsin.connectors.didcomm.mediator.pickup import Taken
from tocsin.connectors.gateway.didcomm import Connection, Receiver
from tocsin.connectors.gateway.didcomm.outcomes import Outcome
from tocsin.connectors.gateway.didcomm.receiver import Taken as Received
from tocsin.connectors.gateway.kind import Kind
from tocsin.connectors.gateway.problems import KAFKA_AWAY, NOT_AN_ENVELOPE, RATE_LIMITED, UNCONFIRMED, Refusal
from tocsin.connectors.sinks.didcomm import DidcommConfig, DidcommSink
from tocsin.streams.processes.didcomm import didcomm_config, opened_keys, own_did, take_with
from tocsin.streams.processes.sink_equipment import equipment_of
from tocsin.streams.settings import Settings, SettingsInvalid, load_settings


def test_whose_is_whose(tmp_path: Path) -> None:
    file = tmp_path / "connections.json"
    file.write_text(json.dumps([{"peer": "did:example:p", "connection": "c", "trust": "high"}]))
    settings = Settings(
        tenant="everybody", didcomm_tenants="shop=a, desk=b", didcomm_connections=file, didcomm_answers="silent"
    )
    config = didcomm_config(settings)
    assert (config.default_tenant, config.tenants) == ("everybody", {"shop": "a", "desk": "b"})
    assert config.connections == (Connection(peer="did:example:p", connection="c", trust="high"),)
    assert config.column in config.table.columns


def test_sinks_know_whose_our_identities_are() -> None:
    sink = equipment_of(Settings(didcomm_tenants="shop=a, desk=b")).on(DidcommSink(DidcommConfig()))
    assert getattr(sink, "tenants", None) == {"shop": "a", "desk": "b"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param(None, "No such file", id="no file"),
        pytest.param("[", "Input data was truncated", id="half a file"),
        pytest.param('{"peer": "did:example:p"}', "Expected `array`", id="one, and no list"),
        pytest.param('[{"peer": "did:example:p"}]', "missing required field `connection`", id="no connection"),
        pytest.param(
            '[{"peer": "did:x:p", "connection": "c", "turst": "high"}]', "unknown field `turst`", id="misspelt"
        ),
        pytest.param('[{"peer": "", "connection": "c"}]', "have a name", id="an empty name"),
    ],
)
def test_a_file_of_connections_that_cannot_be_used(tmp_path: Path, text: str | None, why: str) -> None:
    file = tmp_path / "connections.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(SettingsInvalid, match="TOCSIN_DIDCOMM_CONNECTIONS") as invalid:
        didcomm_config(Settings(didcomm_connections=file))
    assert why in str(invalid.value)


@pytest.mark.parametrize("value", ["shop", "shop=", "=a", "shop=a b", "shop=a;desk=b"])
def test_tenants_that_are_none(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_DIDCOMM_TENANTS", value)
    with pytest.raises(SettingsInvalid, match="NAME=TENANT"):
        load_settings()


async def test_a_mediator_without_keys_is_refused_and_without_both_there_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="tocsin didcomm keys create"):
        async with opened_keys(Settings(home=tmp_path, didcomm_mediator="did:example:m")):
            pass
    async with opened_keys(Settings(home=tmp_path)) as packer:
        assert packer is None


async def test_which_did_is_ours(tmp_path: Path) -> None:
    async with agents(tmp_path, two=("shop", "default"), one=("shop",)) as found:
        named = {own.name: own.did for own in found["two"].packer.own}
        assert own_did(found["two"].packer) == named["default"]
        assert own_did(found["one"].packer) == found["one"].did


class Says:
    """A receiver that answers the same whatever it is given."""

    def __init__(self, answer: Received | Refusal) -> None:
        self.answer = answer

    def admit(self) -> None:
        """There is room."""

    async def take(self, content: bytes, traced: Any, *, exchange: bool) -> Received:
        assert not exchange
        if isinstance(self.answer, Refusal):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "taken"),
    [
        pytest.param(Received(outcome=Outcome.REPORTED, sha256="", version=2), Taken.DONE, id="published"),
        pytest.param(Received(outcome=Outcome.BROKEN, sha256=""), Taken.DONE, id="no genuine envelope"),
        pytest.param(Received(outcome=Outcome.UNRESOLVED, sha256="", again=True), Taken.UNSURE, id="no document now"),
        pytest.param(KAFKA_AWAY, Taken.LATER, id="Kafka is away"),
        pytest.param(UNCONFIRMED, Taken.LATER, id="Kafka did not say"),
        pytest.param(RATE_LIMITED, Taken.LATER, id="too much at once"),
        pytest.param(NOT_AN_ENVELOPE, Taken.DONE, id="no envelope at all"),
    ],
)
async def test_what_is_acknowledged_to_a_mediator(answer: Received | Kind, taken: Taken) -> None:
    said = Says(Refusal(answer) if isinstance(answer, Kind) else answer)
    assert await take_with(cast(Receiver, said))(b"x") is taken
