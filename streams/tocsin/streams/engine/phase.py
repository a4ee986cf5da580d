"""Where a partition is in its life in this worker, and what helps one that halted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """Where a partition's task is; the value is the label of the metric."""

    TAKING_OVER = "taking_over"
    RUNNING = "running"
    WAITING = "waiting"
    HALTED = "halted"
    STOPPED = "stopped"

    def note(self, reason: str) -> str | None:
        """What an operator should know of a partition in this phase, or None."""
        if self is Phase.RUNNING:
            return None
        return f"{self}: {reason}" if reason else str(self)


DEAD_LETTER_LIMIT = "dead_letter_limit"
"""The reason of a partition that halted rather than dead-letter one record more."""
NEEDS_A_PERSON = "needs_a_person"
"""The reason of one that met what a newer release wrote (a row, a mark, an outbox)."""
UNREADABLE_YET = "schema_not_known_yet"
"""The reason of one that waits: the record has a schema id of ours that nobody has published yet."""
UNWRITABLE = "unwritable"
"""The reason of one whose batch could not be folded or written; the record at fault is found and dead-lettered."""

HELP = {
    DEAD_LETTER_LIMIT: "run a release that can read these records, or raise the setting dead_letter_limit; "
    "then, for those that are in `dead` already: tocsin dead replay",
    NEEDS_A_PERSON: "run the release that wrote it, or a later one",
    UNREADABLE_YET: "start a process of the release that wrote it",
    UNWRITABLE: "it goes on by itself; please report the error in the log",
}
"""What helps, by the reason of a halt or a wait."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a partition stands still: `place` is `TOPIC PARTITION` (no prefix), `offset` that of the record at fault, if
    it is one."""

    place: str
    reason: str
    offset: int | None

    def help(self) -> str:
        """What an operator does about it."""
        return help_for(self.place, self.reason, self.offset)

    def note(self) -> str:
        """For `/readyz`."""
        at = self.place if self.offset is None else f"{self.place} offset {self.offset}"
        return f"{Phase.HALTED}: {self.reason}, at {at} ({self.help()})"

    def written(self) -> str:
        """For the metadata of the group's committed offset, where `tocsin doctor` and `partitions skip` find it."""
        return f"{Phase.HALTED} {self.reason} {'-' if self.offset is None else self.offset}"

    @classmethod
    def read(cls, place: str, metadata: str) -> Trouble | None:
        """What `written` wrote, or None when the metadata say nothing of the kind."""
        words = metadata.split(" ")
        if len(words) != 3 or words[0] != Phase.HALTED or not (words[2] == "-" or words[2].isdecimal()):
            return None
        return cls(place, words[1], None if words[2] == "-" else int(words[2]))


def help_for(place: str, reason: str, offset: int | None) -> str:
    """What helps a partition that halted or waits, as of `Trouble`."""
    helps = HELP.get(reason, "see the log of the worker")
    return helps if offset is None else f"{helps}; or let this one record go: {skip_command(place, offset)}"


def skip_command(place: str, offset: int) -> str:
    """The command that lets the record go at which a partition halted; `place` is `TOPIC PARTITION`."""
    return f"tocsin partitions skip {place} --offset {offset}"
