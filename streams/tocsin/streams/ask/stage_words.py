"""What each stage of `decide` asks of a report, in words."""

from __future__ import annotations

from collections.abc import Mapping

STAGE_WORDS: Mapping[str, str] = {
    "same_event": "Did the same event come before?",
    "version_warnings": "Is it a warning about a version alone, of which nobody is told?",
    "context": "What is known of its thread and connection?",
    "close_by_problem": "Does it answer a message that we wait for?",
    "learn": "What does it say of the peer that wrote it?",
    "retrying": "Will its reporter try again by itself?",
    "hops": "Has it passed too many buses?",
    "replay": "Did the same ciphertext come before?",
    "thread_budget": "Has its thread had too many errors?",
    "connection_budget": "Has its connection had too many of its code?",
    "ping_pong": "Do reports of its category go to and fro?",
    "exchange": "Do two parties answer reports with reports?",
    "identical": "Was an identical problem told a moment ago?",
    "claimed_limit": "Does somebody whom nothing proves say too much?",
    "tenant_limit": "Has its tenant too many open cases?",
    "note_limit_of_peer": "Was the peer told too much of its thread?",
    "route": "Which routes take it, and which subscriptions want it?",
    "silence": "Has somebody silenced it?",
    "inhibit": "Is a worse problem open?",
    "mute": "Are its routes muted now?",
    "group": "Does it wait to be told with others?",
    "audience": "Who may be told?",
    "withhold": "Is there anybody left who may be told?",
}
"""Name of a stage -> the question."""
