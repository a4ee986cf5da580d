"""The pages of the documentation that are made from data: each is what its data says now."""

from __future__ import annotations

import re

import pytest

from deploy.site.source import ROOT
from tocsin.connectors.catalogue import document as codes
from tocsin.connectors.stability import document as names
from tocsin.streams import events_document as events
from tocsin.streams import settings_document as settings
from tocsin.streams.cli import commands_document as commands
from tocsin.streams.cli.main import COMMANDS
from tocsin.streams.settings import Settings

MADE = {"codes": codes, "settings": settings, "commands": commands, "events": events, "names": names}


@pytest.mark.parametrize("made", MADE.values(), ids=list(MADE))
def test_the_page_is_up_to_date(made: object) -> None:
    assert (ROOT / made.FILE).read_text("utf-8") == made.document(), "make documents"  # type: ignore[attr-defined]


def test_every_setting_and_command_is_in_its_page() -> None:
    assert [name for name in Settings.model_fields if f"`TOCSIN_{name.upper()}`" not in settings.document()] == []
    assert [name for name in COMMANDS if f"## tocsin {name}\n" not in commands.document()] == []


def test_the_events_are_on_the_topics_that_the_list_of_schemas_names() -> None:
    shown = {
        (event, chapter.partition("\n")[0])
        for chapter in events.document().partition("## Parts")[0].split("\n## ")[1:]
        for event in re.findall(r"^### (\w+)$", chapter, re.MULTILINE)
    }
    table = (ROOT / "schemas" / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| \d+ \| (\w+) \| \d+ \| \S+ \| ([\w, ]+) \|$", table, re.MULTILINE)
    assert shown == {(event, topic) for event, topics in rows for topic in topics.split(", ")}
