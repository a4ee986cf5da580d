"""What a person or a program may order: commands on cases and time-outs, silences, endpoints on or off.

One way to say it for the gateway and the command line: a document in, an event out, or `Unreadable` naming the member.
"""

from __future__ import annotations

from tocsin.connectors.commanding.commands import command_issued
from tocsin.connectors.commanding.silences import ended_silence, silence_set
from tocsin.connectors.commanding.times import moment_of, span_of, until_of

__all__ = ["command_issued", "ended_silence", "moment_of", "silence_set", "span_of", "until_of"]
