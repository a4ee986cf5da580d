"""The conformance report of a peer: which rules its reports break, since when, with examples. For its vendor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from tocsin.connectors.dialects.rule_words import RULE_WORDS, SOURCES, words_of_rule
from tocsin.connectors.printable import clipped, printable
from tocsin.connectors.store.bus_structs import Violation
from tocsin.connectors.store.structs import Occurrence
from tocsin.streams.ask.problem_answers import read_problem
from tocsin.streams.rules.documents import document_of, for_peer
from tocsin.streams.rules.notification import timestamp

MAX_NAME = 200


class Broken(Struct, frozen=True):
    """A rule that a peer broke, and the last report that did, if it is kept."""

    violation: Violation
    example: Occurrence | None


def report_json(peer: str, broken: Sequence[Broken]) -> dict[str, Any]:
    """The report for programs."""
    return {"peer": peer, "violations": [_rule(one) for one in broken]}


def report_markdown(peer: str, broken: Sequence[Broken], since: int, until: int) -> str:
    """The report for people, in Markdown; nothing in it can format or link but what stands here."""
    return "\n".join(_lines(peer, broken, since, until)) + "\n"


def _rule(one: Broken) -> dict[str, Any]:
    found, source = one.violation, SOURCES.get(one.violation.dialect)
    shown: dict[str, Any] = {
        "rule": found.rule,
        "expected": words_of_rule(found.rule),
        "dialect": found.dialect,
        "count": found.count,
        "first_at": timestamp(found.first_at),
        "last_at": timestamp(found.last_at),
    }
    if source is not None:
        shown["specification"] = {"title": source[0], "url": source[1]}
    if found.pointer is not None:
        shown["pointer"] = found.pointer
    example = _example(one.example)
    return shown if example is None else shown | {"example": msgspec.Raw(example)}


def _example(occurrence: Occurrence | None) -> bytes | None:
    """The report without the values that a stranger may not see."""
    problem = None if occurrence is None else read_problem(occurrence)
    if problem is None:
        return None
    # As it was understood: its own dialect's writer would put right what is wrong in it.
    shown = msgspec.structs.replace(for_peer(problem, None), conformant=problem.conformant)
    return document_of(shown, "canonical")


def _lines(peer: str, broken: Sequence[Broken], since: int, until: int) -> Iterator[str]:
    yield f"# Problem reports of {_code(peer)}"
    yield f"\nFrom {timestamp(since)[:10]} to {timestamp(until)[:10]}.\n"
    if not broken:
        yield "No rule was broken."
        return
    yield f"Findings: {sum(one.violation.count for one in broken)}; rules: {len(broken)}."
    yield "Values of arguments and items in examples are `?`.\n"
    yield "| rule | in | times | first | last |\n| --- | --- | --- | --- | --- |"
    for one in broken:
        found = one.violation
        first, last = timestamp(found.first_at), timestamp(found.last_at)
        yield f"| {_code(found.rule)} | {_code(found.dialect)} | {found.count} | {first} | {last} |"
    for one in broken:
        yield from _chapter(one)


def _chapter(one: Broken) -> Iterator[str]:
    found = one.violation
    yield f"\n## {_code(found.rule)}\n"
    if found.rule in RULE_WORDS:
        yield f"{RULE_WORDS[found.rule]}\n"
    if found.pointer:
        yield f"It is broken at {_code(found.pointer)}.\n"
    source = SOURCES.get(found.dialect)
    if source is not None:
        yield f"Specified by [{source[0]}]({source[1]}).\n"
    example = _example(one.example)
    if example is not None:
        pretty = msgspec.json.format(example, indent=2).decode()
        # Four spaces cannot be left by anything in the text, as a fence can.
        yield "The last report that broke it, as far as it was understood:\n"
        yield from (f"    {printable(line)}" for line in pretty.splitlines())


def _code(text: str) -> str:
    bare = clipped(text, MAX_NAME).replace("`", "'").replace("|", "/")
    return f"`{bare}`"
