"""The key files that `tocsin up` makes, when it is killed while it does, and when somebody else has made them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tocsin.streams.processes.exit_codes import CommandFailed
from tocsin.streams.settings import Settings
from tocsin.streams.up.keys import made_seal_key, with_link_key


def made_link_key(home: Path) -> str:
    return str(with_link_key(Settings(home=home, public_url="https://bus.example")).link_key)


EACH = pytest.mark.parametrize("made", [made_seal_key, made_link_key], ids=["seal.key", "link.key"])


class Killed(BaseException):
    """The process is gone at this place."""


def killed(*given: object, **named: object) -> None:
    raise Killed


@EACH
@pytest.mark.parametrize("place", ["fdopen", "fsync", "link"])
def test_a_kill_at_any_place_leaves_no_half_a_key(
    made: Callable[[Path], str], place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(os, place, killed)
        with pytest.raises(Killed):
            made(tmp_path)
    setting = made(tmp_path)
    text = Path(setting.removeprefix("file:")).read_text()
    assert len(text.strip()) >= 32
    assert made(tmp_path) == setting
    assert Path(setting.removeprefix("file:")).read_text() == text, "once made it is kept"


@EACH
def test_nothing_else_is_left_behind(made: Callable[[Path], str], tmp_path: Path) -> None:
    setting = made(tmp_path)
    assert [f"file:{one}" for one in tmp_path.iterdir()] == [setting]
    assert Path(setting.removeprefix("file:")).stat().st_mode & 0o777 == 0o600


@EACH
@pytest.mark.parametrize("theirs", ["a link", "open to others", "empty"])
def test_what_is_no_key_file_of_ours_is_refused(made: Callable[[Path], str], theirs: str, tmp_path: Path) -> None:
    file = Path(made(tmp_path).removeprefix("file:"))
    if theirs == "a link":
        elsewhere = tmp_path / "elsewhere"
        file.rename(elsewhere)
        file.symlink_to(elsewhere)
    elif theirs == "empty":
        file.write_text("")
    else:
        file.chmod(0o644)
    with pytest.raises(CommandFailed, match=r"set TOCSIN_(SEAL|LINK)_KEY") as refused:
        made(tmp_path)
    assert refused.value.exit_code == 78
