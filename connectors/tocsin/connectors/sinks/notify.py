"""The sink that tells people: by e-mail, chat, page or SMS, through Apprise, in words and with links to answer.

At least once: what Apprise does not call a success is tried again. Of several addresses those that have taken a
notification are not sent it again by this process. What an address is stays secret: it shows in no log and no error.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Annotated, Literal, Self

from msgspec import Meta

from tocsin.connectors.people.action_links import ActionLinks
from tocsin.connectors.people.addresses import Address, Unusable, checked, without_secrets
from tocsin.connectors.people.calls import Calls, outcome_of, shared
from tocsin.connectors.people.letter import RESOLVED, Link, letter
from tocsin.connectors.people.told import Told, is_ours, told_of
from tocsin.connectors.people.words import words_in
from tocsin.connectors.printable import clipped
from tocsin.connectors.secrets import Secret
from tocsin.connectors.sections import NOT_IN_FILE, Listed, Section
from tocsin.connectors.sinks.base import Delivered, Reason, Rejected, RetryLater, SinkMisconfigured, SinkOutcome
from tocsin.schemas.events import DeliveryAttempt

log = logging.getLogger(__name__)

AT_ONCE = 4
"""Messages of one endpoint that are sent at a time: one that hangs takes no more of what is there for all."""

TURN_WITHIN = 15.0
"""Seconds in which a message must have its turn, before its own time begins."""

MAX_FOREIGN = 4000
"""Bytes of a body in no known form that are looked at."""

REMEMBERED = 1000
"""Deliveries of which is known which of several addresses have taken them."""

_Url = Annotated[str, Secret()]


class NotifyConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """People, by an Apprise URL: e-mail, Slack, Teams, Matrix, Telegram, ntfy, PagerDuty, SMS and a hundred more."""

    url: Annotated[_Url | None, "Apprise's URL, which holds the password: `env:`, `file:`, or text."] = None
    urls: Annotated[tuple[_Url, ...], Listed(max_length=10), "Several of them, or more."] = ()
    form: Annotated[Literal["text", "markdown"], "How it is written."] = "text"
    recipient: Annotated[str, Meta(max_length=100), "Who answers by the links; else the endpoint's name."] = ""
    timeout: Annotated[float, Meta(ge=1, le=30), "Seconds of an attempt."] = 15.0
    allow_private: Annotated[bool, "Private addresses, such as a mail server of one's own, are right here."] = False
    language: Annotated[tuple[str, ...], NOT_IN_FILE] = ()
    """The endpoint's languages: those of our own words, too."""

    def checked(self) -> NotifyConfig:
        """Itself; raises ValueError without any address."""
        if self.url is None and not self.urls:
            raise ValueError("notify needs url, or urls")
        return self

    def __repr__(self) -> str:
        """Without the addresses."""
        return f"NotifyConfig({len(self.urls) + (self.url is not None)} addresses)"


class NotifySink:
    """Tells people at one or several addresses. `links` puts links into what they read; None: no links."""

    Config = NotifyConfig
    explains = True
    """Its readers are people: without a language they are told in English."""

    def __init__(self, config: NotifyConfig, *, now: Callable[[], int] = lambda: time.time_ns() // 1000) -> None:
        """Raises SinkMisconfigured. `now` gives microseconds since the epoch."""
        self.links: ActionLinks | None = None
        self._config = config
        self._addresses = _addresses(config)
        self._now = now
        self._taken: OrderedDict[tuple[str, int], frozenset[int]] = OrderedDict()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._opened = AsyncExitStack()
        self._calls: Calls | None = None

    async def __aenter__(self) -> Self:
        self._calls = await self._opened.enter_async_context(shared())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._calls = None
        await self._opened.aclose()

    async def deliver(self, attempt: DeliveryAttempt) -> SinkOutcome:
        """Tell it at each address that has not taken it yet; Delivered when all have. Raises nothing but
        CancelledError."""
        calls = self._calls
        if calls is None:
            return RetryLater(reason=Reason.SINK_FAILED)
        told, this = _told(attempt.body, attempt.content_type), (attempt.delivery_id, attempt.replay)
        taken = self._taken.get(this, frozenset())
        left = [number for number in range(len(self._addresses)) if number not in taken]
        outcomes = await asyncio.gather(*(self._send(calls, attempt, told, self._addresses[number]) for number in left))
        taken |= {number for number, outcome in zip(left, outcomes, strict=True) if isinstance(outcome, Delivered)}
        self._remember(this, taken)
        return _whole(outcomes)

    async def _send(self, calls: Calls, attempt: DeliveryAttempt, told: Told, address: Address) -> SinkOutcome:
        config = self._config
        words = words_in(config.language or _languages(told))
        form = config.form if address.marked else "text"
        written = letter(
            told, words, self._links(attempt, told), form, address.room, replayed=attempt.replay > 0
        )  # fmt: skip
        try:
            async with asyncio.timeout(TURN_WITHIN):
                await self._turns.acquire()
        except TimeoutError:
            return RetryLater(reason=Reason.TIMEOUT)
        try:
            sent = await calls.send(
                address.url, written, form, within=config.timeout, private=config.allow_private
            )  # fmt: skip
        except TimeoutError:
            return RetryLater(reason=Reason.TIMEOUT)
        except Exception:
            log.exception("endpoint %s: no process to send with", attempt.endpoint)
            return RetryLater(reason=Reason.SINK_FAILED)
        finally:
            self._turns.release()
        outcome = outcome_of(sent, self._now())
        if not isinstance(outcome, Delivered):
            lines = [] if sent is None else [clipped(without_secrets(line, address.url), 300) for line in sent.shown]
            log.warning("endpoint %s, %s: %s; %s", attempt.endpoint, address.service, outcome.reason, " | ".join(lines))
        return outcome

    def _links(self, attempt: DeliveryAttempt, told: Told) -> Sequence[Link]:
        if self.links is None or not told.case or told.kind == RESOLVED:
            return ()
        by = self._config.recipient or attempt.endpoint
        return self.links.of(attempt.tenant, told.case, by, self._now())

    def _remember(self, this: tuple[str, int], taken: frozenset[int]) -> None:
        """Which addresses have taken a delivery, as long as some have and some have not."""
        self._taken.pop(this, None)
        if 0 < len(taken) < len(self._addresses):
            self._taken[this] = taken
        while len(self._taken) > REMEMBERED:
            self._taken.popitem(last=False)


def _addresses(config: NotifyConfig) -> tuple[Address, ...]:
    """Raises SinkMisconfigured, which quotes none of them."""
    given = [*([] if config.url is None else [("url", config.url)]), *(("urls", url) for url in config.urls)]
    if not given:
        raise SinkMisconfigured("notify", "url", "is needed, or urls")
    found = []
    for name, url in given:
        try:
            found.append(checked(url, private=config.allow_private))
        except Unusable as why:
            raise SinkMisconfigured("notify", name, str(why)) from None
        except ModuleNotFoundError:
            raise SinkMisconfigured("notify", "sink", "it needs Apprise: pip install 'tocsin[notify]'") from None
    return tuple(found)


def _told(body: bytes, content_type: str) -> Told:
    """What a body says; one that is no notification of ours (a dialect's document) is shown as far as it can be, as the
    words of a stranger: it names no case to make links for."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        parsed = body[:MAX_FOREIGN].decode("utf-8", "replace")
    told = told_of(parsed) if is_ours(parsed, content_type) else None
    if told is not None:
        return told
    said = parsed if isinstance(parsed, dict) else {"detail": str(parsed)}
    found = told_of({"data": {"problem": {"http": said, "code": said.get("code")}}})
    return Told() if found is None else found


def _languages(told: Told) -> tuple[str, ...]:
    """The language in which the catalogue explains it: that of the tenant, where the endpoint has none."""
    texts = (told.title, told.explanation, told.fix_hint)
    return tuple(text.language for text in texts if text.ours and text.language)


def _whole(outcomes: Sequence[SinkOutcome]) -> SinkOutcome:
    """The outcome of several addresses: tried again if one is, dead if one is and none tried again."""
    for kind in (RetryLater, Rejected):
        for outcome in outcomes:
            if isinstance(outcome, kind):
                return outcome
    return Delivered()
