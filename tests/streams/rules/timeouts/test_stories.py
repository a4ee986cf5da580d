"""What happens when, and which time-outs are noticed when (docs/requirements.md#h22)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.harness.waiting import Story, config_with
from tocsin.streams.rules.policies import TimeoutPolicy
from tocsin.streams.rules.values import DAY, HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from tests.streams.rules.conftest import DictRows

ASK = TimeoutPolicy(
    messages=("ask",), floor=30 * SECOND, unlearned=30 * SECOND, waits=1, retries=3, backoff=10 * SECOND
)
ONCE = TimeoutPolicy(messages=("ask", "other"), floor=30 * SECOND, unlearned=30 * SECOND, waits=0, retries=0)
Noticed = list[tuple[float, str, int]]

STORIES: dict[str, tuple[TimeoutPolicy, list[str], Noticed]] = {
    "a reply in time is no time-out": (ASK, ["0 sent ask", "29 reply"], []),
    "wait once, three retries with growing pauses, then give up": (
        ASK,
        ["0 sent ask", "900 tick"],
        [(30, "wait", 1), (60, "retry", 2), (100, "retry", 3), (150, "retry", 4), (220, "give_up", 4)],
    ),
    "a retry that is seen arms the time-out anew": (
        ASK,
        ["0 sent ask", "75 sent ask retry_of=m1", "900 reply"],
        [(30, "wait", 1), (60, "retry", 2), (105, "retry", 3), (155, "retry", 4), (225, "give_up", 4)],
    ),
    "whoever tries again by itself is not advised to": (
        ASK,
        ["0 sent ask", "20 sent ask", "40 sent ask", "60 sent ask", "200 tick"],
        [(90, "wait", 4), (120, "give_up", 4)],
    ),
    "and cannot put the end off for ever": (
        ASK,
        ["0 sent ask", *[f"{second} sent ask" for second in range(20, 900, 20)], "900 tick"],
        [(90, "wait", 5), (120, "give_up", 6)],
    ),
    "a reply while waiting longer ends it": (ASK, ["0 sent ask", "45 reply", "900 tick"], [(30, "wait", 1)]),
    "a reply between two retries ends it": (
        ASK,
        ["0 sent ask", "110 reply", "900 tick"],
        [(30, "wait", 1), (60, "retry", 2), (100, "retry", 3)],
    ),
    "a problem on the thread ends it": (ASK, ["0 sent ask", "10 problem", "900 tick"], []),
    "a problem report as a message ends it": (ASK, ["0 sent ask", "10 report", "900 tick"], []),
    "the state of a record does not": (ONCE, ["0 sent ask", "10 record", "900 tick"], [(30, "give_up", 1)]),
    "a reply on another thread does not": (ONCE, ["0 sent ask", "10 reply on u", "900 tick"], [(30, "give_up", 1)]),
    "nor does the same message, as the other party of the same tenant received it": (
        ONCE,
        ["0 sent ask id=offer", "1 reply id=offer", "900 tick"],
        [(30, "give_up", 1)],
    ),
    "a newer message that wants a reply takes the place of the older one": (
        ONCE,
        ["0 sent ask", "20 sent other", "900 tick"],
        [(50, "give_up", 1)],
    ),
    "one of which nobody knows does not": (
        ONCE,
        ["0 sent ask", "20 sent chat", "900 tick"],
        [(30, "give_up", 1)],
    ),
    "each thread has its own": (
        ONCE,
        ["0 sent ask", "5 sent ask on u", "10 reply", "900 tick"],
        [(35, "give_up", 1)],
    ),
    "the publisher says that no reply is wanted": (ONCE, ["0 sent ask expects_reply=false", "900 tick"], []),
    "an outage, and the replies come afterwards": (
        ASK,
        ["0 sent ask", "10 silent until 400", "415 reply", "900 tick"],
        [],
    ),
    "an outage, and no reply afterwards: as if it had not been": (
        ONCE,
        ["0 sent ask", "10 silent until 400", "900 tick"],
        [(430, "give_up", 1)],
    ),
    "an outage too short to be noted: the replies of its time still come in time": (
        ONCE,
        ["0 sent ask", "10 down until 50", "52 reply", "900 tick"],
        [],
    ),
    "and without them it is noticed as much later": (
        ONCE,
        ["0 sent ask", "10 down until 50", "900 tick"],
        [(70, "give_up", 1)],
    ),
    "once only: a bus that is always late must not wait for ever": (
        ONCE,
        ["0 sent ask", "10 down until 50", "60 down until 100", "900 tick"],
        [(100, "give_up", 1)],
    ),
    "a tick that is a little late is no outage": (
        ONCE,
        ["0 sent ask", "10 down until 34", "900 tick"],
        [(34, "give_up", 1)],
    ),
    "a short outage costs no more than it took": (
        ONCE,
        ["0 sent ask", "5 silent until 10", "900 tick"],
        [(35, "give_up", 1)],
    ),
    "an outage before the message was sent is none of it": (
        ONCE,
        ["0 silent until 400", "400 sent ask", "900 tick"],
        [(430, "give_up", 1)],
    ),
    "two outages, and each is counted once": (
        ASK,
        ["0 sent ask", "10 silent until 100", "110 silent until 200", "900 tick"],
        [(230, "wait", 1), (260, "retry", 2), (300, "retry", 3), (350, "retry", 4), (420, "give_up", 4)],
    ),
    "a floor for human steps": (
        TimeoutPolicy(messages=("ask",), floor=3 * DAY, unlearned=HOUR, waits=0, retries=0),
        ["0 sent ask", f"{10 * 86400} tick"],
        [(3 * 86400, "give_up", 1)],
    ),
    "a ceiling": (
        TimeoutPolicy(messages=("ask",), ceiling=MINUTE, unlearned=HOUR, waits=0, retries=0),
        ["0 sent ask", "900 tick"],
        [(60, "give_up", 1)],
    ),
    "first contact waits": (TimeoutPolicy(messages=("ask",)), ["0 sent ask", f"{30 * 86400} tick"], []),
    "no time-outs where they are switched off": (
        TimeoutPolicy(unlearned=SECOND, enabled=False),
        ["0 sent ask expects_reply=true", "900 tick"],
        [],
    ),
    "somebody chooses to wait": (
        ONCE,
        ["0 sent ask", "10 choose wait t", "900 tick"],
        [(10, "wait", 1), (40, "give_up", 1)],
    ),
    "somebody chooses to try again at once": (
        ONCE,
        ["0 sent ask", "10 choose retry t", "900 tick"],
        [(10, "retry", 2), (40, "give_up", 2)],
    ),
    "somebody gives up, and nothing more is noticed": (
        ASK,
        ["0 sent ask", "10 choose give_up t", "20 choose give_up t", "900 tick"],
        [(10, "give_up", 1)],
    ),
    "somebody tries again after it was given up": (
        ONCE,
        ["0 sent ask", "100 choose retry t", "900 tick"],
        [(30, "give_up", 1), (100, "retry", 2), (130, "give_up", 2)],
    ),
    "nothing is known of what somebody chooses about": (ASK, ["0 choose retry nothing", "900 tick"], []),
}


@pytest.mark.parametrize(("policy", "steps", "expected"), STORIES.values(), ids=STORIES.keys())
def test_story(rows: DictRows, policy: TimeoutPolicy, steps: list[str], expected: Noticed) -> None:
    story = Story(rows, config_with(policy)).play(*steps)
    found = story.noticed()
    assert [what[1:] for what in found] == [what[1:] for what in expected]
    for (at, *_), (earliest, *_) in zip(found, expected, strict=True):
        assert earliest <= at <= earliest * 1.1 + 4, "a pause has at most a tenth of jitter, and at least a second"
    assert len({notice.event_id for notice in story.notices()}) == len(found)
