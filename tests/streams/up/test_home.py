"""The folder of a `tocsin up`, when somebody else has made what is in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tocsin.streams.processes.exit_codes import CommandFailed
from tocsin.streams.up.home import PID_FILE, STATE_FILE, HomeLock, running_bus


def test_no_link_in_the_folder_is_written_through(tmp_path: Path) -> None:
    home, theirs = tmp_path / "home", tmp_path / "theirs"
    home.mkdir()
    theirs.write_text("precious")
    (home / PID_FILE).symlink_to(theirs)
    assert running_bus(home) is None
    with pytest.raises(CommandFailed, match="cannot hold the data"):
        HomeLock(home)
    (home / PID_FILE).unlink()
    (home / STATE_FILE).symlink_to(theirs)
    lock = HomeLock(home)
    lock.write_state({"bootstrap": "h:1"})
    assert running_bus(home) == {"bootstrap": "h:1"}
    lock.release()
    assert theirs.read_text() == "precious"


@pytest.mark.timeout(20)
def test_a_fifo_in_the_folder_holds_up_no_command(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / PID_FILE)
    assert running_bus(tmp_path) is None
    with pytest.raises(CommandFailed, match="is no regular file"):
        HomeLock(tmp_path)
