"""Whether a command line of ours that a page shows is one that there is: its command, options and arguments."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from typing import Any

from typer.main import get_command

from tests.snippets.blocks import blocks, inline
from tocsin.streams.cli.main import COMMANDS, application

SPANS = ("decide", "deliver", "attempt")
"""Not commands: the names of spans (docs/watch.md)."""

FOLLOWED = re.compile(r"\s(?:\||>|2>|&&|\|\||;|&|<)(?:\s|$).*", re.DOTALL)
CALLED = re.compile(r"^(?:\$ )?(?:[A-Z_]+=\S+ )*(?:\S*/)?tocsin (.+)$", re.DOTALL)


def commands_of(page: str) -> Iterator[str]:
    """What a page shows behind `tocsin`: in blocks line by line, and in the text."""
    for one in blocks(page):
        if one.kind in ("", "sh", "console", "bash"):
            for line in one.text.replace("\\\n", " ").splitlines():
                if found := CALLED.match(line.strip()):
                    yield found[1]
    for code in inline(page):
        if found := CALLED.match(code):
            yield found[1]


def fault(line: str) -> str | None:
    """What is wrong with it; None: nothing. `...` and words in brackets stand for what is left out."""
    try:
        words = shlex.split(FOLLOWED.sub("", line), comments=True)
    except ValueError as wrong:
        return str(wrong)
    left_out = any(word in ("...", "…") or word.startswith("[") for word in words)
    words = [word for word in words if word not in ("...", "…") and word.strip("[]") == word]
    if words[0].startswith("-"):
        return None if words[0] in ("--help", "--version") else f"no option {words[0]}"
    if words[0] not in COMMANDS:
        return None if words[0].isupper() or words[0] in SPANS else f"no command {words[0]}"
    loaded = _loaded(words[0])
    return _parsed(loaded.commands[words[0]], words[1:], left_out)


@cache
def _loaded(name: str) -> Any:
    return get_command(application(name))


def _parsed(command: Any, words: list[str], left_out: bool) -> str | None:
    within = getattr(command, "commands", None)
    if within is not None:
        if not words:
            return None  # the group is spoken of
        return _parsed(within[words[0]], words[1:], left_out) if words[0] in within else f"no {words[0]} there"
    if words and any(words[-1] in one.opts and not one.is_flag for one in command.params if hasattr(one, "is_flag")):
        words, left_out = words[:-1], True  # the option is spoken of, without a value
    context = type(command).context_class(command, info_name=command.name)
    try:
        said, rest, _ = command.make_parser(context).parse_args(list(words))
    except Exception as wrong:  # click's, of whichever copy of it typer has
        return str(wrong)
    missing = [one.name for one in command.params if one.required and said.get(one.name) in (None, ())]
    spoken_of = len(words) == 0  # `tocsin silence add` in a sentence
    if rest:
        return f"too many words: {rest}"
    return f"without {missing}" if missing and not spoken_of and not left_out else None
