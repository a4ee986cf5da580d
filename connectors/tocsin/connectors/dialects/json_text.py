"""JSON from strangers: bounded before it is parsed, one exception whatever the bytes (docs/reliability.md#bombs)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from tocsin.connectors.dialects.reading import Unreadable, UnreadableReason

MAX_BYTES = 1024 * 1024
"""The largest JSON text that is parsed, in bytes."""
MAX_DOCUMENT = 256_000
"""The largest problem document, in bytes: its event, in which a text may stand four times (as it came, as an argument,
put together, and in a language), is then at most 1 MiB."""
MAX_DEPTH = 32
"""How deep arrays and objects may nest."""
MAX_MEMBERS = 256
"""How many members one object may have."""
OF_A_PART = frozenset({
    UnreadableReason.TOO_DEEP, UnreadableReason.LONE_SURROGATE, UnreadableReason.DUPLICATE_MEMBER,
    UnreadableReason.NOT_UTF8, UnreadableReason.TOO_MANY_MEMBERS, UnreadableReason.NUMBER_OUT_OF_RANGE,
})  # fmt: skip
"""Why a JSON text cannot be kept as a whole, of which the other parts can."""
HOLE = 1
"""What stands for what cannot be kept, where only that is to be refused: no object, nor anything empty."""
MAX_DIGITS = 100
"""How many digits an integer may have: beyond any identifier, and far below what makes `int()` slow."""

_LARGE = 10**18
"""Integers from here on are counted digit by digit."""
# Possessive and with an alternative for the open end, so that no input makes it scan a stretch twice.
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
_STRING_BRACKET_OR_COMMA = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[\]{},]', re.DOTALL)
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")


def parse_json(raw: bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> object:
    """The JSON value of `raw` (UTF-8, a byte order mark is skipped).

    Raises Unreadable, and nothing else: too large, too deep, not UTF-8, not JSON, a member twice in one object, a
    number that cannot be kept (NaN, infinity, over 100 digits), a lone surrogate.
    """
    if len(raw) > max_bytes:
        raise Unreadable(UnreadableReason.TOO_LARGE, expected=f"at most {max_bytes} bytes")
    if not raw.strip():
        raise Unreadable(UnreadableReason.EMPTY, expected="a JSON document")
    _check_depth(raw, max_depth)
    try:
        value: object = _DECODE(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return parse_carefully(raw, max_depth)
    return value if is_plain(value, raw) else parse_carefully(raw, max_depth)


def is_plain(value: Any, raw: bytes) -> bool:
    """Whether what msgspec read from `raw` needs no second look: each two quotes there became a name or a text, so that
    no object had a member twice, and nothing is beyond a limit. False also where that is only not certain."""
    quotes = raw.count(b'"')
    if b"\\" in raw:
        if b"\\\\" in raw:
            return False
        quotes -= raw.count(b'\\"')
    texts, waiting = 0, [value]
    for each in waiting:
        kind = type(each)
        if kind is str:
            texts += 1
        elif kind is dict:
            if len(each) > MAX_MEMBERS:
                return False
            texts += len(each)
            waiting += each.values()
        elif kind is list:
            waiting += each
        elif kind is int and not -_LARGE < each < _LARGE:
            return False
    return 2 * texts == quotes


def parse_carefully(raw: bytes, max_depth: int) -> object:
    """The same by the standard library, which shows every member and number, and says what is wrong."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(UnreadableReason.NOT_UTF8, expected="UTF-8", offset=error.start) from None
    try:
        value: object = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise Unreadable(UnreadableReason.NOT_JSON, expected="JSON", offset=error.pos) from None
    except RecursionError:
        raise Unreadable(UnreadableReason.TOO_DEEP, expected=f"at most {max_depth} levels") from None
    if _SURROGATE_ESCAPE.search(raw):
        _check_surrogates(value)
    return value


def parse_with_holes(raw: bytes, *, max_depth: int = MAX_DEPTH) -> object:
    """The value of a document that holds many others, each of which counts for itself: HOLE stands for what cannot be
    kept (what nests too deep, an object with a member twice or too many, in a list a number beyond a limit), and texts
    may hold lone surrogates, also for bytes that are no UTF-8. Raises Unreadable for what is no JSON."""
    text = without_depths(raw, max_depth).decode("utf-8-sig", "surrogateescape")
    try:
        value: object = _WITH_HOLES.decode(text)
    except json.JSONDecodeError as error:
        raise Unreadable(UnreadableReason.NOT_JSON, expected="JSON", offset=error.pos) from None
    return value


def without_depths(raw: bytes, max_depth: int) -> bytes:
    """JSON with HOLE in place of each array and object that nests deeper than that. Raises Unreadable where one has no
    end."""
    depth, kept, begun = 0, list[bytes](), 0
    for match in _STRING_OR_BRACKET.finditer(raw):
        found = match.group()
        if found in (b"[", b"{"):
            depth += 1
            if depth == max_depth + 1:
                kept.append(raw[begun : match.start()])
        elif found in (b"]", b"}"):
            depth -= 1
            if depth == max_depth:
                kept.append(str(HOLE).encode())
                begun = match.end()
    if depth > max_depth:
        raise Unreadable(UnreadableReason.TOO_DEEP, expected=f"at most {max_depth} levels")
    return b"".join([*kept, raw[begun:]])


def count_items(raw: bytes, at_most: int) -> int:
    """How many items a JSON array has, without parsing it, and counted no further than one beyond `at_most`. An empty
    array counts as one; for what is no JSON the number means nothing."""
    depth, commas = 0, 0
    for match in _STRING_BRACKET_OR_COMMA.finditer(raw):
        found = match.group()
        if found in (b"[", b"{"):
            depth += 1
        elif found in (b"]", b"}"):
            depth -= 1
        elif found == b"," and depth == 1:
            commas += 1
            if commas == at_most:
                break
    return commas + 1


def json_text(value: object) -> str:
    """The compact JSON text of an already parsed value, as kept in `Problem.extensions`."""
    kind = type(value)
    if kind is str:
        return _QUOTED(value)  # type: ignore[arg-type]
    return int.__repr__(value) if kind is int else _ENCODER.encode(value)


def _check_depth(raw: bytes, max_depth: int) -> None:
    if raw.count(b"[") + raw.count(b"{") <= max_depth:
        return
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(raw):
        found = match.group()
        if found in (b"[", b"{"):
            depth += 1
            if depth > max_depth:
                offset = match.start()
                raise Unreadable(UnreadableReason.TOO_DEEP, expected=f"at most {max_depth} levels", offset=offset)
        elif found in (b"]", b"}"):
            depth -= 1


def _check_surrogates(value: object) -> None:
    try:
        json_text(value).encode()
    except UnicodeEncodeError:
        raise Unreadable(UnreadableReason.LONE_SURROGATE, expected="text that UTF-8 can hold") from None


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(pairs) > MAX_MEMBERS:
        raise Unreadable(UnreadableReason.TOO_MANY_MEMBERS, expected=f"at most {MAX_MEMBERS} members in an object")
    members = dict(pairs)
    if len(members) < len(pairs):
        # The name itself is not quoted: an error message must not carry the document (docs/reliability.md#ingest).
        raise Unreadable(UnreadableReason.DUPLICATE_MEMBER, expected="each member once in its object")
    return members


def _members_or_hole(pairs: list[tuple[str, object]]) -> object:
    try:
        return _members(pairs)
    except Unreadable:
        return HOLE


def _number_or_hole(read: Callable[[str], object], digits: str) -> object:
    try:
        return read(digits)
    except Unreadable:
        return [HOLE]


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise Unreadable(UnreadableReason.NUMBER_OUT_OF_RANGE, expected=f"at most {MAX_DIGITS} digits")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise Unreadable(UnreadableReason.NUMBER_OUT_OF_RANGE, expected="a finite number")
    return value


def _constant(name: str) -> object:
    raise Unreadable(UnreadableReason.NOT_JSON, expected="JSON (NaN and Infinity are not)")


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_QUOTED = json.encoder.encode_basestring
_DECODE = msgspec.json.Decoder().decode
_DECODER = json.JSONDecoder(
    object_pairs_hook=_members, parse_int=_integer, parse_float=_float, parse_constant=_constant
)
_WITH_HOLES = json.JSONDecoder(
    object_pairs_hook=_members_or_hole,
    parse_int=partial(_number_or_hole, _integer),
    parse_float=partial(_number_or_hole, _float),
    parse_constant=_constant,
)
