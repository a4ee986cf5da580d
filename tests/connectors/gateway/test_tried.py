"""What a tenant is told of a ping to an address of its choice."""

from __future__ import annotations

import pytest

from tocsin.connectors.gateway.subscriptions import veiled


@pytest.mark.parametrize("reason", ["dns_failed", "address_refused", "connect_failed"])
def test_whatever_was_not_reached_is_told_alike(reason: str) -> None:
    why = f"it was asked, and there was no answer ({reason}): it gets nothing before it agrees"
    told = veiled({"taken": False, "reason": reason, "why": why})
    assert told["reason"] == "unreachable"
    assert reason not in told["why"]


def test_what_a_receiver_answered_is_told_as_it_is() -> None:
    tried = {"taken": False, "reason": "auth_error", "status": 401, "answer": "who are you (dns_failed)?"}
    assert veiled(tried) == tried
