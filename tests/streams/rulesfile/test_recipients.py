"""Endpoints that tell DIDComm agents in the rules file: whom, in which body, and what does not go together."""

from __future__ import annotations

from pathlib import Path

import pytest

from tocsin.streams.rules.config import Recipient
from tocsin.streams.rulesfile import check_rulebook, load_rulebook

DID = "did:peer:2.Ez6LS.Vz6Mk"


def rules(folder: Path, agent: str) -> Path:
    file = folder / "rules.yaml"
    file.write_text(
        f"endpoints:\n  owner: {{sink: memory}}\n  agent: {{sink: memory, {agent}}}\n"
        "default_route: owner\nroutes: [{endpoints: agent}]\n"
    )
    return file


# what is written -> whom it tells, its audience and body
TAKEN: dict[str, tuple[str, Recipient | None, str, str]] = {
    "no agent": ("keep: 10", None, "owner", "notification"),
    "whoever is the other side": ("peer: other_side", Recipient(), "peer", "auto"),
    "and says so": ("peer: other_side, audience: peer, body: auto", Recipient(), "peer", "auto"),
    "in a dialect": ("peer: other_side, body: aries-1.0", Recipient(), "peer", "aries-1.0"),
    "a DID": (f"peer: '{DID}'", Recipient(did=DID), "peer", "auto"),
    "an agent of our own": (
        f"peer: '{DID}', audience: owner, body: didcomm-2.0", Recipient(did=DID), "owner", "didcomm-2.0",
    ),
    "a connection": ("connection: c-1", Recipient(connection="c-1"), "peer", "auto"),
    "a connection with operators": (
        "connection: c-1, audience: operator, ends_connections: true",
        Recipient(connection="c-1", ends_connections=True), "operator", "auto",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("agent", "recipient", "audience", "body"), TAKEN.values(), ids=list(TAKEN))
def test_who_is_told(tmp_path: Path, agent: str, recipient: Recipient | None, audience: str, body: str) -> None:
    book = load_rulebook(rules(tmp_path, agent), {})
    found = book.endpoints["agent"]
    assert (found.recipient, found.audience, found.body) == (recipient, audience, body)
    assert book.by_didcomm == (frozenset() if recipient is None else {"agent"})
    assert found.reads_notifications is (recipient is None)


# what is wrong -> what is said
WRONG: dict[str, tuple[str, str]] = {
    "who is told and another": ("peer: other_side, connection: c-1", "peer and connection name two"),
    "no DID": ("peer: everybody", "this names no agent (expected other_side, a DID"),
    "a DID URL": (f"peer: '{DID}#key-1'", "this names no agent"),
    "strangers as owners": ("peer: other_side, audience: owner", "whoever is the other side is a peer"),
    "strangers as operators": ("peer: other_side, audience: operator", "whoever is the other side is a peer"),
    "our notification": (f"peer: '{DID}', body: notification", "a DIDComm agent does not read notification"),
    "a dialect of HTTP": (f"peer: '{DID}', body: rfc9457", "a DIDComm agent does not read rfc9457"),
    "auto without an agent": ("body: auto", "this endpoint tells no DIDComm agent"),
    "ends connections without an agent": ("ends_connections: true", "this endpoint tells no DIDComm agent"),
}


@pytest.mark.parametrize(("agent", "why"), WRONG.values(), ids=list(WRONG))
def test_what_does_not_go_together(tmp_path: Path, agent: str, why: str) -> None:
    errors = [one for one in check_rulebook(rules(tmp_path, agent), {}) if one.level == "error"]
    assert len(errors) == 1
    assert why in str(errors[0])


def test_peers_are_not_told_by_default_and_not_of_steps(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(
        "endpoints: {owner: {sink: memory}, agent: {sink: memory, peer: other_side}}\ndefault_route: agent\n"
        "routes: [{endpoints: owner, escalate: e}]\nescalations: {e: {steps: [{wait: 1h, endpoints: agent}]}}\n"
    )
    errors = [str(one) for one in check_rulebook(file, {}) if one.level == "error"]
    assert any("the default route tells endpoint agent, whose audience is the peer" in one for one in errors)
    assert any("policy e tells endpoint agent, whose audience is the peer" in one for one in errors)


def test_other_sinks_know_none_of_these_keys(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("endpoints: {a: {sink: log, peer: other_side}}\ndefault_route: a\n")
    assert any("endpoints.a.peer is not a key that there is" in str(one) for one in check_rulebook(file, {}))
