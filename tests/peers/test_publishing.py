"""A real Credo-TS agent that tells a gateway what it does, by the files that users copy (docs/publishers/)."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from tests.connectors.gateway.conftest import Gateway, gateway
from tests.peers.credo import Credo
from tests.peers.processes import until
from tocsin.schemas.events import ActivityObserved

assert gateway  # the fixture

pytestmark = pytest.mark.timeout(400)


async def test_what_credo_does_is_told(gateway: Gateway, credo: Credo, tmp_path: Path) -> None:
    async with Credo(tmp_path, "issuer", tells=f"http://127.0.0.1:{gateway.port}") as issuer:
        ours, theirs = await issuer.do("key"), await credo.do("key")
        joined = await issuer.do("connect", own=ours["did"], did=theirs["did"])
        connection = (await credo.do("connect", own=theirs["did"], did=ours["did"]))["id"]
        told, heard = [await credo.do("propose", connection=connection) for _ in range(2)]
        records = {each["thread"]: await issuer.first("credential", thread=each["thread"]) for each in (told, heard)}

        await issuer.do("abandon", credential=records[told["thread"]]["id"], description="no capacity")
        await credo.do("abandon", credential=heard["id"], description="not today")
        unknown = {"@type": "https://example.org/weather/1.0/forecast", "@id": str(uuid.uuid4())}
        await credo.do("send", connection=connection, message=unknown)

        async def all_three() -> list[object] | None:
            problems = {event.event_id: event.problem for event in gateway.reported}.values()
            return list(problems) if len(problems) >= 3 else None

        await until(all_three, "three problems")
        problems = {event.problem.thread_id: event.problem for event in gateway.reported}
        said = {
            thread: (problems[thread].code, problems[thread].localized.get("en"), problems[thread].source.side)
            for thread in records
        }
        assert said == {
            told["thread"]: ("issuance-abandoned", "no capacity", "own"),
            heard["thread"]: ("issuance-abandoned", "not today", "peer"),
        }
        [parse] = [one for one in problems.values() if one.code == "message-parse-failure"]
        assert (parse.parent_thread_id, parse.source.side) == (unknown["@id"], "own")
        assert {one.source.connection for one in problems.values()} == {joined["id"]}
        assert {one.source.service for one in problems.values()} == {"issuer"}

        async def states() -> set[tuple[str | None, str | None, str | None]] | None:
            seen = {
                (event.record_state, event.thread_id, event.connection)
                for event in gateway.publisher.events
                if isinstance(event, ActivityObserved) and event.record_type == "credential"
            }
            states = [(thread, "proposal-received") for thread in records] + [(heard["thread"], "abandoned")]
            wanted = {(state, thread, joined["id"]) for thread, state in states}
            return seen if seen >= wanted else None

        await until(states, "the states of both exchanges")
        received = [event for event in gateway.publisher.events if isinstance(event, ActivityObserved)]
        messages = {(event.kind, (event.message_type or "").rpartition("/")[2]) for event in received}
        assert {("message_received", "propose-credential"), ("message_received", "forecast")} <= messages
        assert "no capacity" not in str([event for event in received if event.message_type]), "of messages only types"
