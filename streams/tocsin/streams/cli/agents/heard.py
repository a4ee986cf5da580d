"""What a gateway heard of agents lately, in lines; and how many messages came in a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tocsin.connectors.printable import clipped, printable
from tocsin.streams.rules.notification import timestamp

AGENTS = frozenset({"acapy", "identus"})
MOST = 200
"""Characters of a reason that are shown."""


def of_agents(sources: Sequence[Mapping[str, Any]], source: str | None) -> list[Mapping[str, Any]]:
    """What was heard of agents, or of one kind of agent."""
    return [one for one in sources if one["source"] in ({source} if source else AGENTS)]


def came_since(kinds: Iterable[Mapping[str, Any]], since: int) -> int:
    """How many of the messages that are remembered came at this time (microseconds) or later and were taken."""
    return sum(
        1 for kind in kinds for one in kind["last"] if one["at"] >= since and one["became"] and not one["refused"]
    )


def lines_of(kinds: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """The lines: a kind of message and how many came, then its last ones."""
    for kind in kinds:
        yield printable(f"{kind['source']}  {kind['what']}: {kind['count']}")
        for one in kind["last"]:
            yield printable(f"  {timestamp(one['at'])}  {clipped(_became(one), MOST)}")


def _became(one: Mapping[str, Any]) -> str:
    topic = f"{one['topic']}: " if one["topic"] else ""
    if one["refused"]:
        return f"{topic}refused: {one['refused']}"
    became = ", ".join(one["became"]) or "nothing"
    ignored = f" ({'; '.join(one['ignored'])})" if one["ignored"] else ""
    wallet = f", wallet {one['wallet']}" if one.get("wallet") else ""
    return f"{topic}{became}{ignored}{wallet}"
