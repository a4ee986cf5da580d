"""The pages of the documentation that are made from data: each is what its data says now."""

from __future__ import annotations

import pytest

from deploy.site.source import ROOT
from tocsin.connectors.catalogue import document as codes
from tocsin.streams import settings_document as settings
from tocsin.streams.cli import document as commands
from tocsin.streams.cli.main import COMMANDS
from tocsin.streams.settings import Settings


@pytest.mark.parametrize("made", [codes, settings, commands], ids=["codes", "settings", "commands"])
def test_the_page_is_up_to_date(made: object) -> None:
    assert (ROOT / made.FILE).read_text("utf-8") == made.document(), "make documents"  # type: ignore[attr-defined]


def test_every_setting_and_command_is_in_its_page() -> None:
    assert [name for name in Settings.model_fields if f"`TOCSIN_{name.upper()}`" not in settings.document()] == []
    assert [name for name in COMMANDS if f"## tocsin {name}\n" not in commands.document()] == []
