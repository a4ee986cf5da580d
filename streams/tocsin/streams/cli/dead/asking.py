"""What is told before and after letters are dealt with, by reason; and who asked for it."""

from __future__ import annotations

import getpass
import sys
from collections import Counter
from collections.abc import Callable, Mapping

import typer

from tocsin.connectors.commands import who
from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.printable import clipped, printable
from tocsin.streams.cli.options import usage_error
from tocsin.streams.cli.output import show, show_error, show_json
from tocsin.streams.processes.dead.index import Index, by_reason, by_refusal
from tocsin.streams.processes.exit_codes import CHECK_FAILED, USAGE, CommandFailed


def user(by: str | None) -> str:
    """Who asks for it: as was said, or the user of this machine. Raises CommandFailed(2)."""
    try:
        return who(by or getpass.getuser())
    except Unreadable as unreadable:
        raise usage_error(unreadable) from None


def confirmed(index: Index, count: int, what: str, question: str) -> None:
    """Ask. Raises CommandFailed(2) when nobody is there to be asked, Exit(1) when the answer is no."""
    if not sys.stdin.isatty():
        raise CommandFailed(USAGE, f"nobody is there to confirm it ({what}): say --yes, or --dry-run to look first")
    show_error(f"{_listed(by_reason(index.counts()))}: {what}")
    if not typer.confirm(question, err=True):
        raise typer.Exit(CHECK_FAILED)


def outcome(
    index: Index,
    count: int,
    verb: str,
    as_json: bool,
    failed: Mapping[str, int] | None = None,
    more: Mapping[str, object] | None = None,
    tell: Callable[[str], None] = show,
) -> None:
    """Tell what was done to `count` letters, and what was left out and why; exits with 1 when that is nothing.

    For a script one object on stdout; for a person a line by `tell`, and what was left out on stderr."""
    left_out = Counter(by_refusal(index.counts())) + Counter(failed or {})
    if index.repeats:
        left_out["it was replayed already"] = index.repeats
    reasons = by_reason(index.counts())
    if as_json:
        show_json(
            {"count": count, "chosen": index.total(), "by_reason": reasons, "left_out": left_out} | dict(more or {})
        )
    elif count:
        whole = count == index.total()
        tell(f"{count} {verb} ({_listed(reasons)})" if whole else f"{count} of {index.total()} {verb}")
    elif not left_out:
        tell("no such dead letters")
    for why, number in left_out.items() if not as_json else ():
        show_error(f"{number} not {verb.removeprefix('would be ')}: {printable(why)}")
    if not count:
        raise typer.Exit(CHECK_FAILED)


def _listed(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {clipped(reason, 60)}" for reason, number in reasons.items()) or "none"
