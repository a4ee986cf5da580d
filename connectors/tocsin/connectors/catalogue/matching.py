"""What of a code is compared: its tokens, its descriptors, or the words of a CamelCase name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

from tocsin.connectors.dialects.codes import fold_code, parse_code

_WORD = re.compile(r"[A-Z][a-z0-9]*")
_CAMEL = re.compile(r"(?:[A-Z][a-z0-9]*)+")

Tokens = tuple[str, ...]
Hit = TypeVar("Hit")


def tokens_of(code: str) -> Tokens:
    """The tokens of any code's key."""
    return tuple(fold_code(code).split("."))


def descriptors_of(code: str) -> Tokens:
    """The descriptors of a DIDComm v2 code, as keys; nothing for any other code."""
    return parse_code(fold_code(code)).descriptors


def words_of(code: str) -> Tokens:
    """The words of a CamelCase name, case folded; nothing for any other code."""
    name = code.strip()
    return tuple(word.casefold() for word in _WORD.findall(name)) if _CAMEL.fullmatch(name) else ()


def longest(index: Mapping[Tokens, Hit], tokens: Tokens) -> tuple[int, Hit] | None:
    """The entry of the longest beginning of `tokens` that the index has, and how many tokens that is."""
    for length in range(len(tokens), 0, -1):
        hit = index.get(tokens[:length])
        if hit is not None:
            return length, hit
    return None
