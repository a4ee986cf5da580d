"""The same ciphertext with the same code came before: somebody replays it, or handed it in twice (DESIGN 6)."""

from __future__ import annotations

from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.heard import Heard
from tocsin.streams.rules.loops.verdict import Silenced
from tocsin.streams.rules.policies import LoopLimits
from tocsin.streams.rules.state import ReplayRow, row_key

REPLAYED = "replayed"
"""The suppression reason."""

SHOWN = 16
"""Digits of a digest that are shown to people."""


def replayed(heard: Heard, rows: Rows, limits: LoopLimits) -> Silenced | None:
    """Silent when the message's digest and the code are those of a report within the window."""
    digest = heard.problem.message_sha256
    if not limits.replay_window or not digest:
        return None
    row = rows.get(_key(heard, digest))
    if not isinstance(row, ReplayRow) or heard.now - row.at >= limits.replay_window:
        return None
    return Silenced(REPLAYED, f"message {digest[:SHOWN]} was reported before", row.survivor)


def note_ciphertext(heard: Heard, survivor: str, rows: Rows, limits: LoopLimits) -> None:
    """Remember which event stands for the problem's ciphertext, for the length of the window."""
    digest = heard.problem.message_sha256
    if not limits.replay_window or not digest:
        return
    key = _key(heard, digest)
    row = rows.get(key)
    if not isinstance(row, ReplayRow) or heard.now - row.at >= limits.replay_window:
        rows.put(key, ReplayRow(heard.now, survivor, heard.case), heard.now + limits.replay_window)


def _key(heard: Heard, digest: str) -> str:
    return row_key("replay", heard.tenant, digest, heard.problem.code_key or heard.problem.code)
