"""What pages show of ours is there: commands with their options, targets of make, settings, files."""

from __future__ import annotations

import re

import pytest

from deploy.site.source import ROOT
from tests.snippets.blocks import blocks, inline, pages
from tests.snippets.commands import commands_of, fault
from tocsin.streams.settings import ENV_PREFIX, OTHER_VARIABLES, Settings

WORKED = "docs/contributing/"
"""Pages that add something: what they show comes with them (tests/test_contributing.py)."""
PAGES = [page for page in pages() if not page.startswith(WORKED)]
OF_OTHERS = {"TOCSIN_RECEIVE_SECRET", "TOCSIN_DATABASE_PASSWORD"}
"""Variables that are no settings of processes: of a command, of compose."""
TESTED = ("TOCSIN_FUZZ", "TOCSIN_TEST", "TOCSIN_FAILPOINT", "TOCSIN_KEEP")


@pytest.mark.parametrize("page", PAGES)
def test_a_command_is_one_that_there_is(page: str) -> None:
    found = {line: wrong for line in commands_of(page) if (wrong := fault(line))}
    assert found == {}


# what a page could show -> what is said of it
FAULTS = {
    "a command that there is not": ("tale --from 2h", "no command tale"),
    "one within a group that there is not": ("dead lists", "no lists there"),
    "an option that there is not": ("dead list --becuase raised", "No such option"),
    "a word too many": ("doctor now", "too many words"),
    "an option that must be said": ("acknowledge e-1", "without ['by']"),
    "nothing": ("acknowledge e-1 --by ann   # a comment", None),
    "nothing, with a pipe": ("tail problems --json | jq .code", None),
    "a command that is spoken of": ("silence add", None),
    "an option that is spoken of": ("rules test --events", None),
    "what is left out": ("keys create ...", None),
}


@pytest.mark.parametrize(("line", "said"), FAULTS.values(), ids=list(FAULTS))
def test_a_fault_is_seen(line: str, said: str | None) -> None:
    found = fault(line)
    assert found == said if said is None else said in str(found)


@pytest.mark.parametrize("page", PAGES)
def test_a_setting_is_one_that_there_is(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    known = {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields} | {*OTHER_VARIABLES} | OF_OTHERS
    said = set(re.findall(r"\bTOCSIN_[A-Z_]*[A-Z]\b(?!_)", text))
    assert {name for name in said - known if not name.startswith(TESTED)} == set()


@pytest.mark.parametrize("page", PAGES)
def test_a_target_of_make_is_one_that_there_is(page: str) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    lines = [line for one in blocks(page) for line in one.text.splitlines()]
    said = {
        word for code in [*inline(page), *lines] for word in re.findall(r"^(?:[A-Z_]+=\S+ )*make ([a-z0-9-]+)", code)
    }
    assert {name for name in said if not re.search(rf"^{name}:", makefile, re.MULTILINE)} == set()


@pytest.mark.parametrize("page", PAGES)
def test_a_file_is_one_that_there_is(page: str) -> None:
    said = {code for code in inline(page) if re.fullmatch(r"(deploy|docs|tests|schemas)/[\w./-]+", code)}
    said = {name for name in said if not re.search(r"[A-Z]{4}|NN-|\.\.\.|/secrets/|/x\.v", name)}  # of what is made up
    assert {name for name in said if not (ROOT / name).exists()} == set()
