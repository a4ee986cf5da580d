"""Text as both databases take it."""

from __future__ import annotations


def storable(text: str) -> str:
    """The text without what PostgreSQL has no place for: NUL, and halves of surrogate pairs; `?` stands for them."""
    if "\0" in text:
        text = text.replace("\0", "?")
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
