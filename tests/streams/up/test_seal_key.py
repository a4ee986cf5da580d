"""The key that `tocsin up` makes in its home for secrets: made once, for its user alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tocsin.connectors.sealing import seal_keys_of
from tocsin.streams.processes.exit_codes import CommandFailed
from tocsin.streams.settings import load_settings
from tocsin.streams.up.home import as_running
from tocsin.streams.up.keys import SEAL_KEY_FILE, made_seal_key


def test_it_is_made_once_and_kept(tmp_path: Path) -> None:
    setting = made_seal_key(tmp_path)
    file = tmp_path / SEAL_KEY_FILE
    assert (setting, stat.S_IMODE(file.stat().st_mode)) == (f"file:{file}", 0o600)
    before = file.read_text()
    assert (made_seal_key(tmp_path), file.read_text()) == (setting, before)
    keys = seal_keys_of(setting)
    assert keys is not None
    assert keys.unseal(keys.seal(b"x", "a"), "a") == b"x"


def test_a_file_that_others_may_read_or_that_is_none_is_refused(tmp_path: Path) -> None:
    made_seal_key(tmp_path)
    file = tmp_path / SEAL_KEY_FILE
    file.chmod(0o644)
    with pytest.raises(CommandFailed, match="chmod 600") as refused:
        made_seal_key(tmp_path)
    assert refused.value.exit_code == 78
    file.unlink()
    os.symlink("/etc/passwd", file)
    with pytest.raises(CommandFailed, match="TOCSIN_SEAL_KEY"):
        made_seal_key(tmp_path)


def test_commands_know_the_key_of_the_bus_that_runs_and_show_no_key() -> None:
    running = {"bootstrap": "127.0.0.1:9", "seal_key": "file:/srv/seal.key"}
    assert as_running(load_settings(), running).seal_key == "file:/srv/seal.key"
    assert as_running(load_settings(seal_key="env:MINE"), running).seal_key == "env:MINE"
    assert load_settings(seal_key="env:MINE").masked()["seal_key"] == "env:MINE"
    assert load_settings(seal_key="c2VjcmV0").masked()["seal_key"] == "***"
