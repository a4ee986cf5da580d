"""Settings: where each comes from, and the messages when they are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tocsin.streams.settings import Settings, SettingsInvalid, load_settings

BAD = {
    "a bootstrap without port": ("bootstrap", "kafka", "'kafka' is not host:port"),
    "a bootstrap with a word for a port": ("bootstrap", "a:9092,b:x", "'b:x' is not host:port"),
    "a port that does not exist": ("port", "70000", "less than or equal to 65535"),
    "no partitions": ("partitions", "0", "greater than or equal to 1"),
    "a bootstrap with a scheme": ("bootstrap", "http://127.0.0.1:8700", "'http://127.0.0.1:8700' is not host:port"),
    "a host with a scheme": ("host", "http://127.0.0.1", "without scheme and port"),
    "a host with a port": ("host", "localhost:8700", "without scheme and port"),
    "a home that is a file": ("home", f"{__file__}/x", f"{__file__} is not a folder"),
    "a home of nobody": ("home", "~no-such-user/x", "home directory"),
    "a public address of another kind": ("public_url", "ftp://u:secret@h/d", "match pattern"),
    "a window without an end": ("dedupe_window", "inf", "finite number"),
    "a time-out that is no number": ("session_timeout", "nan", "finite number"),
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
    assert settings.warnings == []


@pytest.mark.parametrize(("said", "meant"), [("on", "on"), ("off", "off"), ("loopback", "on")])
def test_who_makes_endpoints_over_http_is_said_as_before_there_were_keys(
    monkeypatch: pytest.MonkeyPatch, said: str, meant: str
) -> None:
    monkeypatch.setenv("TOCSIN_SUBSCRIPTIONS", said)
    assert load_settings().subscriptions == meant


def test_a_flag_beats_the_environment_beats_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("tocsin.toml").write_text('port = 1\nprefix = "file."\npartitions = 4\n')
    monkeypatch.setenv("TOCSIN_PORT", "2")
    monkeypatch.setenv("TOCSIN_PREFIX", "env.")
    settings = load_settings(port=3, prefix=None)
    assert (settings.port, settings.prefix, settings.partitions) == (3, "env.", 4)


@pytest.mark.parametrize("good", ["127.0.0.1", "localhost", "::1", "0.0.0.0", "bus.example.org"])
def test_what_to_listen_on(good: str) -> None:
    server = f"[{good}]:9092" if ":" in good else f"{good}:9092"
    settings = load_settings(host=good, bootstrap=f"{server}, b:1")
    assert (settings.host, settings.bootstrap) == (good, f"{server}, b:1")


def test_a_public_url_has_no_slash_at_its_end() -> None:
    assert load_settings(public_url="https://bus.example/x/").public_url == "https://bus.example/x"


def test_a_misspelt_variable_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BOOTSTRP", "QQQQ", "FAILPOINT_X", "CACHE", "MAVEN", "TEST_SEED", "PORT", "SERVICE", "SPOOL"):
        monkeypatch.setenv(f"TOCSIN_{name}", "1")
    assert load_settings().warnings == [
        "TOCSIN_BOOTSTRP: there is no such setting; is TOCSIN_BOOTSTRAP meant?",
        "TOCSIN_QQQQ: there is no such setting",
    ]


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
    shown = load_settings(public_url="https://bus:hunter2@gate/tocsin").masked()
    assert shown["public_url"] == "https://bus:***@gate/tocsin"
    assert "hunter2" not in repr(shown)


LOGIN: dict[str, object] = {
    "kafka_security_protocol": "SASL_SSL", "kafka_sasl_mechanism": "PLAIN",
    "kafka_user": "u", "kafka_password": "hunter2",
}  # fmt: skip


@pytest.mark.parametrize(
    ("given", "shown"), [("hunter2", "***"), ("env:SECRET", "env:SECRET"), ("file:/run/s", "file:/run/s")]
)
def test_the_password_of_kafka_is_masked_and_where_it_stands_is_not(given: str, shown: str) -> None:
    settings = load_settings(**LOGIN | {"kafka_password": given})
    assert settings.masked()["kafka_password"] == shown
    assert settings.kafka_security().password == given


TOGETHER: dict[str, tuple[dict[str, object], str]] = {
    "a login without a mechanism": (LOGIN | {"kafka_sasl_mechanism": None}, "TOCSIN_KAFKA_SASL_MECHANISM: SASL_SSL"),
    "a login without a user": (LOGIN | {"kafka_user": None}, "TOCSIN_KAFKA_USER: SASL_SSL needs one"),
    "a login without a password": (LOGIN | {"kafka_password": None}, "TOCSIN_KAFKA_PASSWORD: SASL_SSL needs one"),
    "a password without a login": ({"kafka_password": "hunter2"}, "TOCSIN_KAFKA_PASSWORD: it is not used with"),
    "an authority without TLS": ({"kafka_ca_file": "ca.pem"}, "TOCSIN_KAFKA_CA_FILE: it is not used with the protocol"),
    "a key without its certificate": (
        {"kafka_security_protocol": "SSL", "kafka_key": "k.pem"}, "TOCSIN_KAFKA_KEY: it needs its certificate"
    ),
    "no such protocol": (LOGIN | {"kafka_security_protocol": "TLS"}, "kafka-security-protocol: Input should be"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "why"), TOGETHER.values(), ids=TOGETHER)
def test_settings_of_kafka_that_do_not_go_together(given: dict[str, object], why: str) -> None:
    with pytest.raises(SettingsInvalid, match=why) as refused:
        load_settings(**given)
    assert "hunter2" not in str(refused.value)


def test_a_token_needs_no_user() -> None:
    load_settings(**LOGIN | {"kafka_sasl_mechanism": "OAUTHBEARER", "kafka_user": None})


def test_every_setting_is_documented() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
