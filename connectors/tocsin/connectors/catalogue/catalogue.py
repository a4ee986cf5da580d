"""The catalogue, read and indexed: which entry speaks of a code, and in what words and language."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from functools import cache
from typing import TypeVar

import msgspec
from msgspec import Struct

from tocsin.connectors.catalogue.entries import Advice, Entry, Form, SourceFile, Texts
from tocsin.connectors.catalogue.files import ADVICE_FILE, catalogue_hash, shipped_files
from tocsin.connectors.catalogue.languages import DEFAULT, negotiate
from tocsin.connectors.dialects.codes import MAX_CODE_LENGTH, fold_code, parse_code
from tocsin.connectors.dialects.message_types import parse_piuri, plain

_WORD = re.compile(r"[A-Z][a-z0-9]*")
_CAMEL = re.compile(r"(?:[A-Z][a-z0-9]*)+")
Tokens = tuple[str, ...]
Hit = TypeVar("Hit")
MAX_NAMED = 1000
"""Characters of a catalogue's URI that are looked at."""
_REPORTING = frozenset({"reportproblem", "notification"})


class Match(StrEnum):
    """How an entry was found: by its own code, by another spelling, by the same descriptors under another sorter or
    scope, or because the code begins with the entry's tokens and says more."""

    EXACT = "exact"
    ALIAS = "alias"
    DESCRIPTORS = "descriptors"
    PREFIX = "prefix"


_VERY_CODE = (Match.EXACT, Match.ALIAS)


class Found(Struct, frozen=True):
    """An entry, and how it was found."""

    entry: Entry
    match: Match


class _Index:
    """Entries by code, in the ways in which a code in hand may fit one. Of two that fit equally, the one of an earlier
    layer; within a layer the one that was entered first, but a code comes before another entry's alias."""

    def __init__(self, *layers: Iterable[Entry]) -> None:
        self._whole: dict[str, Found] = {}
        self._forms: dict[Form, dict[Tokens, Found]] = {form: {} for form in Form}
        for layer in layers:
            before, forms_before = self._whole, self._forms
            self._whole, self._forms = {}, {form: {} for form in Form}
            for entry in layer:
                self._enter(entry)
            self._whole |= before
            for form, entries in forms_before.items():
                self._forms[form] |= entries

    def find(self, code: str) -> Found | None:
        """As Catalogue.find."""
        whole = self._whole.get(fold_code(code))
        if whole is not None:
            return whole
        descriptors, words = descriptors_of(code), words_of(code)
        # A v2 code's sorter and scope count for nothing here: they say how bad it is, not what it is.
        unsaid = len(tokens_of(code)) - len(descriptors) if descriptors else 0
        hits = (
            (_found(self._forms[Form.CODE], tokens_of(code)), unsaid),
            (_found(self._forms[Form.DESCRIPTOR], descriptors), 0),
            (_found(self._forms[Form.FAMILY], words), 0),
        )
        said = [(hit[0] - less, hit[1]) for hit, less in hits if hit is not None]
        return max(said, key=lambda each: each[0])[1] if said else None

    def _enter(self, entry: Entry) -> None:
        for place, code in enumerate((entry.code, *entry.aliases)):
            match = Match.ALIAS if place else Match.EXACT
            if entry.form is Form.FAMILY:
                _put(self._forms[Form.FAMILY], words_of(code), Found(entry, match))
                continue
            _put(self._whole, fold_code(code), Found(entry, match))
            descriptors = descriptors_of(code) if entry.form is Form.DESCRIPTOR else ()
            if descriptors:
                found = Found(entry, match if place else Match.DESCRIPTORS)
                _put(self._forms[Form.DESCRIPTOR], descriptors, found)
            elif entry.form is not Form.EXACT:
                _put(self._forms[Form.CODE], tokens_of(code), Found(entry, match))


class Catalogue:
    """Entries by code. Immutable; made by `load`, or from files that were read elsewhere."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        """`files`: as `shipped_files` gives them. Raises msgspec.ValidationError: a file has another shape."""
        self.sha256 = catalogue_hash(files)
        self.advice = msgspec.json.decode(files[ADVICE_FILE], type=Advice)
        self.sources = {
            name: msgspec.json.decode(raw, type=SourceFile) for name, raw in files.items() if name != ADVICE_FILE
        }
        self.entries = tuple(
            msgspec.structs.replace(entry, file=name) for name, source in self.sources.items() for entry in source.codes
        )
        self.languages = tuple(sorted({DEFAULT, *(name for entry in self.entries for name in entry.texts)}))
        of_none = [entry for entry in self.entries if not self.sources[entry.file].protocols]
        # Where nobody knows the protocol, a code that several have is told in the words that hold for all of them.
        self._any = _Index(of_none, self.entries)
        self._of_none = _Index(of_none)
        self._of_protocol = {name: self._index_of(name) for name in self._protocols()}

    @staticmethod
    def load() -> Catalogue:
        """The shipped catalogue, read once a process (about 20 ms)."""
        return _shipped()

    def find(self, code: str, protocol: str | None = None, named: str | None = None) -> Found | None:
        """The entry that says most about `code`: its own, that of another spelling, else the one with the longest
        beginning in whole tokens; None if there is none. Total.

        With a `protocol` (a name, a PIURI or a message type), only its own codes and those of no protocol. `named` is
        the catalogue that the report names: one of ours by its address or protocol, or a foreign one, from which a
        code means the same only if it is the very code of one of ours.
        """
        if len(code) > MAX_CODE_LENGTH:
            return None
        ours = None if named is None else self._named(named)
        protocol = ours or protocol_of(protocol)
        index = self._of_protocol.get(protocol, self._of_none) if protocol else self._any
        found = index.find(code)
        foreign = named is not None and ours is None
        return None if found is not None and foreign and found.match not in _VERY_CODE else found

    def texts(self, code: str, languages: Sequence[str] = ()) -> Texts | None:
        """What there is to say of `code`, in the first of the wanted languages that we have, else in English; None if
        the code is not known."""
        found = self.find(code)
        return None if found is None else self.wording(found.entry, self.language(languages))

    def language(self, wanted: Sequence[str]) -> str:
        """The language of an answer to somebody who wants these, the best first."""
        return negotiate(wanted, self.languages) or DEFAULT

    def wording(self, entry: Entry, language: str) -> Texts:
        """The texts of an entry in one of the catalogue's languages."""
        wording = entry.texts[language]
        return Texts(
            language=language,
            title=wording.title,
            explanation=wording.explanation,
            fixer=self.advice.fixers[entry.fixer][language],
            retry=self.advice.retries[entry.retry][language],
            fix_hint=self.advice.hints[entry.hint][language],
        )

    def described(self, entry: Entry, language: str) -> dict[str, object]:
        """An entry for people and programs, in one language, as JSON-able values."""
        source = self.sources[entry.file]
        facts = {name: value for name, value in msgspec.to_builtins(entry).items() if name not in ("texts", "file")}
        texts = self.wording(entry, language)
        return facts | {
            "source": {"name": source.source, "address": source.address, "where": facts.pop("where")},
            "language": language,
            "title": texts.title,
            "explanation": texts.explanation,
            "who_can_fix": texts.fixer,
            "retry_advice": texts.retry,
            "fix_hint": texts.fix_hint,
        }

    def _protocols(self) -> list[str]:
        return [plain(name) for source in self.sources.values() for name in source.protocols]

    def _index_of(self, protocol: str) -> _Index:
        def own(entry: Entry) -> bool:
            return protocol in map(plain, self.sources[entry.file].protocols)

        def of_none(entry: Entry) -> bool:
            return not self.sources[entry.file].protocols

        return _Index(filter(own, self.entries), filter(of_none, self.entries))

    def _named(self, catalogue: str) -> str | None:
        """The protocol of ours that a catalogue's URI names; "" for one of no protocol; None for a foreign one."""
        segments = {plain(part) for part in re.split(r"[/;#?]", catalogue[:MAX_NAMED])} - {""}
        for name in self._of_protocol:
            if name in segments:
                return name
        return "" if any(catalogue.startswith(source.address) for source in self.sources.values()) else None


def _put(index: dict[Hit, Found], key: Hit, found: Found) -> None:
    """Enter it, unless there is one that counts as much."""
    before = index.get(key)
    if before is None or (before.match is Match.ALIAS and found.match is not Match.ALIAS):
        index[key] = found


def protocol_of(named: str | None) -> str | None:
    """The protocol of a name, a PIURI or a message type, as it is compared; None for those that only report problems,
    which are no protocol of a code."""
    if not named:
        return None
    parsed = parse_piuri(named) or parse_piuri(f"{named}/x")
    name = parsed[0] if parsed is not None else plain(named)
    return None if name in _REPORTING else name


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


@cache
def _shipped() -> Catalogue:
    return Catalogue(shipped_files())


def _found(index: Mapping[Tokens, Found], tokens: Tokens) -> tuple[int, Found] | None:
    hit = longest(index, tokens)
    if hit is None:
        return None
    length, found = hit
    return length, found if length == len(tokens) else Found(found.entry, Match.PREFIX)
