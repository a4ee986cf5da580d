"""`tocsin dead list | stats | show | replay | purge`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine
from contextlib import aclosing
from typing import Annotated, Any, TypeVar

import msgspec
import typer

from tocsin.connectors.printable import clipped, printable
from tocsin.connectors.publish.headers import rfc3339
from tocsin.streams.cli.dead.asking import confirmed, outcome, user
from tocsin.streams.cli.dead.filters import Limit, Replayed, filtered
from tocsin.streams.cli.dead.purging import carry_out, purges
from tocsin.streams.cli.options import client_settings
from tocsin.streams.cli.output import show, show_error, show_json
from tocsin.streams.cli.progress import bar
from tocsin.streams.cli.records import seen_of
from tocsin.streams.engine.dead import GATEWAY_STAGE, NOT_A_PROBLEM
from tocsin.streams.processes.dead.index import Count, Index, Refusal, letters_of
from tocsin.streams.processes.dead.letter import Opened, line_of
from tocsin.streams.processes.dead.replaying import Written, refusals, write_again, write_one
from tocsin.streams.processes.dead.wanted import Wanted
from tocsin.streams.processes.exit_codes import BAD_INPUT, CHECK_FAILED, GAVE_UP, USAGE, CommandFailed
from tocsin.streams.processes.lifecycle import stop_on_signals, unless
from tocsin.streams.settings import Settings

T = TypeVar("T")

app = typer.Typer()
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object per letter.")]
OneJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]
Everything = Annotated[bool, typer.Option("--all", help="All of them; with a filter it need not be said.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
By = Annotated[str | None, typer.Option(help="Who wants it, for the record; by default the user of this machine.")]

MANY = 100
"""More letters than this are replayed only when somebody confirms it; a purge always is confirmed."""


@app.command("list")
@filtered
def list_letters(wanted: Wanted, replayed: Replayed = None, limit: Limit = None, as_json: AsJson = False) -> None:
    """List dead letters, oldest first; --reason not_a_problem lists what the gateway was sent and is no problem."""

    async def listed(settings: Settings) -> Index:
        async with letters_of(settings, wanted.since) as letters:
            with bar("looking", letters.size()) as read:
                index = await letters.index(wanted, _none, replayed, read)
            async with aclosing(letters.chosen(index, limit)) as chosen:
                async for letter in chosen:
                    found = letter.letter(letter.record.offset in index.replayed[letter.record.partition])
                    show_json(msgspec.to_builtins(found)) if as_json else show(line_of(found))
            return index

    index = _run(listed(client_settings()))
    if not index.total() and not as_json:
        show("no dead letters" if wanted == Wanted() and replayed is None else "no such dead letters")
    if limit is not None and index.total() > limit:
        show_error(f"{index.total() - limit} more: tocsin dead stats")
    _tell_documents(index)


@app.command()
@filtered
def stats(wanted: Wanted, replayed: Replayed = None, as_json: AsJson = False) -> None:
    """Count dead letters by reason, stage and topic, with their times, and whether this release could replay them."""
    settings = client_settings()
    index = _run(_indexed(settings, wanted, refusals(settings), replayed))
    for one in index.counts():
        show_json(_count_json(one)) if as_json else show(_count_line(one))
    if not index.counts() and not as_json:
        show("no dead letters" if wanted == Wanted() and replayed is None else "no such dead letters")
    _tell_documents(index)


@app.command("show")
def show_letter(
    letter: Annotated[str, typer.Argument(metavar="PARTITION:OFFSET", help="As `dead list` shows it.")],
    as_json: OneJson = False,
) -> None:
    """Show one dead letter whole: headers, and the event, or its first bytes as hex; of what is no problem the text."""
    settings = client_settings()
    opened, was_replayed = _run(_one(settings, letter))
    found = opened.letter(was_replayed)
    seen: dict[str, Any] = {**seen_of(opened.record), **msgspec.to_builtins(found), "headers": opened.headers}
    seen["cannot_be_replayed"] = refusals(settings)(opened)
    if found.stage == GATEWAY_STAGE:
        seen |= {"text": (opened.record.value or b"").decode("utf-8", "replace")}
    if as_json:
        show_json(seen)
        return
    for name, value in seen.items():
        show(f"{name:18} {printable(str(value))}")


@app.command()
@filtered
def replay(
    wanted: Wanted,
    letter: Annotated[
        str | None, typer.Argument(metavar="[PARTITION:OFFSET]", help="One letter, as `dead list` shows it.")
    ] = None,
    everything: Everything = False,
    replayed: Replayed = False,
    limit: Limit = None,
    even_unreadable: Annotated[
        bool, typer.Option("--even-unreadable", help="Also what this release cannot read: a newer worker might.")
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Write a dead letter's original bytes to the topic where it died again, under the same key and event id.

    It stays in `dead`, with a note; letters that were replayed already are left out (--replayed: those once more), and
    those that hold no record or that this release cannot read either. What the bus has dealt with meanwhile under the
    same id is suppressed, never counted twice; a delivery keeps its id, and is marked as sent again.
    """
    _check_which(letter, everything or wanted != Wanted(), bool(replayed))
    settings, by = client_settings(), user(by)
    refusal = refusals(settings, even_unreadable)
    if letter is not None:
        _replay_one(settings, letter, refusal, bool(replayed), dry_run, by, as_json)
        return
    index = _run(_indexed(settings, wanted, refusal, replayed))
    count = index.total() if limit is None else min(limit, index.total())
    if dry_run:
        outcome(index, count, "would be replayed", as_json)
        return
    if count > MANY and not yes:
        confirmed(index, count, f"{count} letters are written to their topics again", "replay them?")
    done = asyncio.run(_replay_all(settings, wanted, index, count, by, as_json))
    if not done.complete:
        raise CommandFailed(GAVE_UP, f"stopped: {done.count} of {count} were replayed; the same again goes on")
    outcome(index, done.count, "replayed", False, done.left_out, tell=show_error if as_json else show)


def _check_which(letter: str | None, some: bool, replayed: bool) -> None:
    if letter is not None and some:
        raise CommandFailed(USAGE, "either a PARTITION:OFFSET, or --all or a filter (--reason, --from, ...): not both")
    if letter is None and not (some or replayed):
        raise CommandFailed(USAGE, "say which: a PARTITION:OFFSET, or --all, or a filter (--reason, --from, ...)")


@app.command()
@filtered
def purge(
    wanted: Wanted,
    everything: Everything = False,
    replayed: Replayed = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    by: By = None,
    as_json: OneJson = False,
) -> None:
    """Have done with dead letters: delete them where Kafka can, and leave the others out from now on.

    Kafka deletes a partition only from its beginning: what lies before the first letter that is kept is deleted, and
    its disk is given back in whole segments. Letters behind it are noted: no list, no count and no replay has them any
    more, but their bytes stay on disk until the topic's retention (90 days), or a later purge, takes them.
    """
    if not everything and wanted == Wanted() and replayed is None:
        raise CommandFailed(USAGE, "say which: --all, or a filter (--before 30d, --reason, --replayed, ...)")
    settings, by = client_settings(), user(by)
    index = _run(_indexed(settings, wanted, _none, replayed))
    plan = purges(index)
    deleted, noted = sum(one.deleted for one in plan), sum(len(one.noted) for one in plan)
    lost = index.total() - sum(one.replayed for one in index.counts())
    says = f"deleted from Kafka: {deleted}; left out, and kept on disk until retention or a later purge: {noted}"
    if not dry_run and not yes and index.total():
        confirmed(index, index.total(), f"{says}; {lost} of them were never replayed", "purge them?")
    if not dry_run and index.total():
        _run(carry_out(settings, plan, by))
    verb = "would be purged" if dry_run else "purged"
    _tell_documents(index)
    outcome(index, index.total(), verb, as_json, more={"deleted": deleted, "noted": noted, "never_replayed": lost})
    if index.total() and not as_json:
        show(("would: " if dry_run else "") + says)


def _none(letter: Opened) -> str | None:
    """Every letter that is meant is chosen."""
    return None


def _run(work: Coroutine[Any, Any, T]) -> T:
    """The result of work that changes nothing when it is stopped. Raises CommandFailed(70) when it is."""

    async def unless_stopped() -> T:
        finished, result = await unless(stop_on_signals(), work)
        if not finished:
            raise CommandFailed(GAVE_UP, "stopped")
        return result  # type: ignore[return-value]

    return asyncio.run(unless_stopped())


async def _indexed(settings: Settings, wanted: Wanted, refusal: Refusal, replayed: bool | None) -> Index:
    async with letters_of(settings, wanted.since) as letters:
        with bar("looking", letters.size()) as read:
            return await letters.index(wanted, refusal, replayed, read)


async def _one(settings: Settings, wanted: str) -> tuple[Opened, bool]:
    place = re.fullmatch(r"([0-9]{1,6}):([0-9]{1,18})", wanted)
    if place is None:
        raise CommandFailed(USAGE, f"{wanted!r} is not PARTITION:OFFSET")
    async with letters_of(settings) as letters:
        found = await letters.one(int(place[1]), int(place[2]))
    if found is None:
        raise CommandFailed(BAD_INPUT, f"there is no dead letter {wanted}: see `tocsin dead list`")
    return found


def _replay_one(
    settings: Settings, name: str, refusal: Refusal, again: bool, dry_run: bool, by: str, as_json: bool
) -> None:
    """A letter that was replayed already is left out, unless it is wanted `again`: what the bus has dealt with
    meanwhile it drops, so this could not be told from a replay that arrives."""
    opened, was_replayed = _run(_one(settings, name))
    if why := refusal(opened):
        raise CommandFailed(BAD_INPUT, f"dead letter {name} cannot be replayed: {why}")
    if was_replayed and not again:
        raise CommandFailed(CHECK_FAILED, f"dead letter {name} was replayed already: --replayed writes it once more")
    if not dry_run:
        asyncio.run(write_one(settings, opened, by))
    _show_written([opened], as_json, "would replay" if dry_run else "replayed", was_replayed or not dry_run)


async def _replay_all(settings: Settings, wanted: Wanted, index: Index, count: int, by: str, as_json: bool) -> Written:
    stop, each = stop_on_signals(), as_json or count <= MANY
    with bar("replaying", count) as done:

        def on_written(letters: list[Opened]) -> None:
            done(len(letters))
            if each:
                _show_written(letters, as_json, "replayed", True)

        async with letters_of(settings, wanted.since) as letters, aclosing(letters.chosen(index, count)) as chosen:
            return await write_again(settings, chosen, stop, by, on_written)


def _show_written(letters: list[Opened], as_json: bool, verb: str, replayed: bool) -> None:
    for letter in letters:
        if as_json:
            show_json(msgspec.to_builtins(letter.letter(replayed)))
        else:
            show(f"{verb} {line_of(letter.letter())}")


def _count_line(one: Count) -> str:
    kind = one.kind
    where = ", ".join(clipped(text, 80) for text in (kind.stage, kind.topic) if text)
    times = " to ".join(f"{rfc3339(at * 1000)[:19]}Z" for at in sorted({one.oldest, one.newest}))
    again = f", {one.replayed} replayed" if one.replayed else ""
    how = kind.refusal or "can be replayed"
    return printable(f"{one.count:8} {clipped(kind.reason, 60)} ({where}) {times}{again}: {how}")


def _count_json(one: Count) -> dict[str, Any]:
    kind = one.kind
    return {
        "count": one.count, "reason": kind.reason, "stage": kind.stage, "topic": kind.topic, "replayed": one.replayed,
        "oldest": rfc3339(one.oldest * 1000), "newest": rfc3339(one.newest * 1000),
        "cannot_be_replayed": kind.refusal or None,
    }  # fmt: skip


def _tell_documents(index: Index) -> None:
    if index.documents:
        show_error(f"{index.documents} documents that are no problem: --reason {NOT_A_PROBLEM}")
