"""The rules file changes while a process runs: good rules are applied, bad ones change nothing and are reported."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from tocsin.connectors.metrics.making import Meters
from tocsin.streams.processes import rules_watch
from tocsin.streams.processes.lifecycle import beside, ignore_hangups
from tocsin.streams.processes.live_config import LiveConfig
from tocsin.streams.processes.rules_watch import WatchedRules, own_addresses
from tocsin.streams.rules.config import RuleBook, Silence, default_rulebook
from tocsin.streams.rulesfile import RulesFileError, read_content, read_rules
from tocsin.streams.settings import Settings

ONE = "endpoints: {desk: {sink: memory}}\ndefault_route: desk\n"
TWO = "endpoints: {desk: {sink: memory}, lead: {sink: memory}}\ndefault_route: lead\nroutes: [{endpoints: desk}]\n"
BAD = "endpoints: {desk: {sink: memory}}\ndefault_route: dsk\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(ONE)
    return path


@pytest.fixture
def hangups() -> Iterator[None]:
    """What SIGHUP does is as before when the test ends."""
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


def write(file: Path, content: str | None) -> None:
    """Change the file; None removes it."""
    if content is None:
        file.unlink()
    else:
        file.write_text(content)


class Rules:
    """Watched rules of a file, and what their metrics say."""

    def __init__(self, file: Path | None) -> None:
        self.registry = CollectorRegistry()
        self.settings = Settings(rules=file)
        self.watched = WatchedRules(self.settings, Meters(self.registry))

    async def look_twice(self) -> bool:
        """As the process does in four seconds."""
        assert not await self.watched.look()
        return await self.watched.look()

    @property
    def failures(self) -> float | None:
        return self.registry.get_sample_value("tocsin_rules_reload_failures_total")

    @property
    def taken(self) -> float | None:
        return self.registry.get_sample_value("tocsin_rules_last_reload_ok")

    @property
    def loaded_at(self) -> float:
        return self.registry.get_sample_value("tocsin_rules_loaded_timestamp_seconds") or 0.0


async def test_a_good_file_is_taken_and_an_unchanged_one_is_not(file: Path) -> None:
    rules = Rules(file)
    first = rules.watched.book
    assert not await rules.watched.look()
    write(file, ONE)
    assert not await rules.watched.look(), "the content counts, not the time stamp"
    assert rules.watched.book is first
    before = rules.loaded_at
    write(file, TWO)
    assert await rules.look_twice()
    assert list(rules.watched.book.endpoints) == ["desk", "lead"]
    assert (rules.loaded_at >= before > 0, rules.failures, rules.watched.note()) == (True, 0.0, None)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(BAD, "rules.yaml:2: there is no endpoint dsk", id="a name that stands for nothing"),
        pytest.param("a: b: c", "this is not YAML", id="not YAML"),
        pytest.param("", "a rules file is a mapping", id="half written"),
        pytest.param(None, "cannot be read: No such file", id="gone"),
    ],
)
async def test_a_bad_file_keeps_the_rules_and_says_so_until_a_good_one_comes(
    file: Path, content: str | None, says: str
) -> None:
    rules = Rules(file)
    held = rules.watched.book
    write(file, content)
    assert not await rules.look_twice()
    assert rules.watched.book is held
    assert says in str(rules.watched.note())
    assert (rules.failures, rules.taken) == (1.0, 0.0)
    assert not await rules.watched.look(), "the same bad file is reported once"
    assert rules.failures == 1.0
    write(file, TWO)
    assert await rules.look_twice()
    assert (rules.watched.note(), rules.taken) == (None, 1.0)


async def test_the_file_is_looked_at_again_and_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules_watch, "LOOK_EVERY", 0.01)
    rules = Rules(file)
    async with beside(rules.watched.watch()):
        for text, default in ((TWO, "lead"), (BAD, "lead"), (ONE, "desk")):
            write(file, text)
            await until(lambda book=default: rules.watched.book.default_endpoint == book)
            await asyncio.sleep(0.05)
            assert rules.watched.book.default_endpoint == default


@pytest.mark.usefixtures("hangups")
async def test_sighup_reads_it_at_once_even_when_it_did_not_change(tmp_path: Path, file: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("whsec_TfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    write(
        file, "endpoints: {desk: {sink: webhook, url: https://a.example/, secret_file: secret}}\ndefault_route: desk\n"
    )
    rules = Rules(file)
    async with beside(rules.watched.watch()):
        await asyncio.sleep(0)
        newer = "whsec_AAAAr8GKYqrTwjUPD8ILPZIo2LaLaSwAAA=="
        secret.write_text(newer)
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: getattr(rules.watched.book.endpoints["desk"].settings, "secrets", ()) == (newer,))


async def test_what_takes_the_rules_may_refuse_them_and_is_asked_again(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules_watch, "LOOK_EVERY", 0.01)
    rules = Rules(file)
    held, asked = rules.watched.book, 0

    async def refuse(book: RuleBook) -> None:
        nonlocal asked
        asked += 1
        raise OSError("no room")

    rules.watched.on_new = refuse
    async with beside(rules.watched.watch()):
        write(file, TWO)
        await until(lambda: asked > 2)
        assert rules.watched.book is held
        assert rules.failures == 1.0, "reported once"
        assert rules.watched.note() == (
            "the changed rules are not taken yet, the rules before them hold: OSError: no room"
        )
        rules.watched.on_new = None
        await until(lambda: rules.watched.book is not held)
        assert rules.watched.note() is None


async def test_half_a_file_is_not_taken_even_when_it_is_good_yaml(file: Path) -> None:
    rules = Rules(file)
    half = TWO[: TWO.index("routes")]
    write(file, half)
    assert not await rules.watched.look()
    write(file, TWO)
    assert not await rules.watched.look()
    assert list(rules.watched.book.endpoints) == ["desk"]
    assert await rules.watched.look()
    assert len(rules.watched.book.routes) == 1
    write(file, half)
    assert await rules.look_twice(), "whoever leaves it so means it"


async def test_what_was_looked_at_is_what_is_taken(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = Rules(file)

    def overtaken(path: Path, **how: Any) -> Any:
        write(file, ONE)
        return read_rules(path, **how)

    monkeypatch.setattr(rules_watch, "read_rules", overtaken)
    write(file, TWO)
    assert await rules.look_twice()
    assert rules.watched.book.default_endpoint == "lead"
    assert await rules.look_twice()
    assert rules.watched.book.default_endpoint == "desk"


async def test_asked_at_once_while_the_file_is_written(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = Rules(file)
    write(file, TWO[: TWO.index("routes")])

    def read_before_it_is_whole(path: Path) -> bytes | OSError:
        content = read_content(path)
        write(path, TWO)
        return content

    monkeypatch.setattr(rules_watch, "SETTLES_WITHIN", 0.0)
    monkeypatch.setattr(rules_watch, "read_content", read_before_it_is_whole)
    assert not await rules.watched.look(at_once=True)
    assert await rules.watched.look(at_once=True)
    assert len(rules.watched.book.routes) == 1


@pytest.mark.usefixtures("hangups")
async def test_sighup_never_ends_the_process(file: Path) -> None:
    ignore_hangups()
    os.kill(os.getpid(), signal.SIGHUP)
    for _ in range(2):
        async with beside(Rules(file).watched.watch()):
            await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGHUP)
    asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGHUP)
    await asyncio.sleep(0)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


async def test_without_a_file_there_is_nothing_to_watch() -> None:
    rules = Rules(None)
    assert rules.watched.book == default_rulebook()
    assert not await rules.watched.look(at_once=True)
    await asyncio.wait_for(rules.watched.watch(), 60)


def test_the_first_file_must_be_good(file: Path) -> None:
    write(file, BAD)
    with pytest.raises(RulesFileError):
        Rules(file)


async def test_the_rules_get_what_holds_now(file: Path) -> None:
    rules = Rules(file)
    silences: list[tuple[Silence, ...]] = [()]
    config = LiveConfig(rules.settings, rules.watched, lambda: silences[0])
    first = config()
    assert config() is first, "nothing is made anew for each event"
    write(file, TWO)
    await rules.look_twice()
    assert config().book is rules.watched.book
    assert config().dedupe_window == first.dedupe_window
    silences[0] = (Silence(name="s", match=rules.watched.book.routes[0].match, since=0, until=1),)
    assert config().silences == silences[0]


@pytest.mark.parametrize(
    ("settings", "own"),
    [
        pytest.param({"host": "127.0.0.1", "port": 8700}, ("http://127.0.0.1:8700",), id="here"),
        pytest.param({"host": "127.0.0.1", "port": 0}, (), id="on any free port"),
        pytest.param(
            {"host": "0.0.0.0", "port": 1, "public_url": "https://bus.example"},
            ("https://bus.example", "http://127.0.0.1:1", "http://0.0.0.0:1"),
            id="everywhere, and as others see it",
        ),
        pytest.param({"host": "::1", "port": 1}, ("http://[::1]:1",), id="IPv6"),
    ],
)
def test_own_addresses(settings: dict[str, object], own: tuple[str, ...]) -> None:
    assert own_addresses(Settings(**settings)) == own  # type: ignore[arg-type]


def test_an_endpoint_that_is_this_bus_is_refused(file: Path) -> None:
    secret = "whsec_TfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    url = "http://localhost:8700/v1/problems"
    write(
        file,
        f"endpoints: {{us: {{sink: webhook, url: '{url}', allow_private: true, secret: {secret}}}}}\n"
        "default_route: us\n",
    )
    with pytest.raises(RulesFileError, match="endpoint us is this bus's own gateway"):
        WatchedRules(Settings(rules=file, host="127.0.0.1", port=8700), Meters(CollectorRegistry()))


async def until(holds: object, within: float = 60.0) -> None:
    """Returns when it holds; fails when it does not within a time."""
    assert callable(holds)
    async with asyncio.timeout(within):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)
