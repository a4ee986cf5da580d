"""`tocsin doctor` tells what the running processes note, such as rules that they cannot use."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tocsin.streams.cli.doctor_checks import Level, _notes
from tocsin.streams.settings import Settings
from tocsin.streams.telemetry.probes import all_notes, nothing_to_note
from tocsin.streams.up.home import HomeTaken


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        pytest.param(
            {"ready": True, "note": "the rules file cannot be used"}, ["the rules file cannot be used"], id="one"
        ),
        pytest.param({"ready": True}, [], id="none"),
        pytest.param([], [], id="not one of ours"),
    ],
)
async def test_notes_of_the_running_bus(tmp_path: Path, answer: Any, told: list[str]) -> None:
    async def ready(request: web.Request) -> web.Response:
        return web.json_response(answer)

    app = web.Application()
    app.router.add_get("/readyz", ready)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    home = HomeTaken(tmp_path)
    metrics = [f"http://127.0.0.1:{port}/metrics" for port in (runner.addresses[0][1], 1)]
    home.tell({"api": "http://a", "bootstrap": "b:1", "metrics": metrics})
    checks = await asyncio.to_thread(_notes, Settings(home=tmp_path))
    home.release()
    await runner.cleanup()
    assert [(check.level, check.detail) for check in checks] == [(Level.WARN, note) for note in told]


def test_when_nothing_runs_there_is_nothing_to_note(tmp_path: Path) -> None:
    assert _notes(Settings(home=tmp_path)) == []


def test_every_note_is_told() -> None:
    assert all_notes(nothing_to_note, lambda: "a", lambda: "b")() == "a; b"
    assert all_notes(nothing_to_note, nothing_to_note)() is None
