"""A problem as a document of a dialect, for endpoints that take that instead of our notification."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import partial

import msgspec

from tocsin.connectors.dialects import DIALECT_OF_MEDIA_TYPE, Unwritable, write_document
from tocsin.connectors.dialects.json_text import parse_json
from tocsin.connectors.dialects.ordering import ORDERS
from tocsin.connectors.dialects.table import FREE_TEXT
from tocsin.connectors.dialects.template import interpolate
from tocsin.schemas.errors import TocsinError
from tocsin.schemas.problem import Http, Item, Problem, Source
from tocsin.streams.rules.facts import MAX_DIGITS, REPORT_DIALECTS, is_stated
from tocsin.streams.rules.identity import shortened
from tocsin.streams.rules.trust import is_high

MAX_DOCUMENT = 64 * 1024
"""Bytes of a document; of a larger problem only what identifies it is written."""

MAX_PEER_TEXT = 1024
"""Characters of the text that a peer is told."""

SHORT = 4
"""Characters from which on a secret is hidden also within a word."""

MIN_ITEM = 3
"""Characters from which on the value of an item is hidden in texts; shorter ones are mostly numbers and flags."""

_TOLD = ("~thread", "@thread", *ORDERS, "~l10n", "@msg_catalog")
"""Beginnings of the extensions that a peer is told: the order in the thread, the languages and the catalogue."""

_ENCODER = msgspec.json.Encoder(order="deterministic")
_MEDIA_TYPES = {dialect: media_type for media_type, dialect in DIALECT_OF_MEDIA_TYPE.items()}


def media_type_of(dialect: str) -> str:
    """The content type of a dialect's documents."""
    return _MEDIA_TYPES.get(dialect, "application/json")


def can_say(problem: Problem, dialect: str) -> bool:
    """Whether the dialect can say this problem (DIDComm v2 needs a thread, DWN a status)."""
    return document_of(problem, dialect) is not None


def document_of(
    problem: Problem,
    dialect: str,
    instance: str | None = None,
    limit: int = MAX_DOCUMENT,
    message_type: str | None = None,
) -> bytes | None:
    """The problem as a strict document, at most `limit` bytes; None when the dialect cannot say it so. The same problem
    always gives the same bytes. `instance` (`urn:uuid:<event id>`) is the RFC 9457 id of this occurrence, where it has
    none, and its UUID the id of a message that has none; `message_type` is that of the message, where the dialect's
    writer does not choose it."""
    if instance is not None and problem.message_id is None and dialect in REPORT_DIALECTS:
        problem = msgspec.structs.replace(problem, message_id=instance.removeprefix("urn:uuid:"))
    if dialect == "rfc9457" and instance is not None:
        http = problem.http or Http()
        http = msgspec.structs.replace(http, instance=http.instance or instance)
        problem = msgspec.structs.replace(problem, http=http)
    for cut in (_whole, _bare, _nameless):
        try:
            written = write_document(cut(problem), dialect)
            if message_type is not None:
                written["@type" if "@type" in written else "type"] = message_type
            document = _encoded(written)
        except Unwritable:
            return None
        except (TocsinError, ValueError, RecursionError):
            # A rule must not fail over what a stranger wrote: what identifies the problem can still be said.
            continue
        if len(document) <= limit:
            return document
    return None


def as_new_message(problem: Problem) -> Problem:
    """The problem without the message in which it came: in a message of ours it has another id."""
    if problem.message_id is None:
        return problem
    own = problem.thread_id_derived or problem.thread_id == problem.message_id
    thread_id = None if own else problem.thread_id
    return msgspec.structs.replace(problem, message_id=None, thread_id=thread_id, thread_id_derived=False)


def in_thread(problem: Problem, thread: str | None, otherwise: str | None = None) -> Problem:
    """The problem as one of this thread, where it names none itself: only its context knows it; `otherwise` stands for
    a thread of which nobody knows."""
    if is_stated(problem) or problem.parent_thread_id:
        return problem
    found = thread if thread not in (None, problem.thread_id) else problem.thread_id or otherwise
    if found is None or found == problem.thread_id:
        return problem
    return msgspec.structs.replace(problem, thread_id=found, thread_id_derived=False)


def _encoded(document: dict[str, object]) -> bytes:
    """Raises ValueError: a text that UTF-8 cannot hold."""
    try:
        return _ENCODER.encode(document)
    except OverflowError:
        # A member of a stranger may be a number of more than 64 bits, for which JSON has room and msgspec has none.
        return json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def for_peer(problem: Problem, trust: str | None) -> Problem:
    """What a peer may know of a problem. Unless the connection's trust is high, values of arguments and items are `?`,
    wherever they stand, since they are secret by default; what the reporting service says of itself is left out
    (source, request id, tracking address, extensions but those of the thread and the language); and the title
    stands for a text that is free text, as the detail of RFC 9457 is."""
    if is_high(trust):
        return problem
    problem = _without_detail(problem)
    secrets = sorted(_secrets(problem), key=len, reverse=True)
    hidden = partial(_hidden, secrets=secrets)
    template = problem.text_template if problem.args else None
    if template is not None:
        # A short argument may be the number of a place: the places of arguments stay.
        template = _hidden(template, [secret for secret in secrets if len(secret) >= SHORT])
    args = ["?"] * len(problem.args) if template else []
    said = (problem.text and hidden(problem.text)) if template is None else interpolate(template, args)
    bare, title = _bare(problem), problem.http and problem.http.title
    return msgspec.structs.replace(
        bare,
        ack=list(problem.ack),
        text_template=shortened(template, MAX_PEER_TEXT),
        args=args,
        text=shortened(said, MAX_PEER_TEXT),
        localized={tag: shortened(said, MAX_PEER_TEXT) if text == problem.text else hidden(text)
                   for tag, text in problem.localized.items()},
        items=[Item(key=one.key and hidden(one.key), value="?") for one in problem.items],
        fix_hint={tag: hidden(text) for tag, text in problem.fix_hint.items()},
        where_party=problem.where_party,
        where_place=problem.where_place and hidden(problem.where_place),
        noticed_at=problem.noticed_at,
        time_source=problem.time_source,
        escalation_uri=problem.escalation_uri,
        http=bare.http and msgspec.structs.replace(bare.http, title=title and hidden(title)),
        extensions={name: hidden(text) for name, text in problem.extensions.items() if name.startswith(_TOLD)},
    )  # fmt: skip


def _without_detail(problem: Problem) -> Problem:
    """The problem with its title, if any, in place of free text in every language."""
    detail = problem.http.detail if problem.http else None
    title = problem.http.title if problem.http else None
    if problem.dialect in FREE_TEXT:
        return msgspec.structs.replace(problem, text=title, text_template=None, localized={}, fix_hint={})
    if not detail:
        return problem
    return msgspec.structs.replace(
        problem,
        text=title if detail in (problem.text or "") else problem.text,
        text_template=None if detail in (problem.text_template or "") else problem.text_template,
        localized={tag: text for tag, text in problem.localized.items() if detail not in text},
    )


def _secrets(problem: Problem) -> set[str]:
    """The values that no text may show: of arguments, and of items, also those within a value that is JSON."""
    values = [one.value for one in problem.items]
    for value in tuple(values):
        if value.startswith(("{", "[")):
            values += _leaves(value)
    return {arg for arg in problem.args if arg} | {value for value in values if len(value) >= MIN_ITEM}


def _leaves(text: str) -> list[str]:
    """The texts and numbers in a JSON text, as deep as they stand; none if it is no JSON."""
    try:
        left, found = [parse_json(text.encode())], list[str]()
    except (TocsinError, ValueError, RecursionError):
        return []
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left += value.values()
        elif isinstance(value, list):
            left += value
        elif isinstance(value, str):
            found.append(value)
        elif not isinstance(value, bool) and value is not None:
            found.append(str(value))
    return found


def _hidden(text: str, secrets: Sequence[str]) -> str:
    """The text with `?` in place of each secret; of a short one only where it is a word, or nothing would be left."""
    for secret in secrets:
        if secret not in text:
            continue
        if len(secret) >= SHORT:
            text = text.replace(secret, "?")
        else:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "?", text)
    return text if len(text) <= MAX_PEER_TEXT else text[: MAX_PEER_TEXT - 1] + "…"


def _whole(problem: Problem) -> Problem:
    return problem


def _nameless(problem: Problem) -> Problem:
    """What identifies a problem, without the texts that are for people."""
    bare = _bare(problem)
    return msgspec.structs.replace(bare, text=None, http=bare.http and msgspec.structs.replace(bare.http, title=None))


def _bare(problem: Problem) -> Problem:
    """What identifies a problem."""
    http = problem.http
    return Problem(
        dialect=problem.dialect,
        code=problem.code,
        code_key=problem.code_key,
        category=problem.category,
        severity=problem.severity,
        scope=problem.scope,
        impact=problem.impact,
        message_id=problem.message_id,
        message_type=problem.message_type,
        thread_id=problem.thread_id,
        thread_id_derived=problem.thread_id_derived,
        parent_thread_id=problem.parent_thread_id,
        text=shortened(problem.text, MAX_PEER_TEXT),
        retry_party=problem.retry_party,
        http=http
        and Http(
            type=http.type, title=shortened(http.title, MAX_PEER_TEXT), status=http.status, instance=http.instance
        ),
        source=Source(protocol=problem.source.protocol),
        extensions={name: text for name, text in problem.extensions.items() if _is_place(name, text)},
    )


def _is_place(name: str, text: str) -> bool:
    """Whether an extension says the place of a message in its thread, as a number."""
    return name.rpartition(".")[2] in ("seqnum", "sender_order") and text.isdigit() and len(text) < MAX_DIGITS
