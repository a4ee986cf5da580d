"""Why what went round in circles was stopped, in words."""

from __future__ import annotations

from collections.abc import Mapping

LOOP_WORDS: Mapping[str, str] = {
    "hops": "It had passed too many buses, each of which sends to the next.",
    "replayed": "The same encrypted message came before, with the same code.",
    "thread_muted": "Its thread had too many errors; that was told once, and nothing more of the thread is.",
    "connection_errors": "Its code came too often on its connection, with no other message in between.",
    "ping_pong": "Two parties sent each other reports of one category, to and fro.",
    "exchange": "Two parties answered each other's reports with reports, of whatever code and thread.",
}
"""Reason of a suppressed report -> what happened."""
