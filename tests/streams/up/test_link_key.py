"""The key for links that `tocsin up` makes, and what the settings make of one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tocsin.streams.processes.exit_codes import CommandFailed
from tocsin.streams.processes.links import links_of
from tocsin.streams.settings import Settings, SettingsInvalid
from tocsin.streams.up.keys import LINK_KEY_FILE, with_link_key


def settings(home: Path, **said: object) -> Settings:
    return Settings(home=home, **({"public_url": "https://bus.example"} | said))  # type: ignore[arg-type]


def test_it_is_made_once_for_our_eyes_only(tmp_path: Path) -> None:
    first, again = (links_of(with_link_key(settings(tmp_path))) for _ in range(2))
    assert first is not None
    assert again is not None
    (link, *_) = first.of("acme", "c-1", "Ann", 0)
    assert again.read(link.url.rpartition("/")[2], 0).case == "c-1"
    assert (tmp_path / LINK_KEY_FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("said", [{"public_url": None}, {"link_key": "k" * 32}], ids=["no address", "another key"])
def test_it_is_made_only_where_it_is_needed(tmp_path: Path, said: dict[str, object]) -> None:
    given = settings(tmp_path, **said)
    assert with_link_key(given) == given
    assert list(tmp_path.iterdir()) == []


def test_it_is_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("")
    (tmp_path / LINK_KEY_FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CommandFailed, match="TOCSIN_LINK_KEY"):
        with_link_key(settings(tmp_path))
    assert (tmp_path / "elsewhere").read_text() == ""


def test_a_home_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="TOCSIN_LINK_KEY"):
        with_link_key(settings(tmp_path).but(home=tmp_path / "nowhere"))


def test_without_an_address_or_a_key_there_are_no_links(tmp_path: Path) -> None:
    assert links_of(settings(tmp_path)) is None
    assert links_of(settings(tmp_path, public_url=None, link_key="k" * 32)) is None


def test_a_key_may_be_in_the_environment_and_two_during_a_rotation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_KEY", f"{'n' * 32} {'k' * 32}")
    rotated, old = links_of(settings(tmp_path, link_key="env:THE_KEY")), links_of(settings(tmp_path, link_key="k" * 32))
    assert rotated is not None
    assert old is not None
    assert rotated.read(old.of("acme", "c-1", "Ann", 0)[0].url.rpartition("/")[2], 0).by == "Ann"


@pytest.mark.parametrize(
    ("key", "why"),
    [("s3cret", "32 characters"), ("env:NO_SUCH", "NO_SUCH is not set"), ("file:/no/such", "cannot be read")],
)
def test_a_key_that_cannot_be_used_is_said_and_never_shown(tmp_path: Path, key: str, why: str) -> None:
    given = settings(tmp_path, link_key=key)
    with pytest.raises(SettingsInvalid, match=f"TOCSIN_LINK_KEY: .*{why}") as refusal:
        links_of(given)
    assert "s3cret" not in f"{refusal.value} {given.masked()}"
