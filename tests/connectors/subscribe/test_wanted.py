"""Which events a subscriber wants, and what cannot be wanted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.connectors.subscribe.events import BASE, digested, opened, resolved
from tocsin.connectors.subscribe.wanted import PUBLIC, Wanted
from tocsin.schemas.events import (
    EscalationStepped,
    EventBase,
    ProblemOpened,
    ProblemPromoted,
)
from tocsin.schemas.problem import Severity

DIGEST = digested()
PROMOTED = ProblemPromoted(
    **BASE, event_id="p", case="c", report="r", severity_before=Severity.WARNING, severity_after=Severity.ERROR
)

# what is wanted, an event, whether it is
ROWS: dict[str, tuple[dict[str, Any], EventBase, bool]] = {
    "nothing said: everything": ({}, resolved(), True),
    "a kind": ({"kinds": ProblemOpened}, opened(), True),
    "a kind by its name": ({"kinds": "ProblemOpened"}, opened(), True),
    "another kind": ({"kinds": ["ProblemResolved", "ProblemPromoted"]}, opened(), False),
    "the very code": ({"codes": "e.p.xfer.cant-use-endpoint"}, opened(), True),
    "leading tokens of the code": ({"codes": "e.p.xfer"}, opened(), True),
    "half a token": ({"codes": "e.p.xf"}, opened(), False),
    "another spelling of the code": ({"codes": "E.P.Xfer.cant_use_endpoint"}, opened(), True),
    "one of several codes": ({"codes": ["e.p.trust", "e.p.xfer"]}, opened(), True),
    "none of several codes": ({"codes": ["e.p.trust", "w"]}, opened(), False),
    "a code of an event that has none": ({"codes": "e"}, resolved(), False),
    "a code in a digest": ({"codes": "e.p.xfer"}, DIGEST, True),
    "a code that is not in a digest": ({"codes": "e.p.trust"}, DIGEST, False),
    "a tenant": ({"tenants": "acme"}, opened(), True),
    "another tenant": ({"tenants": {"evil"}}, opened(), False),
    "part of a tenant's name": ({"tenants": "acm"}, opened(), False),
    "a severity": ({"severities": "error"}, opened(), True),
    "another severity": ({"severities": ["warning", "unknown"]}, opened(), False),
    "a severity of an event that has none": ({"severities": "error"}, resolved(), False),
    "what the severity became": ({"severities": "error"}, PROMOTED, True),
    "all that is asked": ({"kinds": ["ProblemOpened"], "codes": "e.p", "tenants": ["acme"]}, opened(), True),
    "all but one": ({"kinds": ["ProblemOpened"], "codes": "e.p", "tenants": ["evil"]}, opened(), False),
}


@pytest.mark.parametrize(("asked", "event", "wanted"), ROWS.values(), ids=list(ROWS))
def test_wants(asked: dict[str, Any], event: EventBase, wanted: bool) -> None:
    assert Wanted(**asked).wants(event) is wanted


TOPICS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "the public stream": ({}, ("problems",)),
    "where the kinds are": ({"kinds": ["EscalationStepped", "ProblemOpened"]}, ("escalations", "problems")),
    "an event of another topic alone": ({"kinds": EscalationStepped}, ("escalations",)),
    "those that are named": ({"topics": ["problems", "answers"]}, ("problems", "answers")),
}


@pytest.mark.parametrize(("asked", "topics"), TOPICS.values(), ids=list(TOPICS))
def test_topics(asked: dict[str, Any], topics: tuple[str, ...]) -> None:
    assert Wanted(**asked).topics == topics


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no such kind": ({"kinds": "ProblemOpend"}, r"no kind 'ProblemOpend' \(did you mean ProblemOpened\?\)"),
    "an event that is not public": ({"kinds": "DeliveryAttempt"}, "no kind 'DeliveryAttempt'"),
    "no such severity": ({"severities": "fatal"}, "no severity 'fatal'; there are error, unknown, warning"),
    "no such topic": ({"topics": "inbox"}, "no topic 'inbox'; there are answers, escalations, problems"),
    "an empty code": ({"codes": ""}, "'' is no value to filter by"),
    "a number": ({"tenants": [7]}, "7 is no value to filter by"),
}


@pytest.mark.parametrize(("asked", "why"), REFUSED.values(), ids=list(REFUSED))
def test_what_cannot_be_wanted_is_named(asked: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Wanted(**asked)


def test_every_event_of_a_public_topic_is_known() -> None:
    from tocsin.schemas.events import answers, escalations, problems

    for topic, module in {"problems": problems, "escalations": escalations, "answers": answers}.items():
        there = {one for one in vars(module).values() if isinstance(one, type) and issubclass(one, EventBase)}
        assert set(PUBLIC[topic]) == there - {EventBase}
