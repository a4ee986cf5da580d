"""The tags of an event: those with the names of a context say it, the others are told as they are."""

from __future__ import annotations

from typing import Any

import msgspec

from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.dialects.codes import MAX_CODE_LENGTH
from tocsin.connectors.dialects.context import ProblemContext, near_field, read_context
from tocsin.connectors.dialects.members import escape
from tocsin.connectors.sources.sentry.lenient import object_of, text_of
from tocsin.schemas.problem import Item, Violation

CODES = ("problem_code", "code")
"""The tags that say the problem's code."""
MAX_TAGS, MAX_TAG = 32, 200
"""How many tags are told, and how many characters of each, as SDKs have it themselves."""
MAX_LOOKED_AT = 256
MAX_CONTEXT_VALUE = 2048

_CELERY_TASK = "celery_task_id"


class Tagged(msgspec.Struct, frozen=True, kw_only=True):
    """What the tags of an event say."""

    code: str | None = None
    context: ProblemContext = ProblemContext()
    items: list[Item] = []
    violations: list[Violation] = []


def read_tags(event: dict[str, Any], service: str) -> Tagged:
    """What its tags say, and what `extra` says of the context (loggers put it there); a tag counts before that.
    `service` is that of an event which names none."""
    tags, extra = tags_of(event), object_of(event.get("extra"))
    said = {name: value for name, value in list(extra.items())[:MAX_LOOKED_AT] if _says(name)}
    said |= {name: value for name, value in tags.items() if _says(name)}
    context: dict[str, object] = {"service": service}
    if _CELERY_TASK in tags and event.get("transaction"):
        context["job"] = text_of(event["transaction"], MAX_TAG)
    violations: list[Violation] = []
    for name, value in said.items():
        if name in CODES:
            continue
        try:
            found = read_context({name: text_of(value, MAX_CONTEXT_VALUE)})
        except Unreadable:
            violations.append(Violation(rule="context-not-usable", pointer=f"/tags/{escape(name)}"))
            continue
        context |= {field: one for field, one in msgspec.structs.asdict(found).items() if one}
    return Tagged(
        code=next((code for name in CODES if (code := _code(said.get(name)))), None),
        context=ProblemContext(**context),  # type: ignore[arg-type]
        items=[Item(key=name, value=value) for name, value in list(tags.items())[:MAX_TAGS] if not _says(name)],
        violations=violations,
    )


def tags_of(event: dict[str, Any]) -> dict[str, str]:
    """The tags, which are an object or a list of pairs."""
    found, tags = event.get("tags"), dict[str, str]()
    pairs = list(found.items()) if isinstance(found, dict) else found if isinstance(found, list) else []
    for pair in pairs[:MAX_LOOKED_AT]:
        if isinstance(pair, list | tuple) and len(pair) == 2:
            name, value = text_of(pair[0], MAX_TAG), text_of(pair[1], MAX_CONTEXT_VALUE)
            if name and value:
                tags[name] = value if _says(name) else value[:MAX_TAG]
    return tags


def _says(name: object) -> bool:
    """Whether a tag of this name says a context, or the code."""
    return isinstance(name, str) and len(name) <= MAX_TAG and (name in CODES or near_field(name) is not None)


def _code(value: object) -> str | None:
    code = text_of(value, MAX_CODE_LENGTH + 1)
    return code if 0 < len(code) <= MAX_CODE_LENGTH and code.isprintable() and not code.isspace() else None
