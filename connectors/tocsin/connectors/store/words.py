"""The words by which a problem is found: the same for both databases, which are given them ready to compare."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice

MAX_WORDS, MAX_WORD = 400, 64
MAX_TERMS = 12
"""How many words a question may have; more are left out."""

MAX_TEXT = 20_000
"""How much of a text is looked at."""

_WORD = re.compile(r"[^\W_]+")
_MARK = re.compile("[\u0300-\u036f]")
"""Accents, once they are apart from their letters."""
_APART = {number: " " for number in range(128) if not chr(number).isalnum()}
"""What stands between words of ASCII: of such text they are found at half the price."""


def words_of(tenant: str, texts: Iterable[str | None]) -> str:
    """The distinct words of the texts, bounded, behind one that stands for the tenant."""
    found = dict.fromkeys(_words("\n".join([text[:MAX_TEXT] for text in texts if text])))
    return " ".join([tenant_word(tenant), *islice(found, MAX_WORDS)])


def terms_of(tenant: str, question: str) -> list[str]:
    """What must be among the words: each word of the question; one that ends in `*` is the beginning of a word. Empty
    when the question has no word."""
    terms = []
    for part in question.split():
        words = _words(part[:MAX_TEXT])
        if words and part.endswith("*"):
            words[-1] += "*"
        terms += words
    return [tenant_word(tenant), *dict.fromkeys(terms[:MAX_TERMS])] if terms else []


@lru_cache(maxsize=1024)
def tenant_word(tenant: str) -> str:
    """A word that no text has by accident: so that a search begins with the tenant's own problems."""
    return "tenant" + hashlib.sha256(tenant.encode()).hexdigest()[:16]


def _words(text: str) -> list[str]:
    if text.isascii():
        words = text.lower().translate(_APART).split()
    else:
        words = _WORD.findall(_MARK.sub("", unicodedata.normalize("NFKD", text)).casefold())
    return words if max(map(len, words), default=0) <= MAX_WORD else [word[:MAX_WORD] for word in words]
