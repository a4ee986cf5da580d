"""DIDComm v2 `report-problem/2.0`, plaintext: a whole message, or only its body (DIDComm v2 "Problem Reports").

A protocol may carry the report under its own family: the last segment of `type` decides (`problem-report` or
`problem_report`). A missing `pthid` is flagged, not refused: real mediators leave it out (docs/requirements.md#b1-10).
A report without a body, its members beside `type`, is read and flagged. `escalate_to` is kept as it came, also a bare
e-mail address (flagged): the vector didcomm2-identus-mediator-not-enrolled demands it; `write` makes it `mailto:`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tocsin.connectors.dialects import aries
from tocsin.connectors.dialects.codes import MAX_CODE_LENGTH, SEVERITIES, parse_code
from tocsin.connectors.dialects.didcomm2_writing import MESSAGE_TYPE, MICROSECONDS, NAME, TOO_LATE, write
from tocsin.connectors.dialects.json_text import json_text
from tocsin.connectors.dialects.members import Members, as_extensions, distinct, fold, folded_names
from tocsin.connectors.dialects.message_types import is_report
from tocsin.connectors.dialects.reading import NotAProblem, Unreadable, UnreadableReason
from tocsin.connectors.dialects.template import MAX_TEXT, interpolate
from tocsin.connectors.dialects.values import is_uri, read_time
from tocsin.schemas.problem import Item, Problem, Source, Violation

__all__ = ["MEDIA_TYPE", "MESSAGE_TYPE", "NAME", "looks_like", "read", "write"]

MEDIA_TYPE = "application/didcomm-plain+json"
MAX_COMMENT = 4096
MAX_ARGS = 32
"""A longer comment, or more arguments, is flagged (docs/reliability.md#limits)."""
_BODY_MEMBERS = {"code", "comment", "args", "escalate_to"}
_MESSAGE_MEMBERS = {"id", "thid", "pthid", "body", "code"}
_OTHER_MEMBERS = {"title", "status", "detail"}
"""Members of RFC 9457 documents, whose `type` may end in problem-report too."""
_WORDING_OF_V1 = frozenset({"description", "explain", "problemcode", "friendlyltxt", "explainltxt"})
_TYPE_OF_V1 = re.compile(r"(?:report-?problem|notification)/1\.[0-9.]+/", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]{1,14}(?:\.[0-9]{1,9})?")


def read(document: object) -> Problem | NotAProblem:
    """A plaintext message, or only its body, as a canonical problem. Raises Unreadable without a code."""
    if not isinstance(document, dict):
        raise Unreadable(UnreadableReason.WRONG_TYPE, expected="an object")
    violations: list[Violation] = []
    if "body" not in document and "type" not in document:
        return _read(Members({}, violations), Members(document, violations), violations)
    document = _without_at_signs(document, violations)
    kind = document.get("type")
    if isinstance(kind, str) and not is_report(kind):
        return NotAProblem(NAME, "a message of another type")
    if isinstance(kind, str):
        if _has_wording_of_v1(document):
            return aries.read(_as_v1(document))
        if "/1." in kind and _TYPE_OF_V1.search(kind):
            violations.append(Violation(rule="type-of-another-version", pointer="/type"))
    envelope = Members(document, violations)
    body = envelope.take("body")
    if body is None and "code" in envelope.left:
        envelope.flag("required-member-missing", "body")
        flat = {name: value for name, value in envelope.left.items() if _snake(name) in _BODY_MEMBERS}
        envelope.left = {name: value for name, value in envelope.left.items() if name not in flat}
        return _read(envelope, Members(flat, violations), violations)
    if not isinstance(body, dict):
        raise Unreadable(UnreadableReason.WRONG_TYPE, "/body", "an object")
    return _read(envelope, Members(body, violations, "/body"), violations)


def _without_at_signs(document: dict[str, object], violations: list[Violation]) -> dict[str, object]:
    """The message with the names of v2 for `@type`, `@id` and `~thread`, flagged, where it has a body."""
    if "body" not in document or ("~thread" not in document and ("type" in document or "@type" not in document)):
        return document
    message = dict(document)
    for old, new in (("@type", "type"), ("@id", "id")):
        if old in message and new not in message:
            message[new] = message.pop(old)
            violations.append(Violation(rule="member-of-didcomm-v1", pointer=f"/{old}"))
    thread = message.get("~thread")
    if isinstance(thread, dict):
        message |= {name: thread[name] for name in ("thid", "pthid") if name in thread and name not in message}
        violations.append(Violation(rule="member-of-didcomm-v1", pointer="/~0thread"))
    return message


def _has_wording_of_v1(document: dict[str, object]) -> bool:
    """Whether a report, or its body, has no code but what v1 has instead."""
    body = document.get("body")
    inner: Mapping[str, object] = body if isinstance(body, dict) else document
    if "code" in inner or "code" in document:
        return False
    names = folded_names(inner)
    return "code" not in names and not names.isdisjoint(_WORDING_OF_V1)


def _as_v1(document: dict[str, object]) -> dict[str, object]:
    body = document.get("body")
    return {name: value for name, value in document.items() if name != "body"} | (
        body if isinstance(body, dict) else {}
    )


def looks_like(document: dict[str, object]) -> bool:
    """The media type in `typ`; or `type`, `body` and what else a message has; or a report's `type` without a body; or a
    body alone, with a v2 code."""
    kind = document.get("type")
    if document.get("typ") == MEDIA_TYPE:
        return True
    if isinstance(kind, str) and "body" in document and ("id" in document or is_report(kind)):
        return True
    if isinstance(kind, str) and is_report(kind) and _OTHER_MEMBERS.isdisjoint(document):
        return not _MESSAGE_MEMBERS.isdisjoint(document)
    code = document.get("code")
    if not isinstance(code, str) or not (document.keys() <= _BODY_MEMBERS) or len(document) < 2:
        return False
    return code.partition(".")[0] in SEVERITIES


def _read(envelope: Members, body: Members, violations: list[Violation]) -> Problem:
    code = _take_code(body)
    message_id, thid, pthid = envelope.take_id("id"), envelope.take_id("thid"), envelope.take_id("pthid")
    message_type = envelope.take_text("type")
    ack = envelope.take_texts("ack")
    template, args, text = _take_text(body)
    escalation = _take_escalation(body)
    noticed_at = _take_time(envelope)
    sender, recipients, lang = envelope.take_text("from"), envelope.take_texts("to"), envelope.take_text("lang")
    envelope.take("typ")
    _flag_missing(envelope, id=message_id, type=message_type, pthid=pthid)
    parsed = parse_code(code)
    violations.extend(Violation(rule=rule, pointer=f"{body.at}/code") for rule in parsed.violations)
    return Problem(
        dialect=NAME,
        conformant=not violations,
        violations=violations,
        code=code,
        code_key=parsed.key,
        category=parsed.category,
        severity=parsed.severity,
        scope=parsed.scope,
        message_id=message_id,
        message_type=message_type,
        thread_id=thid or message_id,
        thread_id_derived=thid is None and message_id is not None,
        parent_thread_id=pthid,
        ack=ack,
        context_ids=distinct([pthid, thid, *ack]),
        text_template=template,
        args=args,
        text=text,
        localized={lang: text} if lang and text else {},
        items=[Item(key=str(n), value=value) for n, value in enumerate(args, 1)],
        noticed_at=noticed_at,
        time_source=None if noticed_at is None else "created_time",
        escalation_uri=escalation,
        source=Source(sender=sender, recipients=recipients),
        extensions=as_extensions(("", envelope.left), ("body.", body.left)),
    )


def _flag_missing(envelope: Members, **required: str | None) -> None:
    for name, value in required.items():
        if value is None:
            envelope.flag("required-member-missing", name)


def _take_code(body: Members) -> str:
    value = body.take("code")
    if value is None or value == "":
        raise Unreadable(UnreadableReason.MISSING_MEMBER, f"{body.at}/code", "a problem code")
    if not isinstance(value, str):
        raise Unreadable(UnreadableReason.WRONG_TYPE, f"{body.at}/code", "a string")
    if len(value) > MAX_CODE_LENGTH:
        raise Unreadable(UnreadableReason.TOO_LONG, f"{body.at}/code", f"at most {MAX_CODE_LENGTH} characters")
    return value


def _take_text(body: Members) -> tuple[str | None, list[str], str | None]:
    """The template, its arguments (`?` for one that is null), and the text that they make."""
    template, args = body.take_text("comment"), _take_args(body)
    if template is not None and len(template) > MAX_COMMENT:
        body.flag("comment-too-long", "comment")
    text = None if template is None and not args else interpolate(template or "", args).removeprefix(", ")
    if text is not None and len(text) == MAX_TEXT and text.endswith("…"):
        body.flag("text-cut", "comment")
    return template, ["?" if value is None else value for value in args], text


def _take_escalation(body: Members) -> str | None:
    escalation = body.take_text("escalate_to")
    if escalation is not None and not is_uri(escalation):
        body.flag("escalate-to-not-a-uri", "escalate_to")
    return escalation or None


def _take_args(body: Members) -> list[str | None]:
    value = body.take("args")
    if value is None:
        return []
    if isinstance(value, dict):
        body.refuse("not-a-list", "args", value)
        value = list(value.values())
    elif not isinstance(value, list):
        body.flag("not-a-list", "args")
        value = [value]
    if len(value) > MAX_ARGS:
        body.flag("too-many-args", "args")
    if any(item is not None and not isinstance(item, str) for item in value):
        body.flag("not-a-string", "args")
    return [item if item is None or isinstance(item, str) else json_text(item) for item in value]


def _take_time(envelope: Members) -> int | None:
    """`created_time` in microseconds: seconds since the epoch as a number (the specification). In use, and flagged: the
    number as text, ISO 8601, milliseconds (docs/requirements.md#b1-17)."""
    value = said = envelope.take("created_time")
    if value is None:
        return None
    if isinstance(value, str):
        text = value.strip()
        if not _NUMBER.fullmatch(text):
            at, _ = read_time(text)
            if at is None:
                envelope.refuse("not-a-time", "created_time", said)
            else:
                envelope.flag("not-a-number", "created_time")
            return at
        envelope.flag("not-a-number", "created_time")
        value = float(text) if "." in text else int(text)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < TOO_LATE * 1000:
        envelope.refuse("not-a-time", "created_time", said)
        return None
    if value >= TOO_LATE:
        envelope.flag("time-in-milliseconds", "created_time")
        return round(value * 1000)
    return round(value * MICROSECONDS)


def _snake(name: str) -> str:
    """A member's name in the spelling of v2 bodies, if it is one of theirs."""
    folded = fold(name)
    return "escalate_to" if folded == "escalateto" else folded
