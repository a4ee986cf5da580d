"""Writes PROTOCOLS.md from the protocols' data: `python -m tocsin.streams.protocols.diagrams`, in the repository."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from tocsin.connectors.dialects.message_types import parse_piuri
from tocsin.streams.protocols.loading import PROTOCOLS, load_protocol
from tocsin.streams.protocols.machine import ANY_MESSAGE, Effect, Machine, ProblemRule, Protocol, Transition

FILE = Path("streams/PROTOCOLS.md")
"""Where the document lies in the repository."""

_HEAD = """# The protocols' state machines

Written by `python -m tocsin.streams.protocols.diagrams` from `streams/tocsin/streams/protocols/machines/*.json`: change
those. A label says what the role itself did: `sent` or `received` a message. `error` is a problem report that is not a
warning.

In every protocol: a warning (`w.`) changes nothing. An error whose scope names a state goes back to that state; an
error about one message (`m`) leaves the interaction as it is; any other error ends it. A protocol's own rules come
first: they are listed with it.
"""


def document() -> str:
    """The whole document, in Markdown with Mermaid diagrams."""
    return "\n".join([_HEAD, *(line for name in PROTOCOLS for line in _chapter(load_protocol(name)))])


def _chapter(protocol: Protocol) -> Iterator[str]:
    yield f"## {protocol.title}\n"
    yield ", ".join(f"`{piuri}`" for piuri in protocol.piuris) + "  "
    yield f"Source: {protocol.source}\n"
    notes = [*protocol.notes, *(_rule_text(rule) for rule in protocol.problems)]
    if protocol.ended is not None:
        notes.append(f"What a problem ended is in the state {protocol.ended}.")
    yield from (f"- {note}" for note in notes)
    for role, machine in protocol.roles.items():
        yield f"\n### {protocol.title}: {role}\n"
        yield from ["```mermaid", *diagram(protocol, machine), "```"]
    yield ""


def _rule_text(rule: ProblemRule) -> str:
    what = " or ".join(f"`{code}`" for code in rule.codes) or "An error"
    scope = f" with scope {rule.scope}" if rule.scope else ""
    states = f" in {' or '.join(rule.states)}" if rule.states else ""
    leads = {Effect.BACK: f"back to {rule.target}", Effect.ENDED: "it has ended", Effect.CONTINUES: "it continues"}
    return f"{what}{scope}{states}: {leads[rule.effect]} ({rule.why})."


def diagram(protocol: Protocol, machine: Machine) -> Iterator[str]:
    """The lines of one role's Mermaid diagram. Names are aliases because Mermaid takes no hyphen in one."""
    yield "stateDiagram-v2"
    yield from (f'  state "{state}" as {_alias(state)}' for state in machine.states)
    yield f"  [*] --> {_alias(machine.start)}"
    for step in machine.transitions:
        yield f"  {_alias(step.origin)} --> {_alias(step.target)} : {step.direction} {_label(step)}"
    for (origin, label), target in _errors(protocol, machine).items():
        yield f"  {_alias(origin)} --> {_alias(target)} : {label}"
    yield from (f"  {_alias(state)} --> [*]" for state in machine.final)


def _errors(protocol: Protocol, machine: Machine) -> dict[tuple[str, str], str]:
    """(state, what was reported) -> the state that it leads to, by the first rule that says so."""
    under_way = [state for state in machine.states if state not in machine.final and state != machine.start]
    rules = [(rule.states, _reported(rule), rule.target) for rule in protocol.problems]
    found: dict[tuple[str, str], str] = {}
    for states, label, target in [*rules, ([], "error", protocol.ended)]:
        for state in under_way:
            if target in machine.states and target != state and state in (states or under_way):
                found.setdefault((state, label), str(target))
    return found


def _reported(rule: ProblemRule) -> str:
    return " or ".join(rule.codes) or (f"error about the {rule.scope}" if rule.scope else "error")


def _label(step: Transition) -> str:
    if step.message == ANY_MESSAGE:
        return "any message"
    parsed = parse_piuri(step.message)
    return step.message if parsed is None else " ".join(step.message.split("/")[-3::2])


def _alias(state: str) -> str:
    return state.replace("-", "_")


if __name__ == "__main__":
    Path(sys.argv[1] if len(sys.argv) > 1 else FILE).write_text(document(), "utf-8")
