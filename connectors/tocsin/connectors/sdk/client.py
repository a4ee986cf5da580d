"""The one client of a process: `init` makes it, the others use it, and none of them can harm the service."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tocsin.connectors.sdk.events import observed, reported
from tocsin.connectors.sdk.settings import Settings, settings_of

if TYPE_CHECKING:
    from tocsin.connectors.publish import PublisherStats, Receipt, SyncPublisher
    from tocsin.connectors.publish.port import InboxEvent
    from tocsin.connectors.publish.reporting import Report
    from tocsin.schemas.events import ActivityKind
    from tocsin.schemas.problem import Problem

log = logging.getLogger("tocsin.sdk")

CAPTURED = "__tocsin_captured__"
"""The attribute of an exception that was captured, with the event's id and when: whoever captures it again, farther
out, captures nothing."""
CAPTURED_FOR = 60.0
"""Seconds after which the same object is another failure: some are made once and raised for ever."""
FLUSH_WITHIN = 2.0


class Client:
    """What was set up: settings, the publisher, and how often it failed."""

    def __init__(self, settings: Settings) -> None:
        """Raises ValueError for settings that cannot be; a spool that cannot be is logged, and left out."""
        self.settings = settings
        self.failed = 0
        self._told: set[str] = set()
        self.publisher: SyncPublisher | None = None
        if not settings.address:
            self.tell("no address", "nothing is published: give init an address, or set TOCSIN_BOOTSTRAP or TOCSIN_URL")
            return
        _import_ahead()
        self.publisher = _publisher_of(settings, settings.spool)
        if settings.spool is None:
            return
        try:
            self.publisher.start()  # now, so that what an ended process left is sent before anything happens here
        except OSError as error:
            log.warning("there is no spool, so what cannot be sent will be lost: %s", error)
            self.publisher = _publisher_of(settings, None)

    def submit(self, make: Callable[[SyncPublisher], InboxEvent]) -> str | None:
        """Submit the event that `make` makes; its id, None when it was not taken. Never raises."""
        if self.publisher is None:
            return None
        try:
            event = make(self.publisher)
            self.publisher.submit(event).add_done_callback(self._note_end)
        except Exception as error:
            self.note_failure(error)
            return None
        return event.event_id

    def note_failure(self, error: BaseException) -> None:
        """Count it, and log it if it is the first of its kind."""
        self.failed += 1
        self.tell(type(error).__name__, f"a problem was not published: {type(error).__name__}: {error}")

    def tell(self, kind: str, words: str) -> None:
        """Log it once."""
        if kind not in self._told:
            self._told.add(kind)
            log.warning("%s (said once)", words)

    def _note_end(self, future: Future[Receipt]) -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            self.note_failure(error)


_client: Client | None = None
_said_before_init = False
_lock = threading.Lock()


def init(
    address: str | None = None,
    *,
    tenant: str | None = None,
    service: str | None = None,
    api_key: str | None = None,
    spool: Path | str | bool | None = None,
    variables: bool = False,
    **more: Any,
) -> None:
    """Set up publishing for this process; called again, it begins anew.

    `address`: Kafka's HOST:PORT[,...], or a gateway's URL (with `api_key`); `tenant`, `service`: whose and which. What
    is not given is taken from TOCSIN_BOOTSTRAP or TOCSIN_URL, TOCSIN_TENANT, TOCSIN_SERVICE, TOCSIN_API_KEY,
    TOCSIN_SPOOL, TOCSIN_PREFIX and TOCSIN_KAFKA_*. `spool`: a folder, or False for none. `variables`: whether those of
    the function that raised are told of exceptions. `more`: further arguments of Publisher or HttpPublisher.

    Raises ValueError or TypeError for what cannot be; whether the bus is there does not matter.
    """
    global _client
    made = Client(settings_of(address, tenant, service, api_key, spool, variables, more, os.environ))
    with _lock:
        before, _client = _client, made
    if before is not None and before.publisher is not None:
        before.publisher.close(FLUSH_WITHIN)


def capture(
    report: Report | None = None,
    *,
    of: BaseException | None = None,
    items: Mapping[str, object] | None = None,
    **about: Any,
) -> str | None:
    """Publish an exception, a problem (`problem(...)`) or a document; without one, the exception that is being handled.
    `of`: the exception that a problem was made of. `items`: what is told beside an exception or a problem. `about` are
    the fields of `About`: `context={"record_id": "r"}`, `idempotency_key="..."`. Returns at once, with the event's id,
    or None when nothing was published: then the log says why, once. Never raises."""
    found = sys.exc_info()[1] if report is None else report
    client = _client_or_say()
    if found is None or client is None:
        return None
    error = found if isinstance(found, BaseException) else of
    if error is not None and (captured := _captured(error)) is not None:
        return captured
    event_id = client.submit(lambda to: reported(to, client.settings, client.tell, found, items or {}, about))
    if event_id is not None and error is not None:
        _mark(error, event_id)
    return event_id


def problem_of(error: BaseException, code: str | None = None) -> Problem:
    """The problem that an exception is, with variables if `init` wants them; for hooks."""
    from tocsin.connectors.publish.exceptions import problem_of_exception

    client = _client
    return problem_of_exception(error, code=code, variables=client is not None and client.settings.variables)


def guarded(work: Callable[[], str | None]) -> str | None:
    """Whatever a hook does to capture something: what it raises does not reach the service, but is told as ever."""
    try:
        return work()
    except Exception as error:
        if _client is not None:
            _client.note_failure(error)
        return None


def observe(kind: ActivityKind | str, **members: Any) -> str | None:
    """Publish something that explains problems (`job_started`, with `job="..."`, `detail={...}`): the members of
    ActivityObserved. As `capture` otherwise."""
    client = _client_or_say()
    if client is None:
        return None
    return client.submit(lambda to: observed(to, kind, members))


def flush(timeout: float = FLUSH_WITHIN) -> bool:
    """Wait until all that was captured is safe: at the bus, or in the spool. False if it is not within the time, or if
    anything captured since the last flush is lost: refused, or with no room in the spool, nor on its disk."""
    client = _client
    return client is None or client.publisher is None or client.publisher.flush(timeout)


def close(timeout: float = FLUSH_WITHIN) -> bool:
    """End. What is captured afterwards is not published, until `init`. False if not all that was captured since `init`
    is safe; how much is logged, as at the end of the interpreter."""
    global _client
    with _lock:
        before, _client = _client, None
    return before is None or before.publisher is None or before.publisher.close(timeout)


def publisher() -> SyncPublisher | None:
    """The publisher that `init` made, for hooks; None when nothing is published."""
    return None if _client is None else _client.publisher


def service() -> str:
    """The name of this service, as `init` has it."""
    return "service" if _client is None else _client.settings.service


def state() -> PublisherStats | None:
    """What the publisher has done; None when nothing is published."""
    found = publisher()
    return None if found is None else found.stats()


def _client_or_say() -> Client | None:
    global _said_before_init
    if _client is None and not _said_before_init:
        _said_before_init = True
        log.warning("nothing is published before init (said once)")
    return _client


def _import_ahead() -> None:
    """What would be imported with the first event: a process that is forked while another thread imports something has
    it imported for ever, and whoever needs it there waits."""
    for name in ("encodings.idna", "tocsin.connectors.catalogue.categories", "tocsin.connectors.publish.exceptions"):
        importlib.import_module(name)


def _publisher_of(settings: Settings, folder: Path | None) -> SyncPublisher:
    from tocsin.connectors.publish.spool import Spool

    kind = "http" if settings.over_http else "kafka"
    given: dict[str, Any] = {"tenant": settings.tenant, **settings.more}
    if folder is not None:
        given["spool"] = Spool(folder, kind=kind)
    else:
        given.setdefault("when_full", "refuse")
    if settings.over_http:
        from tocsin.connectors.publish.http import HttpPublisher

        return HttpPublisher.sync(settings.address, api_key=settings.api_key, **given)
    from tocsin.connectors.kafka_security import KafkaSecurity, checked_address
    from tocsin.connectors.publish.kafka import Publisher

    security = KafkaSecurity.from_environment(os.environ)
    usual = {"prefix": settings.prefix, "source": f"tocsin:{settings.service}", "security": security}
    return Publisher.sync(checked_address(settings.address), **usual | given)


def _captured(error: BaseException) -> str | None:
    try:
        event_id, when = getattr(error, CAPTURED, None) or ("", 0.0)
        recent = 0 <= time.monotonic() - when < CAPTURED_FOR
    except Exception:  # of one that makes its attributes itself
        return None
    return event_id if recent and isinstance(event_id, str) and event_id else None


def _mark(error: BaseException, event_id: str) -> None:
    try:
        setattr(error, CAPTURED, (event_id, time.monotonic()))
    except Exception:  # one that takes no attributes is captured as often as somebody does
        log.debug("an exception takes no attributes: %s", type(error))
