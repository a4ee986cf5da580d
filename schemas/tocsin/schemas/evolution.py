"""How the schemas may change: FULL_TRANSITIVE among all versions of a subject, and released files never.

`tocsin schemas check [--against DIR]` prints what `evolution_findings` returns.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import permutations
from pathlib import Path
from typing import Final

from msgspec import Struct

from tocsin.schemas.compatibility import read_findings
from tocsin.schemas.lock import LOCK_FILE, OWN_IDS, SchemaEntry, fingerprint, locked_rows
from tocsin.schemas.schema_tree import MalformedSchema, SchemaTree, parse_schema_text
from tocsin.schemas.soundness import Finding, soundness_findings

_FILE_NAME: Final = re.compile(r"[a-z][a-z0-9_]*\.v[1-9][0-9]*\.avsc")


class SchemaFile(Struct, frozen=True):
    """A schema file: its name within its folder and its text."""

    name: str
    text: str


class _Parsed(Struct, frozen=True):
    file: str
    tree: SchemaTree


def evolution_findings(directory: Path | None = None, against: Path | None = None) -> list[Finding]:
    """What is wrong with the schemas of `directory` (default: the shipped ones) with the lock file, also
    compared with the released ones of `against`. Empty when nothing is. Raises OSError when a folder cannot be read."""
    ours = schema_files(directory or files("tocsin.schemas").joinpath("avsc"))
    findings = missing_findings(ours, locked_rows()) if directory else lock_findings(ours, locked_rows())
    if not against:
        return findings + history_findings(ours)
    released = schema_files(against)
    if not released:
        findings.append(Finding(str(against), "", "there is no .avsc file to compare with"))
    known = {file.name for file in ours}
    gone = [file for file in released if file.name not in known]
    findings += released_findings(ours, released)
    return findings + history_findings([*ours, *gone])


def schema_files(directory: Traversable) -> list[SchemaFile]:
    """The .avsc files of a folder, by name."""
    found = [each for each in directory.iterdir() if each.name.endswith(".avsc")]
    return sorted((SchemaFile(each.name, each.read_text("utf-8")) for each in found), key=lambda file: file.name)


def history_findings(schemas: Iterable[SchemaFile]) -> list[Finding]:
    """Each schema alone (soundness), then every version of a subject against every other one, both ways."""
    findings: list[Finding] = []
    subjects: dict[str, list[_Parsed]] = defaultdict(list)
    for file in schemas:
        if not _FILE_NAME.fullmatch(file.name):
            findings.append(Finding(file.name, "", "a schema file is called <event_name>.v<number>.avsc"))
        try:
            tree = parse_schema_text(file.text)
        except MalformedSchema as wrong:
            findings.append(Finding(file.name, wrong.pointer, wrong.why))
            continue
        unsound = soundness_findings(tree, file.name)
        findings += unsound
        if not unsound:
            subjects[tree.root.name].append(_Parsed(file.name, tree))
    for versions in subjects.values():
        for writer, reader in permutations(versions, 2):
            for finding in read_findings(writer=writer.tree, reader=reader.tree, file=reader.file):
                findings.append(Finding(finding.file, finding.pointer, f"reading {writer.file}: {finding.reason}"))
    return findings


def released_findings(ours: Iterable[SchemaFile], released: Iterable[SchemaFile]) -> list[Finding]:
    """Released files that are gone or mean something else now; docs and layout may change."""
    texts = {file.name: file.text for file in ours}
    findings = []
    for file in released:
        if file.name not in texts:
            findings.append(Finding(file.name, "", "was released and is gone: old values can no longer be read"))
        elif _fingerprint(texts[file.name]) != _fingerprint(file.text):
            findings.append(Finding(file.name, "", "was released and has changed: add the next version instead"))
    return findings


def lock_findings(schemas: Iterable[SchemaFile], rows: Iterable[SchemaEntry]) -> list[Finding]:
    """Where the lock file and the schema files disagree. `text` of the rows is not looked at."""
    schemas, rows = list(schemas), list(rows)
    texts = {file.name: file.text for file in schemas}
    unlisted = sorted(texts.keys() - {row.file for row in rows})
    findings = [Finding(name, "", f"is not in {LOCK_FILE}") for name in unlisted] + missing_findings(schemas, rows)
    for row in rows:
        text = texts.get(row.file)
        if text is not None and _fingerprint(text) != row.fingerprint:
            findings.append(Finding(row.file, "", f"is not what {LOCK_FILE} says: add the next version instead"))
        if row.id not in OWN_IDS:
            findings.append(Finding(LOCK_FILE, "", f"id {row.id} is not one of {OWN_IDS.start} to {OWN_IDS.stop - 1}"))
    counted = Counter([f"id {row.id}" for row in rows] + [f"{row.subject} version {row.version}" for row in rows])
    return findings + [Finding(LOCK_FILE, "", f"{key} is there twice") for key, n in counted.items() if n > 1]


def missing_findings(schemas: Iterable[SchemaFile], rows: Iterable[SchemaEntry]) -> list[Finding]:
    """The files that the lock file names and that are not among the schemas."""
    names = {file.name for file in schemas}
    return [Finding(LOCK_FILE, "", f"names {row.file}, which is not there") for row in rows if row.file not in names]


def _fingerprint(text: str) -> str:
    try:
        return fingerprint(text)
    except (ValueError, RecursionError):
        return ""
