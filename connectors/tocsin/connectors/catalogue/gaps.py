"""What is wrong with the catalogue: missing texts, codes that clash, tokens without an entry, changed files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain

import msgspec
from msgspec import Struct

from tocsin.connectors.catalogue.catalogue import Catalogue, descriptors_of, words_of
from tocsin.connectors.catalogue.entries import Entry, Fixer, Form, Retry
from tocsin.connectors.catalogue.files import ADVICE_FILE, file_hash, locked_hashes, shipped_files
from tocsin.connectors.catalogue.languages import DEFAULT
from tocsin.connectors.dialects.codes import DESCRIPTORS, PREFERRED_DESCRIPTORS, fold_code, parse_code
from tocsin.schemas.problem import Severity

LANGUAGES = ("de", "en", "es", "fr", "ko")
"""Every text must be there in each of these; other languages are welcome, but then in every entry too."""
LONGEST = {"title": 80, "explanation": 300}
"""Characters. A title fits a line of a page and the subject of a mail."""


class Finding(Struct, frozen=True, kw_only=True):
    """One fault: the file, the code or name concerned, the rule that is broken, and more about it."""

    file: str
    code: str
    rule: str
    detail: str = ""

    def __str__(self) -> str:
        return ": ".join(part for part in (self.file, self.code, self.rule, self.detail) if part)


def lint(files: Mapping[str, bytes] | None = None, locked: Mapping[str, str] | None = None) -> list[Finding]:
    """Every fault of these files and their lock, by default those that ship; empty = none. Never raises for a fault."""
    raws = shipped_files() if files is None else files
    broken = list(_broken(raws))
    if broken:
        return broken
    found = list(_changed(raws, locked_hashes() if locked is None else locked))
    try:
        catalogue = Catalogue(raws)
    except (msgspec.ValidationError, KeyError) as error:
        return [*found, Finding(file="", code="", rule="shape", detail=str(error))]
    checks = (
        _clashes(catalogue),
        _ambiguous(catalogue),
        _advice(catalogue),
        _gaps(catalogue),
        *map(_entry, catalogue.entries),
    )
    return found + list(chain.from_iterable(checks))


def _broken(raws: Mapping[str, bytes]) -> Iterator[Finding]:
    for name, raw in raws.items():
        try:
            file_hash(raw)
        except ValueError as error:
            yield Finding(file=name, code="", rule="not-json", detail=str(error))


def _changed(raws: Mapping[str, bytes], locked: Mapping[str, str]) -> Iterator[Finding]:
    for name in sorted({*raws, *locked}):
        if name not in raws:
            yield Finding(file=name, code="", rule="file-missing")
        elif name not in locked:
            yield Finding(file=name, code="", rule="file-not-locked")
        elif locked[name] != file_hash(raws[name]):
            yield Finding(file=name, code="", rule="file-changed", detail="its hash is not the locked one")


def _clashes(catalogue: Catalogue) -> Iterator[Finding]:
    """Two entries that would answer the same code: the later one would win silently."""
    said = [
        ((protocol, *key), entry)
        for entry in catalogue.entries
        for protocol in catalogue.sources[entry.file].protocols or [""]
        for key in _keys(entry)
    ]
    counts = Counter(key for key, _ in said)
    for key, entry in said:
        if counts[key] > 1:
            yield Finding(file=entry.file, code=entry.code, rule="duplicate-code", detail=" ".join(filter(None, key)))


def _ambiguous(catalogue: Catalogue) -> Iterator[Finding]:
    """A code that several protocols have, and no entry says what it means where nobody knows the protocol."""
    files: dict[tuple[str, ...], set[str]] = {}
    for entry in catalogue.entries:
        for key in _keys(entry):
            files.setdefault(key, set()).add(entry.file)
    for key, named in files.items():
        if len(named) > 1 and all(catalogue.sources[name].protocols for name in named):
            yield Finding(file=min(named), code=key[-1], rule="needs-an-entry-of-no-protocol")


def _keys(entry: Entry) -> Iterator[tuple[str, ...]]:
    for code in (entry.code, *entry.aliases):
        descriptors = descriptors_of(code) if entry.form is Form.DESCRIPTOR else ()
        if descriptors:
            yield ("descriptors", *descriptors)
        elif entry.form is Form.FAMILY:
            yield ("family", *words_of(code))
        else:
            yield ("code", fold_code(code))


def _advice(catalogue: Catalogue) -> Iterator[Finding]:
    advice = catalogue.advice
    used = {entry.hint for entry in catalogue.entries}
    for name in advice.hints.keys() - used:
        yield Finding(file=ADVICE_FILE, code=name, rule="hint-unused")
    for kind, texts, needed in (
        ("fixer", advice.fixers, {*Fixer}),
        ("retry", advice.retries, {*Retry}),
        ("hint", advice.hints, used),
    ):
        for name in sorted(needed - texts.keys()):
            yield Finding(file=ADVICE_FILE, code=name, rule=f"{kind}-missing")
        for name, by_language in texts.items():
            yield from _languages(ADVICE_FILE, name, kind, by_language)


def _gaps(catalogue: Catalogue) -> Iterator[Finding]:
    """Descriptors of the specification, and spellings of the table of aliases, that nothing speaks of."""
    own = {descriptors_of(entry.code) for entry in catalogue.entries if entry.form is Form.DESCRIPTOR}
    for name in DESCRIPTORS:
        if tuple(name.split(".")) not in own:
            yield Finding(file="", code=name, rule="descriptor-missing")
    for spelling, preferred in PREFERRED_DESCRIPTORS.items():
        first, second = catalogue.find(f"e.p.{spelling}"), catalogue.find(f"e.p.{preferred}")
        if first is None or second is None or first.entry is not second.entry:
            yield Finding(file="", code=spelling, rule="alias-missing", detail=f"of {preferred}")


def _entry(entry: Entry) -> Iterator[Finding]:
    def finding(rule: str, detail: str = "") -> Finding:
        return Finding(file=entry.file, code=entry.code, rule=rule, detail=detail)

    parsed = parse_code(entry.code)
    if entry.category is not None and entry.category not in DESCRIPTORS:
        yield finding("category-unknown", entry.category)
    elif parsed.category is not None and entry.category != parsed.category:
        yield finding("category-differs", f"the code says {parsed.category}")
    if entry.severity is Severity.UNKNOWN or (parsed.stated_scope and entry.severity is not parsed.severity):
        yield finding("severity-differs", f"the code says {parsed.severity}")
    if entry.form is Form.FAMILY and not all(map(words_of, (entry.code, *entry.aliases))):
        yield finding("not-camel-case")
    for part, longest in LONGEST.items():
        texts = {language: str(getattr(wording, part)) for language, wording in entry.texts.items()}
        yield from _languages(entry.file, entry.code, part, texts)
        for language, text in texts.items():
            if len(text) > longest:
                yield finding("text-too-long", f"{part} {language}: {len(text)} > {longest}")


def _languages(file: str, code: str, part: str, texts: Mapping[str, str]) -> Iterator[Finding]:
    for language in LANGUAGES:
        text = texts.get(language, "")
        if not text.strip() or text != text.strip():
            yield Finding(file=file, code=code, rule="text-missing", detail=f"{part} {language}")
        elif language != DEFAULT and text == texts.get(DEFAULT):
            yield Finding(file=file, code=code, rule="text-not-translated", detail=f"{part} {language}")
        elif (language == "ko") is not any("가" <= letter <= "힣" for letter in text):
            yield Finding(file=file, code=code, rule="text-in-another-script", detail=f"{part} {language}")
    for language in sorted(texts.keys() - set(LANGUAGES)):
        yield Finding(file=file, code=code, rule="language-not-asked-for", detail=f"{part} {language}")
