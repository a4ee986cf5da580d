"""What the stages of `decide` say of a report: one `Verdict`, with a reason from one closed set."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from tocsin.schemas.problem import Problem


class Reason(StrEnum):
    """Why nobody is told of a report, as `ProblemSuppressed.reason`, metrics and `rules test` show it."""

    SAME_EVENT_ID = "same_event_id"
    """The same event came again: a retry, a batch that was sent again."""
    CONFLICT = "conflict"
    """Its event id came before with another body, and the first one stands."""
    HOPS = "hops"
    """It has passed too many buses."""
    RETRYING = "retrying"
    """Whoever reports it tries again by itself, and says how often it will."""
    REPLAYED = "replayed"
    """The same ciphertext with the same code came before."""
    THREAD_MUTED = "thread_muted"
    """A limit notice was told of its thread."""
    CONNECTION_ERRORS = "connection_errors"
    """Too many of its code on its connection, without any other message between them."""
    PING_PONG = "ping_pong"
    """Problems of its category go to and fro between the same two parties."""
    EXCHANGE = "exchange"
    """Two parties answer each other's reports with reports, of whatever code and thread."""
    CLAIMED_LIMIT = "claimed_limit"
    """Nothing proves who says it, and too many such reports were told within the hour."""
    TENANT_LIMIT = "tenant_limit"
    """As many cases of its tenant are open as may be, and it would open one more."""
    IDENTICAL = "identical"
    """An identical problem was told a moment ago; a digest follows."""
    SILENCED = "silenced"
    """Somebody silenced it for a time."""
    INHIBITED = "inhibited"
    """A worse problem with which it has something in common is open."""
    QUIET = "quiet_by_default"
    """It is ignored unless a route names its code."""
    MUTED = "muted"
    """All routes that take it are muted now; a digest follows."""
    GROUPED = "grouped"
    """It belongs to a group that is told together; a digest follows."""
    PEER_NOT_TOLD = "peer_not_told"
    """Only peers would be told, and they may not be."""

    @property
    def by_a_rule_of_the_file(self) -> bool:
        """Whether a rule of the file decides it; the others are the limits that hold for everybody."""
        return self not in _BY_A_LIMIT

    @property
    def told_later(self) -> bool:
        """Whether a digest follows, which tells of it: until then what people want of it waits."""
        return self in (Reason.IDENTICAL, Reason.MUTED, Reason.GROUPED)


_BY_A_LIMIT = frozenset(
    {
        Reason.SAME_EVENT_ID, Reason.CONFLICT, Reason.HOPS, Reason.REPLAYED, Reason.THREAD_MUTED,
        Reason.CONNECTION_ERRORS, Reason.PING_PONG, Reason.EXCHANGE, Reason.TENANT_LIMIT, Reason.IDENTICAL,
        Reason.CLAIMED_LIMIT,
    }
)  # fmt: skip


class Limit(StrEnum):
    """The limits whose crossing is told, once, in place of the report that crosses them."""

    THREAD_ERRORS = "thread_errors"
    CONNECTION_ERRORS = "connection_errors"
    PING_PONG = "ping_pong"
    EXCHANGE = "exchange"
    PEER_THREAD = "peer_thread"
    CLAIMED = "claimed"
    TENANT_CASES = "tenant_cases"

    @property
    def of_one_thread(self) -> bool:
        """Whether the thread by which it is crossed is to blame."""
        return self not in (Limit.TENANT_CASES, Limit.CLAIMED)

    @property
    def in_its_thread(self) -> bool:
        """Whether the notice stands in the thread of the report; a claimed one is whatever whoever claims has named."""
        return self is not Limit.CLAIMED


class Verdict(Struct, frozen=True, kw_only=True):
    """Either nobody is told (`reason`; `detail` says what decided, `represented_by` is the event that stands for the
    report, if there is one), or a limit notice is told `instead` of what was reported, because it crosses `limit`."""

    reason: Reason | None = None
    detail: str = ""
    represented_by: str | None = None
    instead: Problem | None = None
    limit: Limit | None = None

    @property
    def decided_before(self) -> bool:
        """Whether the report came before: then nothing of it counts again."""
        return self.reason in (Reason.SAME_EVENT_ID, Reason.CONFLICT)


class Outcome(Struct, frozen=True):
    """What became of a report: the event that stands for it from now on, and the verdict if nobody was told."""

    represented_by: str
    suppressed: Verdict | None = None
