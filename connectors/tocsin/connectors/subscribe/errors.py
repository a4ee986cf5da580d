"""What ends a subscription, and what a handler says when trying again cannot help.

SubscribeFailed               the subscription has ended, nothing was committed beyond what is done
|- SubscribeRefused           Kafka does not let this user read or join the group
`- TooManyDeadLetters         one event after another failed: rather the handler is broken than the events
DeadLetter                    raised by a handler
"""

from __future__ import annotations

from tocsin.schemas.errors import TocsinError


class SubscribeFailed(TocsinError):
    """The subscription has ended by itself; the message says why and what to do."""


class SubscribeRefused(SubscribeFailed):
    """Kafka will not let us, now or later: no right to read a topic, or to join the group."""


class TooManyDeadLetters(SubscribeFailed):
    """So many events failed one after the other, with none between them that did not; the last one is no dead letter
    and comes again."""

    def __init__(self, count: int, last: str) -> None:
        super().__init__(
            f"{count} events in a row could not be handled (the last one: {last}); the next ones stay in Kafka. "
            "Mend the handler, start again, and replay: tocsin dead replay --group GROUP --reason handler_failed"
        )
        self.count = count


class DeadLetter(TocsinError):
    """Raise it in a handler: this event is never going to be handled, and is put aside at once for this reason."""
