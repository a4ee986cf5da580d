"""What a notification says, for those who show it to people. Total: whatever the body is, something is read of it.

The texts are as they came, from strangers: who shows them makes them harmless first (`printable`, `people.neutral`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from tocsin.connectors.printable import clipped
from tocsin.schemas.problem import CLAIMED

ABOUT = ("service", "side", "sender", "wallet", "connection", "thread", "record", "job", "protocol", "state")
"""What a problem may be about, in the order in which people are shown it."""

UNPROVEN = "claimed: nothing proves who sent it"
"""What is said in a line of a problem that is only claimed."""

MAX_LINE = 500
"""Characters of a line about a body that is no notification of ours."""


class Text(Struct, frozen=True):
    """A text, and whether the catalogue wrote it (else strangers did); `language` as it was stated."""

    text: str = ""
    ours: bool = False
    language: str | None = None


class Told(Struct, frozen=True, kw_only=True):
    """The members of a notification that people are shown; an empty text stands for what was not said.
    `endpoint` is said by a ping alone.

    `title`, `explanation` and `fix_hint` come from `data.wording`, else from the document; `text` is the reporter's.
    `step` and `cycle` count from 0. `about` has the values of ABOUT that are known. Times are RFC 3339. `cases` are the
    codes and counts of a digest.
    """

    kind: str = ""
    endpoint: str = ""
    tenant: str = ""
    case: str = ""
    severity: str = ""
    code: str = ""
    title: Text = Text()
    explanation: Text = Text()
    fix_hint: Text = Text()
    text: str = ""
    about: Mapping[str, str] = {}
    count: int = 0
    since: str = ""
    policy: str = ""
    step: int = 0
    repeat: int = 0
    cycle: int = 0
    why: str = ""
    by: str = ""
    choice: str = ""
    waited: float = 0.0
    retry_at: str = ""
    cases: tuple[tuple[str, int], ...] = ()
    more: int = 0
    claimed: bool = False
    """Nothing proves who says it."""


_MEMBERS = frozenset({"type", "timestamp", "data"})
"""The members of our notification. No other form of a body has these alone, whatever a stranger put into it."""


def is_ours(body: object, content_type: str) -> bool:
    """Whether a body (parsed) is a notification that the bus wrote, plain or as a CloudEvent: then what it says of its
    case, and of who worded it, is true. In a document of a dialect members of strangers stand beside its own."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == "application/cloudevents+json":
        return True
    return media_type == "application/json" and isinstance(body, dict) and body.keys() == _MEMBERS


def told_of(body: object) -> Told | None:
    """What a notification says (its parsed body); None when it is none of ours: no object with an object `data`."""
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(data, dict):
        return None
    problem, thread = _object(data.get("problem")), _object(data.get("thread"))
    wording, http = _object(data.get("wording")), _object(problem.get("http"))
    title = _worded(wording.get("title")) or Text(_text(http.get("title")))
    explanation = _worded(wording.get("explanation"))
    text = _text(problem.get("text")) or _text(http.get("detail"))
    if not title.text:
        title = Text(_text(data.get("title")) or text)
    return Told(
        kind=_text(body.get("type")),
        endpoint=_text(data.get("endpoint")),
        tenant=_text(data.get("tenant")),
        case=_text(data.get("case")),
        severity=_text(problem.get("severity")) or _text(data.get("severity")),
        code=_text(problem.get("code")) or _text(data.get("code")),
        title=title,
        explanation=explanation or Text(_text(data.get("explanation"))),
        fix_hint=_worded(wording.get("fix_hint")) or Text(),
        text=text,
        about=_about(data, problem, thread),
        count=_number(data.get("count")),
        since=_text(data.get("first_seen") or data.get("since") or thread.get("first_seen")),
        policy=_text(data.get("policy")),
        step=_number(data.get("step")),
        repeat=_number(data.get("repeat")),
        cycle=_number(data.get("cycle")),
        why=_text(data.get("why")),
        by=_text(data.get("by")),
        choice=_text(data.get("choice")),
        waited=_seconds(data.get("waited_seconds")),
        retry_at=_text(data.get("retry_at")),
        cases=_cases(data.get("cases")),
        more=_number(data.get("more")),
        claimed=_object(problem.get("source")).get("trust") == CLAIMED,
    )


def notification_line(body: object) -> str:
    """A line for a terminal about a notification (its parsed body): kind, tenant, severity, code, text, and the case
    that commands take. Of a body in another shape its members, as JSON would say them."""
    told = told_of(body)
    if told is None:
        return clipped(str(body), MAX_LINE)
    said = " ".join(clipped(word, 120) for word in (told.kind, told.tenant, told.severity, told.code) if word)
    said += f" ({UNPROVEN})" if told.claimed else ""
    text = told.text or told.title.text or told.explanation.text
    text = f": {clipped(text, 300)}" if text else ""
    return said + text + (f"  (case {clipped(told.case, 80)})" if told.case else "")


def _about(data: dict[str, Any], problem: dict[str, Any], thread: dict[str, Any]) -> dict[str, str]:
    source = _object(problem.get("source"))

    def known(name: str) -> str:
        return _text(source.get(name)) or _text(thread.get(name)) or _text(data.get(name))

    found = {name: known(name) for name in ABOUT}
    found["thread"] = _text(thread.get("thread_id")) or _text(problem.get("thread_id")) or _text(data.get("thread_id"))
    found["record"] = " ".join(filter(None, (known("record_type"), known("record_id"))))
    return {name: value for name, value in found.items() if value}


def _cases(value: object) -> tuple[tuple[str, int], ...]:
    listed = value if isinstance(value, list) else []
    return tuple((_text(one.get("code")), _number(one.get("count"))) for one in listed if isinstance(one, dict))


def _worded(value: object) -> Text | None:
    said = _object(value)
    text = _text(said.get("text"))
    return Text(text, said.get("from") == "catalogue", _text(said.get("language")) or None) if text else None


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12 else 0.0
