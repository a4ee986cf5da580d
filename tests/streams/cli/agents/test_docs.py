"""The chapters of docs/agents.md on Identus' webhooks and on the check, as printed."""

from __future__ import annotations

import asyncio
import re
import shlex
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from typer.testing import CliRunner

from tests.connectors.gateway.conftest import serving
from tests.connectors.sources.identus.events import WALLET
from tocsin.connectors.gateway import GatewayConfig, build_gateway
from tocsin.connectors.publish import MemoryPublisher
from tocsin.connectors.sources.identus.states import KINDS
from tocsin.schemas.problem import MAX_RETRIES
from tocsin.streams.cli.agents.address import webhook_of
from tocsin.streams.cli.main import application
from tocsin.streams.rulesfile import load_rulebook, load_wallets

PAGE = (Path(__file__).parents[4] / "docs" / "agents.md").read_text("utf-8")
RULES = "endpoints:\n  terminal: {sink: log}\ndefault_route: terminal\n"


def chapter(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


IDENTUS, CHECK = chapter("Identus: its webhooks"), chapter("Is my agent's webhook set right?")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_table_has_every_type_and_every_state_that_is_a_problem() -> None:
    rows = {row[1]: row[2] for row in re.finditer(r"^\| (.+?) \| (.+) \|$", IDENTUS, re.MULTILINE)}
    for kind, table in KINDS.items():
        assert any(f"`{kind}`" in said for said in rows)
        assert f"`{table.record_type}`" in "".join(rows.values())
        for state, failed in table.failed.items():
            (becomes,) = [becomes for said, becomes in rows.items() if f"`{state}`" in said]
            assert f"`{failed.code}`" in becomes
    assert any(f"`{MAX_RETRIES}`" in becomes for becomes in rows.values())


def test_the_wallets_of_the_rules_file(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULES + blocks(IDENTUS, "yaml")[0])
    assert load_wallets(tmp_path / "rules.yaml") == {WALLET: "acme"}


def test_the_route_that_keeps_claims_from_paging(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(blocks(chapter("ACA-Py: its webhooks"), "yaml")[-1] + "default_route: seen\n")
    (route,) = load_rulebook(tmp_path / "rules.yaml").routes
    assert (route.name, route.endpoints) == ("claimed", ("seen",))


def test_the_addresses_are_those_of_webhooks() -> None:
    found = re.findall(r"https://bus\.example\.org/v1/agents/[^\s\"]+", IDENTUS)
    assert [webhook_of(address).tenant for address in found] == [None, "acme"]


async def test_the_checks_as_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """On this machine no key is needed. Nothing has come, so the one that asks since when fails."""
    publisher = MemoryPublisher()

    async def ready() -> bool:
        return True

    async with serving(build_gateway(GatewayConfig(), publisher, ready, CollectorRegistry())) as port:
        monkeypatch.setenv("TOCSIN_PORT", str(port))
        monkeypatch.delenv("TOCSIN_API_KEY", raising=False)
        lines = [shlex.split(line, comments=True)[1:] for line in blocks(CHECK, "sh")[0].splitlines()]
        here = [[word.replace("127.0.0.1:8700", f"127.0.0.1:{port}") for word in words] for words in lines]
        ended = [
            await asyncio.to_thread(CliRunner().invoke, application("agents"), words, prog_name="tocsin")
            for words in here
        ]
    assert [one.exit_code for one in ended] == [0, 1, 0], [one.stdout for one in ended]
    assert all("of tenant acme, as the address says" in one.stdout for one in ended[:2])
    assert "messages since then: none" in ended[1].stdout
    assert publisher.events == []
