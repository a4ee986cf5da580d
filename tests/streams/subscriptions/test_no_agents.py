"""What is made while the bus runs tells no DIDComm agent: only the rules file may name one."""

from __future__ import annotations

from typing import Any

import pytest

from tocsin.connectors.dialects import Unreadable
from tocsin.schemas.events import SubscriptionSet
from tocsin.streams.subscriptions.endpoints import SubscriptionUnusable, endpoint_of
from tocsin.streams.subscriptions.wish import SINK, checked_endpoint

SETTINGS: dict[str, Any] = {"url": "https://a.example/", "secret": "whsec_" + "A" * 43 + "="}


@pytest.mark.parametrize("config", [{"peer": "other_side"}, {"connection": "c-1"}, {"body": "auto"}])
def test_a_wish_for_an_agent_is_refused(config: dict[str, Any]) -> None:
    assert checked_endpoint("mine", {}, SETTINGS).recipient is None
    with pytest.raises(Unreadable):
        checked_endpoint("mine", config, SETTINGS)


def test_and_so_is_an_event_of_the_sink_whoever_wrote_it() -> None:
    assert SINK == "webhook"
    common: dict[str, Any] = {"event_id": "e", "tenant": "acme", "occurred_at": 1, "recorded_at": 1, "by": "ann"}
    event = SubscriptionSet(**common, subscription="mine", endpoint="mine", sink="didcomm", config="{}")
    with pytest.raises(SubscriptionUnusable, match="only webhook may"):
        endpoint_of(event)
