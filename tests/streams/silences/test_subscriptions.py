"""Who wins when two write the same subscription, and that compaction never changes it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.schemas.events import SubscriptionSet
from tocsin.streams.silences.subscriptions import MAX_LOST, SubscriptionBroken, Subscriptions, key_of, place_of

DAY = 86_400 * 1_000_000
NOW = 1_800_000_000_000_000


def an_event(event_id: str, cause: str | None = None, name: str = "hook", **more: Any) -> SubscriptionSet:
    known: dict[str, Any] = {"tenant": "acme", "sink": "webhook", "by": "ann", "subscription": "s"}
    return SubscriptionSet(
        event_id=event_id, occurred_at=NOW, cause=cause, endpoint=name, **{"recorded_at": NOW} | known | more
    )


def folded(*events: SubscriptionSet) -> Subscriptions:
    subscriptions = Subscriptions()
    for event in events:
        subscriptions.learn(event)
    return subscriptions


@pytest.mark.parametrize(
    ("events", "holds"),
    [
        pytest.param([an_event("a")], "a", id="the first"),
        pytest.param([an_event("a"), an_event("b")], "a", id="a second of that name"),
        pytest.param([an_event("a"), an_event("b", "a")], "b", id="one that replaces it"),
        pytest.param([an_event("a"), an_event("b", "a"), an_event("c", "a")], "b", id="two who knew the same"),
        pytest.param([an_event("a"), an_event("b", "x")], "a", id="one that replaces another"),
        pytest.param([an_event("a"), an_event("a")], "a", id="written twice"),
        pytest.param([an_event("c", "b")], "c", id="what it replaced was compacted"),
        pytest.param([an_event("a"), an_event("r", "a", removed=True)], None, id="ended"),
        pytest.param([an_event("a"), an_event("r", "a", removed=True), an_event("b")], None, id="late, after the end"),
        pytest.param([an_event("a"), an_event("r", "a", removed=True), an_event("b", "r")], "b", id="made again"),
    ],
)
def test_which_event_holds(events: list[SubscriptionSet], holds: str | None) -> None:
    found = folded(*events).find("hook")
    assert (None if found is None else found.event_id) == holds


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"name": "../../etc"}, "no name"),
        ({"name": "Ünder"}, "no name"),
        ({"tenant": "a b"}, "tenant"),
        ({"match": "["}, "match is no JSON object"),
        ({"match": "[]"}, "match is no JSON object"),
        ({"match": json.dumps({"cod": "e.p"})}, "none that the rules can use"),
        ({"match": json.dumps({"expr": "("})}, "none that the rules can use"),
        ({"match": json.dumps({"code": "x" * 20_000})}, "match is no JSON object of at most"),
        ({"match": "[" * 10_000}, "match is no JSON object"),
        ({"config": "7"}, "config is no JSON object"),
    ],
)
def test_a_broken_event_changes_nothing(more: dict[str, Any], why: str) -> None:
    subscriptions = folded(an_event("a"))
    version = subscriptions.version
    with pytest.raises(SubscriptionBroken, match=why):
        subscriptions.learn(an_event("b", "a", **more))
    held = subscriptions.find("hook")
    assert held is not None
    assert (held.event_id, subscriptions.version) == ("a", version)


def test_what_wins_names_what_is_to_go_losers_first() -> None:
    subscriptions = folded(an_event("a"), an_event("x"), an_event("b", "a"))
    assert subscriptions.void("hook") == ["subscription/hook/x", "subscription/hook/a"]
    for key in subscriptions.void("hook"):
        place = place_of(key)
        assert place is not None
        subscriptions.forget(*place)
    assert subscriptions.void("hook") == []
    found = subscriptions.find("hook")
    assert found is not None
    assert found.event_id == "b"


def test_what_holds_is_never_to_go_also_if_its_id_came_before() -> None:
    subscriptions = folded(an_event("a"), an_event("r", "a"), an_event("p", "r"), an_event("r", "p"))
    found = subscriptions.find("hook")
    assert found is not None
    assert (found.event_id, found.cause) == ("r", "p")
    assert subscriptions.void("hook") == ["subscription/hook/a", "subscription/hook/p"]


def test_many_that_lose_are_remembered_up_to_a_number_and_let_nobody_win() -> None:
    """Of those that are not remembered one would hold, if what it lost to were tombstoned."""
    subscriptions = folded(an_event("a"), *(an_event(f"x{number}", "nope") for number in range(MAX_LOST + 5)))
    subscriptions.learn(an_event("r", "a", removed=True, recorded_at=1))
    void = subscriptions.void("hook")
    assert void == [f"subscription/hook/x{number}" for number in range(MAX_LOST)]
    assert subscriptions.ended() == [], "its end stands for the same reason"


def test_an_end_is_remembered_for_a_day() -> None:
    assert folded(an_event("a"), an_event("r", "a", removed=True)).ended() == [], "it is in the future of this test"
    old = folded(an_event("a"), an_event("r", "a", removed=True, subscription="s"))
    gone = Subscriptions()
    for event in (an_event("a"), an_event("r", "a", removed=True)):
        gone.learn(
            SubscriptionSet(**{name: getattr(event, name) for name in event.__struct_fields__} | {"recorded_at": 1})
        )
    assert gone.ended() == ["subscription/hook/a", "subscription/hook/r"]
    assert old.find("hook") is None


Log = list[tuple[str, SubscriptionSet | None]]


def follow(log: Log, most_lost: int = MAX_LOST) -> Subscriptions:
    subscriptions = Subscriptions(most_lost)
    for key, event in log:
        place = place_of(key)
        assert place is not None
        if event is None:
            subscriptions.forget(*place)
        else:
            subscriptions.learn(event)
    return subscriptions


def compacted(log: Log, upto: int) -> Log:
    """What a cleaner that came as far as `upto` leaves: of each key the last record before it, and no tombstones."""
    last = {key: place for place, (key, _) in enumerate(log[:upto])}
    return [
        (key, event)
        for place, (key, event) in enumerate(log)
        if place >= upto or (last[key] == place and event is not None)
    ]


@st.composite
def histories(draw: st.DrawFn) -> Log:
    """Writers who know the topic as far as they have read it, and who may be killed before they tidy up."""
    log: Log = []
    for number in range(draw(st.integers(1, 12))):
        known = follow(log[: draw(st.integers(max(0, len(log) - 3), len(log)))]).last("hook")
        removed = known is not None and not known.removed and draw(st.booleans())
        event = an_event(f"e{number}", None if known is None else known.event_id, removed=removed)
        log.append((key_of(event), event))
        after = follow(log, draw(st.sampled_from([0, 1, 2, MAX_LOST])))
        held = after.last("hook")
        tidied = after.void("hook") if held is not None and held.event_id == event.event_id else [key_of(event)]
        log += [(key, None) for key in tidied[: draw(st.integers(0, len(tidied)))]]
    return log


@given(histories(), st.data())
def test_whatever_compaction_leaves_folds_to_the_same(log: Log, data: st.DataObject) -> None:
    upto = data.draw(st.integers(0, len(log)))
    assert follow(compacted(log, upto)).last("hook") == follow(log).last("hook")
