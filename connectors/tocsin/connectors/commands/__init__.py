"""What a person or a program may command: commands on cases and time-outs, silences, and API keys.

One form for the gateway and the command line: a document in, an event out, or `Unreadable` naming the member.
"""

from __future__ import annotations

from tocsin.connectors.commands.api_key import key_set, revoked_key, rotated_key
from tocsin.connectors.commands.command import command_issued
from tocsin.connectors.commands.members import moment_of, reason, span_of, until_of, who
from tocsin.connectors.commands.silence import ended_silence, silence_set
from tocsin.connectors.commands.subscription import Made, SubscriptionRefusal, SubscriptionRefused

__all__ = [
    "Made",
    "SubscriptionRefusal",
    "SubscriptionRefused",
    "command_issued",
    "ended_silence",
    "key_set",
    "moment_of",
    "reason",
    "revoked_key",
    "rotated_key",
    "silence_set",
    "span_of",
    "until_of",
    "who",
]
