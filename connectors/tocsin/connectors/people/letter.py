"""A notification as a person reads it: title and body, as plain text or Markdown, within the room that a service has.

All that strangers wrote goes through `neutral`. What must be there (title, code, the first link) stays where room is
short; explanations and details are cut first, with an ellipsis (docs/people.md#what-arrives).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from msgspec import Struct

from tocsin.connectors.catalogue.catalogue import Catalogue, Match
from tocsin.connectors.dialects.notification import DIGEST, PING, REPEATED
from tocsin.connectors.people.neutral import ELLIPSIS, for_markdown, neutral, shortened
from tocsin.connectors.people.told import ABOUT, Told
from tocsin.connectors.people.words import SIGNS, Words

Form = Literal["text", "markdown"]
"""How the body is written."""

STEPPED, RESOLVED, TIMEOUT = "escalation.stepped", "problem.resolved", "timeout.noticed"

MAX_TITLE, MAX_PROSE, MAX_VALUE, MAX_CASES = 150, 800, 160, 5
"""Characters of a title, of an explanation, of a value; codes of a digest that are listed."""

_HEADS = {REPEATED: "again", DIGEST: "digest", RESOLVED: "resolved", TIMEOUT: "timeout", STEPPED: "page"}
"""Kind of notification -> the word before its title."""


class Link(NamedTuple):
    """A link by which a person answers: what it does (a key of the words), and its address, which is ours."""

    does: str
    url: str


class Room(NamedTuple):
    """Characters that a service takes. Without a `title` of its own, the title is the beginning of the body."""

    body: int = 32_768
    title: int = MAX_TITLE


class Letter(Struct, frozen=True):
    """What a person is sent. `mood` is what the service colours it by: failure, warning, info or success."""

    title: str
    body: str
    mood: Literal["failure", "warning", "info", "success"] = "info"


def letter(
    told: Told,
    words: Words,
    links: Sequence[Link] = (),
    form: Form = "text",
    room: Room = Room(),  # noqa: B008 - frozen
    *,
    replayed: bool = False,
) -> Letter:
    """The letter, never longer than its room. A room that is too small for what must be there loses the links first."""
    title = shortened(_title(told, words), min(room.title or MAX_TITLE, MAX_TITLE))
    space = room.body if room.title else room.body - len(title) - len("\r\n")
    write = _MARKDOWN if form == "markdown" else _TEXT
    details = [*_details(told, words, write), *([write.line(words["replayed"], "")] if replayed else [])]
    code = write.line(words["code"], _code(told.code)) if told.code else ""
    shown = [write.link(words[each.does], each.url) for each in links]
    for body in _ever_shorter(told, words, write, code, details, shown):
        if 0 < len(body) <= space:  # Apprise sends no empty one
            return Letter(title, body, _mood(told))
    return Letter(title, shortened(neutral(told.code, MAX_VALUE) or title, max(space, 1)), _mood(told))


def _ever_shorter(
    told: Told, words: Words, write: _Writer, code: str, details: Sequence[str], links: Sequence[str]
) -> Iterator[str]:
    """Bodies, each shorter than the one before: less prose, then fewer details, and all that with fewer links."""
    for shown in (links, links[:1], ()) if links else (links,):
        for prose in (MAX_PROSE, 400, 200, 100):
            yield _joined(write, _prose(told, words, write, prose), [code, *details], shown)
        short = _prose(told, words, write, 60)[:1]
        for kept in range(len(details) - 1, -1, -1):
            yield _joined(write, short, [code, *details[:kept], ELLIPSIS], shown)
        yield _joined(write, (), [code], shown)


def _joined(write: _Writer, prose: Iterable[str], lines: Iterable[str], links: Iterable[str]) -> str:
    blocks = [*prose, write.lines(filter(None, lines)), write.lines(links)]
    return "\n\n".join(filter(None, blocks))


def _title(told: Told, words: Words) -> str:
    """One line, without line ends: it may become the subject of a mail."""
    if told.kind == PING:
        return f"{SIGNS['ping']} {words['ping']}: {neutral(told.endpoint, MAX_TITLE)}"
    severity = told.severity if told.severity in ("error", "warning") else "unknown"
    head = _HEADS.get(told.kind, "")
    if told.kind == DIGEST and told.why == "repeat":
        head = "reminder"
    sign = SIGNS.get(head, SIGNS[severity])
    said = [words[head] if head and head != "page" else words[severity]]
    if head == "page":
        said = [f"{words['page']} {told.step + 1}", words[severity]]
    elif head in ("again", "digest", "reminder"):
        said.append(words[severity])
    if told.claimed:
        said.append(words["claimed"])
    about = neutral(told.title.text, MAX_TITLE) or _code(told.code) or neutral(told.kind, MAX_TITLE)
    return f"{sign} {', '.join(said)}: {about}"


def _prose(told: Told, words: Words, write: _Writer, length: int) -> list[str]:
    """Explanation, what helps, and what the reporter said, each once."""
    explanation, hint, said = told.explanation.text, told.fix_hint.text, told.text
    found = [write.text(words["pinged"])] if told.kind == PING else []
    if explanation and explanation != told.title.text:
        found.append(write.text(neutral(explanation, length)))
    if hint:
        found.append(write.line(words["hint"], neutral(hint, length)))
    if said and said not in (explanation, told.title.text):
        found.append(write.line(words["said"], neutral(said, length)))
    return found


def _details(told: Told, words: Words, write: _Writer) -> Iterator[str]:
    """Which step, how often, who and what; the first are the last to be cut."""
    if told.policy:
        turns = [f"{words['repeat']} {told.repeat}"] if told.repeat else []
        turns += [f"{words['cycle']} {told.cycle + 1}"] if told.cycle else []
        step = f"{neutral(told.policy, MAX_VALUE)}, {words['page']} {told.step + 1}"
        yield write.line(words["policy"], ", ".join([step, *turns]))
    if told.count:
        since = f", {words['since']} {_moment(told.since)}" if told.since else ""
        yield write.line(words["count"], f"{told.count}{since}")
    if told.choice:
        decided = words.get(told.choice, neutral(told.choice, MAX_VALUE))
        yield write.line(words["choice"], f"{decided}, {_moment(told.retry_at)}" if told.retry_at else decided)
    if told.waited:
        yield write.line(words["waited"], f"{told.waited:.0f} s")
    if told.kind == DIGEST and len(told.cases) > 1:
        listed = [f"{_code(code)} x{count}" for code, count in told.cases[:MAX_CASES]]
        more = len(told.cases) - len(listed) + told.more
        yield write.line(words["digest"], ", ".join([*listed, *([f"{more} {words['more']}"] if more else [])]))
    ended = {"by": told.by, "why": told.why} if told.kind == RESOLVED else {}
    about = {name: told.about[name] for name in ABOUT if name in told.about}
    if side := about.get("side"):
        about["side"] = words.get(f"side_{side}", "")
    for name, value in (ended | about | {"tenant": told.tenant, "case": told.case}).items():
        if value:
            yield write.line(words[name], neutral(value, MAX_VALUE))


def _moment(text: str) -> str:
    """A time of ours, RFC 3339 in UTC, to the second."""
    return f"{neutral(text[:19].replace('T', ' '), 19)} UTC" if text.endswith("Z") else neutral(text, 40)


def _code(code: str) -> str:
    """A code of the catalogue as it is, so that it can be copied; another one may be the name of a host."""
    found = Catalogue.load().find(code)
    ours = found is not None and found.match in (Match.EXACT, Match.ALIAS) and found.entry.code == code
    return code if ours else neutral(code, MAX_VALUE)


def _mood(told: Told) -> Literal["failure", "warning", "info", "success"]:
    if told.kind == RESOLVED:
        return "success"
    return "failure" if told.severity == "error" else "warning" if told.severity == "warning" else "info"


class _Writer:
    """Plain text."""

    def text(self, said: str) -> str:
        return said

    def line(self, label: str, value: str) -> str:
        return f"{label}: {value}" if value else label

    def link(self, label: str, url: str) -> str:
        return f"{label}: {url}"

    def lines(self, given: Iterable[str]) -> str:
        return "\n".join(given)


class _MarkdownWriter(_Writer):
    """CommonMark. Our own addresses have no character that ends a link: they are base64url behind a checked URL."""

    def text(self, said: str) -> str:
        return for_markdown(said)

    def line(self, label: str, value: str) -> str:
        return f"**{for_markdown(label)}**: {for_markdown(value)}" if value else f"**{for_markdown(label)}**"

    def link(self, label: str, url: str) -> str:
        return f"[{for_markdown(label)}]({url})"

    def lines(self, given: Iterable[str]) -> str:
        return "  \n".join(given)  # two spaces: a line break


_TEXT, _MARKDOWN = _Writer(), _MarkdownWriter()
