"""What people choose about a reply that does not come, carried out."""

from __future__ import annotations

import msgspec

from tocsin.schemas.events import CHOICES, CommandIssued
from tocsin.streams.rules.answers import DONE, Answer, already, refused
from tocsin.streams.rules.context.threads import clip
from tocsin.streams.rules.timeouts.choosing import advise
from tocsin.streams.rules.timeouts.correlation import find_expectation
from tocsin.streams.rules.timeouts.expectations import carry_out, policy_of
from tocsin.streams.rules.timeouts.learning import Expected, expected_for
from tocsin.streams.rules.turn import Turn


def choose(turn: Turn, command: CommandIssued) -> Answer | None:
    """Carry out somebody's choice about a time-out; None when nothing is known of its target: the event id of a
    TimeoutNoticed, the id of the message that was sent, or its thread.

    `until` says how long to wait; a retry is due at once. What is chosen is noticed like the policy's own choice, and
    the policy goes on from there.
    """
    choice = next((known for known in CHOICES if known == command.choice), None)
    if choice is None:
        detail = f"a choice is one of {', '.join(CHOICES)}"
        turn.dead_letter("choice_unknown", detail)
        return refused(detail)
    key = find_expectation(turn, command.target)
    row = None if key is None else turn.expectations.get(key)
    if key is None or row is None or row.state == "answered":
        return None
    policy = policy_of(turn, row.message_type)
    if policy is None:
        return refused(f"the rules have no time-out for {clip(row.message_type)}")
    if choice == "give_up" and row.state == "given_up":
        return already("it was given up before")
    known = expected_for(turn, row, policy)
    expected = known or Expected(max(policy.floor, policy.unlearned or 0), False)
    chosen = msgspec.structs.replace(row, opened_by=command.event_id)
    advice = advise(chosen, choice, expected.after, policy, turn.now, at_once=True)
    if choice == "wait" and command.until is not None:
        due = min(max(command.until, turn.now + policy.floor), turn.now + policy.ceiling)
        advice = msgspec.structs.replace(advice, due=due)
    carry_out(turn, key, advice, command, expected)
    return DONE
