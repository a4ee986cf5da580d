"""What `tocsin up --watch` says of Prometheus and Grafana."""

from __future__ import annotations

from pathlib import Path

from tocsin.streams.cli.up import watched_lines
from tocsin.streams.up.watching import Watched


def test_where_both_are() -> None:
    lines = watched_lines(Watched("http://127.0.0.1:9090", "http://127.0.0.1:3000"))
    assert [line.split() for line in lines] == [
        ["prometheus", "http://127.0.0.1:9090"], ["grafana", "http://127.0.0.1:3000"],
    ]  # fmt: skip


def test_how_ones_own_are_pointed_at_us() -> None:
    text = "\n".join(watched_lines(Watched(None, None)))
    assert "config scrape" in text
    assert "tocsin top" in text
    named = [Path(word) for word in text.split() if word.startswith("/") and "deploy" in word]
    assert len(named) == 3
    assert all(path.exists() for path in named), "rules, and what Grafana is given"


def test_nothing_is_said_when_nobody_asked() -> None:
    assert watched_lines(None) == []
