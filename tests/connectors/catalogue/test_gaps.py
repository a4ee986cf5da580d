"""The shipped catalogue has no gaps, and each planted fault is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tocsin.connectors.catalogue import Catalogue, lint
from tocsin.connectors.catalogue.files import catalogue_hash, file_hash, lock_text, locked_hashes, shipped_files

FILE = "codes/didcomm-v2.json"
Documents = dict[str, Any]


def test_the_shipped_catalogue_has_no_gaps_and_is_as_locked() -> None:
    assert [str(finding) for finding in lint()] == []


def test_the_lock_is_what_relock_writes() -> None:
    assert json.loads(lock_text())["sha256"] == locked_hashes()


def test_it_is_worth_its_name() -> None:
    catalogue = Catalogue.load()
    assert len(catalogue.entries) >= 60
    assert {"de", "en", "es", "fr", "ko"} <= set(catalogue.languages)
    assert len(catalogue.sources) >= 5


def test_the_hash_is_of_what_is_said_and_not_of_the_layout() -> None:
    raws = shipped_files()
    spaced = {name: json.dumps(json.loads(raw), indent=7).encode() for name, raw in raws.items()}
    assert catalogue_hash(spaced) == catalogue_hash(raws)
    assert file_hash(b'{"a": 1}') != file_hash(b'{"a": 2}')


def first(documents: Documents) -> Any:
    """The first entry of the file."""
    return documents[FILE]["codes"][0]


def drop(*path: str) -> Callable[[Documents], None]:
    """Drops a member of the first entry."""

    def plant(documents: Documents) -> None:
        place = first(documents)
        for name in path[:-1]:
            place = place[name]
        del place[path[-1]]

    return plant


def put(value: object, *path: str) -> Callable[[Documents], None]:
    """Puts a value into the first entry."""

    def plant(documents: Documents) -> None:
        place = first(documents)
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = value

    return plant


FAULTS: dict[str, tuple[str, Callable[[Documents], object]]] = {
    "a language without its texts": ("text-missing", drop("texts", "ko")),
    "an empty title": ("text-missing", put("", "texts", "fr", "title")),
    "a text with a space at its end": ("text-missing", put("Confiance ", "texts", "fr", "title")),
    "a text that was only copied": (
        "text-not-translated", put("Failed to achieve required trust", "texts", "de", "title"),
    ),
    "Korean that is none": ("text-in-another-script", put("Trust", "texts", "ko", "title")),
    "German that is Korean": ("text-in-another-script", put("신뢰", "texts", "de", "title")),
    "a title like a page": ("text-too-long", put("x" * 81, "texts", "en", "title")),
    "one entry in another language": ("language-not-asked-for", put({"title": "t", "explanation": "e"}, "texts", "fi")),
    "a hint that does not exist": ("hint-missing", put("pray", "hint")),
    "a hint that nobody gives": (
        "hint-unused", lambda documents: documents["advice.json"]["hints"].update(pray={"en": "Pray."}),
    ),
    "an advice for every retry but one": (
        "retry-missing", lambda documents: documents["advice.json"]["retries"].pop("later"),
    ),
    "a category of nobody": ("category-unknown", put("fnord", "category")),
    "a category that the code contradicts": ("category-differs", put("did", "category")),
    "a severity that the code contradicts": ("severity-differs", put("warning", "severity")),
    "one code twice": ("duplicate-code", lambda documents: documents[FILE]["codes"].append(first(documents))),
    "one code under another scope": ("duplicate-code", put(["w.m.did"], "aliases")),
    "a descriptor of the specification without an entry": (
        "descriptor-missing", lambda documents: documents[FILE]["codes"].pop(0),
    ),
    "a family that is no name": ("not-camel-case", put("family", "form")),
    "another spelling that was forgotten": ("alias-missing", lambda documents: documents[FILE]["codes"].pop(1)),
    "a code of two protocols and of none": (
        "needs-an-entry-of-no-protocol",
        lambda documents: documents["codes/aries-report-problem.json"]["codes"].pop(0),
    ),
    "an unknown member": ("shape", put("x", "colour")),
    "a changed word": ("file-changed", put("Trust.", "texts", "en", "explanation")),
    "a new file": (
        "file-not-locked", lambda documents: documents.update({"codes/x.json": documents[FILE] | {"codes": []}}),
    ),
    "a lost file": ("file-missing", lambda documents: documents.pop("codes/aries-pickup.json")),
}  # fmt: skip


@pytest.mark.parametrize(("rule", "plant"), FAULTS.values(), ids=FAULTS)
def test_a_planted_fault_is_found(rule: str, plant: Callable[[Documents], object]) -> None:
    documents = {name: json.loads(raw) for name, raw in shipped_files().items()}
    plant(documents)
    findings = lint({name: json.dumps(document).encode() for name, document in documents.items()})
    assert rule in {finding.rule for finding in findings}
    assert all(str(finding) for finding in findings)


def test_a_file_that_is_no_json_is_a_finding() -> None:
    assert [finding.rule for finding in lint({**shipped_files(), FILE: b"{"})] == ["not-json"]
