"""Settings: where each comes from, and what a person is told when they are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tocsin.streams.settings import Settings, SettingsInvalid, load_settings

BAD = {
    "a bootstrap without port": ("bootstrap", "kafka", "'kafka' is not host:port"),
    "a bootstrap with a word for a port": ("bootstrap", "a:9092,b:x", "'b:x' is not host:port"),
    "a port that does not exist": ("port", "70000", "less than or equal to 65535"),
    "no partitions": ("partitions", "0", "greater than or equal to 1"),
    "a store of an unknown kind": ("store", "mysql://u:secret@h/d", "must start with sqlite:/// or postgresql://"),
    "a prefix that Kafka refuses": ("prefix", "a b", "match pattern"),
    "a window of no time": ("dedupe_window", "0", "greater than 0"),
    "an unknown log format": ("log_format", "xml", "'console' or 'json'"),
}


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("CONFIG", *Settings.model_fields):
        monkeypatch.delenv(f"TOCSIN_{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)


def test_the_defaults_need_nothing(tmp_path: Path) -> None:
    settings = load_settings()
    assert settings.bootstrap is None
    assert (settings.port, settings.prefix, settings.partitions) == (8700, "tocsin.", 12)
    assert settings.home == tmp_path / ".tocsin"
    assert settings.store == f"sqlite:///{tmp_path}/.tocsin/tocsin.db"


def test_a_flag_beats_the_environment_beats_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("tocsin.toml").write_text('port = 1\nprefix = "file."\npartitions = 4\n')
    monkeypatch.setenv("TOCSIN_PORT", "2")
    monkeypatch.setenv("TOCSIN_PREFIX", "env.")
    settings = load_settings(port=3, prefix=None)
    assert (settings.port, settings.prefix, settings.partitions) == (3, "env.", 4)


def test_the_store_follows_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TOCSIN_HOME", "elsewhere")
    assert load_settings().store == f"sqlite:///{tmp_path}/elsewhere/tocsin.db"


@pytest.mark.parametrize(("name", "value", "why"), BAD.values(), ids=BAD.keys())
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, why: str) -> None:
    monkeypatch.setenv(f"TOCSIN_{name.upper()}", value)
    with pytest.raises(SettingsInvalid) as invalid:
        load_settings()
    [line] = invalid.value.problems
    assert line.startswith(f"TOCSIN_{name.upper()}: ")
    assert why in line
    assert "secret" not in line
    assert invalid.value.exit_code == 78


def test_all_wrong_settings_are_told_at_once_and_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("tocsin.toml").write_text('port = "http"\ncolour = "red"\n')
    monkeypatch.setenv("TOCSIN_REPLICATION", "none")
    with pytest.raises(SettingsInvalid) as invalid:
        load_settings(partitions=-1)
    starts = {line.split(":")[0] + ":" + line.split(":")[1] for line in invalid.value.problems}
    assert starts >= {"tocsin.toml: port", "tocsin.toml: colour"}
    assert any(line.startswith("TOCSIN_REPLICATION: ") for line in invalid.value.problems)
    assert any(line.startswith("--partitions: ") for line in invalid.value.problems)
    assert len(invalid.value.problems) == 4


def test_a_file_that_is_not_toml_is_named() -> None:
    Path("tocsin.toml").write_text("port: 1\n")
    with pytest.raises(SettingsInvalid, match=r"tocsin\.toml: "):
        load_settings()


def test_a_named_file_must_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_CONFIG", "nowhere.toml")
    with pytest.raises(SettingsInvalid, match=r"TOCSIN_CONFIG: there is no file nowhere\.toml"):
        load_settings()


def test_passwords_are_masked() -> None:
    shown = load_settings(store="postgresql://bus:hunter2@db/tocsin").masked()
    assert shown["store"] == "postgresql://bus:***@db/tocsin"
    assert "hunter2" not in repr(shown)


def test_every_setting_is_documented() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
