"""`tocsin codes list | show | lint`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tocsin.connectors.catalogue import Catalogue, Entry, Texts, accepted, lint
from tocsin.connectors.printable import clipped
from tocsin.streams.cli.output import end_with, show, show_json
from tocsin.streams.processes.exit_codes import BAD_INPUT, CommandFailed

app = typer.Typer()

Language = Annotated[str, typer.Option(help="Wanted languages, the best first, such as `de-AT, fr;q=0.5`.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]


@app.command("list")
def list_codes(
    language: Language = "",
    source: Annotated[str, typer.Option(help="Only the codes of one source, such as `dwn`.")] = "",
    as_json: AsJson = False,
) -> None:
    """Every well-known code with its severity, whether to try again, and its title."""
    catalogue = Catalogue.load()
    chosen = catalogue.language(accepted(language))
    sources = {Path(name).stem: name for name in catalogue.sources}
    if source and source not in sources:
        raise CommandFailed(2, f"no source {source}; there are: {', '.join(sources)}")
    entries = [entry for entry in catalogue.entries if not source or entry.file == sources[source]]
    if as_json:
        show_json({"language": chosen, "codes": [catalogue.described(entry, chosen) for entry in entries]})
        return
    for entry in entries:
        wording = catalogue.wording(entry, chosen)
        show(f"{clipped(entry.code, 38):<38} {entry.severity:<7} {entry.retry:<11} {wording.title}")


@app.command("show", context_settings={"ignore_unknown_options": True})
def show_code(
    code: Annotated[str, typer.Argument(help="Any code; what is known of its beginning is shown.")],
    language: Language = "",
    as_json: AsJson = False,
) -> None:
    """What the catalogue says about one code. Exit 65 if it says nothing."""
    catalogue = Catalogue.load()
    found = catalogue.find(code)
    if found is None:
        raise CommandFailed(BAD_INPUT, f"the catalogue has no {clipped(code, 80)}, and no code that it begins with")
    chosen = catalogue.language(accepted(language))
    if as_json:
        entry = catalogue.described(found.entry, chosen)
        show_json({"asked": code, "match": found.match.value} | entry)
        return
    for line in _page(found.entry, catalogue.wording(found.entry, chosen)):
        show(line)
    source = catalogue.sources[found.entry.file]
    show(f"source: {source.source}, {found.entry.where}; {source.address}")
    show(f"match: {found.match}")


@app.command("lint")
def lint_codes(as_json: AsJson = False) -> None:
    """Check the catalogue: every text in every language, no code twice, files as locked. Exit 1 with each fault."""
    findings = lint()
    if not findings and not as_json:
        catalogue = Catalogue.load()
        show(f"{len(catalogue.entries)} codes in {len(catalogue.languages)} languages checked: nothing to say")
    end_with(findings, as_json)


def _page(entry: Entry, texts: Texts) -> list[str]:
    also = f" (also {', '.join(entry.aliases)})" if entry.aliases else ""
    return [
        f"{entry.code}{also}: {texts.title}",
        texts.explanation,
        f"severity: {entry.severity}; category: {entry.category or 'none'}",
        f"who can fix it: {texts.fixer}",
        f"try again: {texts.retry}",
        f"hint: {texts.fix_hint}",
    ]
