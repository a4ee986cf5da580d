"""Background jobs: when they start, how far they are, how they end, and why they failed.

    @job("nightly")                                       # functions, and async functions
    def clean() -> None: ...

    with job("import", attempt=2, attempts=5, record_id="r") as run:
        run.progress("half")

A failure is a problem as RFC 9457 has it, unless somebody tries again, and is raised on: nothing is swallowed, and
nothing waits for the bus. Frameworks of jobs have hooks of their own: `tocsin.connectors.hooks`.
"""

from __future__ import annotations

import functools
import inspect
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from tocsin.connectors import logs, sdk

if TYPE_CHECKING:
    from tocsin.schemas.problem import Problem, RetryParty

Function = TypeVar("Function", bound=Callable[..., Any])

_ENTERED: ContextVar[tuple[Run, ...]] = ContextVar("tocsin_runs", default=())


class GivenUp(Exception):
    """It failed, was to be tried again, and never was: told, not raised."""


@dataclass(frozen=True, slots=True)
class Telling:
    """What is told of a job besides its failures: `runs`, when it starts, moves and ends; `retries`, failures after
    which somebody tries again, as problems."""

    runs: bool = True
    retries: bool = False


class Run:
    """One run of a job: `id` is its own (of a framework, what that calls it), `name` the job's. As a context manager it
    begins and ends by itself; hooks that hear of both in different places call `begin`, `fail` and `end`."""

    def __init__(
        self,
        name: str,
        attempt: int | None = None,
        attempts: int | None = None,
        context: Mapping[str, object] | None = None,
        *,
        run_id: str | None = None,
        about: Mapping[str, object] | None = None,
        telling: Telling = Telling(),
    ) -> None:
        """`context`: what it works on. `about`: what else is told of it (`queue`)."""
        self.name, self.id = name, run_id or uuid.uuid4().hex
        self._attempt, self._attempts = _number(attempt), _number(attempts)
        self._context, self._about = context or {}, about or {}
        self._telling = telling
        self._began = time.monotonic()
        self._around = ExitStack()
        self._outcome = "done"

    def counted(self, attempt: int, attempts: int | None) -> None:
        """Say which attempt it is, and of how many, once that is known."""
        self._attempt, self._attempts = attempt, attempts

    def progress(self, state: str, **detail: object) -> None:
        """Say how far it is: the `state` that it has come to, and details."""
        self._observe("record_changed", record_type="job", record_id=self.id, record_state=state, detail=detail)

    def begin(self, traceparent: str | None = None, tracestate: str | None = None) -> None:
        """It starts: until `end`, what is captured in this thread or task belongs to it, and to this trace."""
        self._began = time.monotonic()
        self._around.enter_context(sdk.traced(traceparent, tracestate))
        self._around.enter_context(sdk.within(**{**self._context, "job": self.name}))
        self._observe("job_started", detail={})

    def fail(self, error: BaseException, *, again: bool | None = None, expected: bool = False) -> None:
        """It failed: a problem, unless somebody tries `again` (nothing said: while there are attempts left), or it was
        `expected` to fail so."""
        self._outcome = "failed"
        sdk.guarded(lambda: logs.note_heard(error))
        if expected:
            return
        left = self._attempt is not None and self._attempts is not None and not self._is_last
        if left if again is None else again:
            self._outcome = "retrying"
            self.progress("retrying", error=type(error).__name__)
            if not self._telling.retries:
                return
        sdk.guarded(lambda: sdk.capture(self._problem(error, again), of=error))

    def give_up(self, failures: int, why: str) -> None:
        """Nobody tries again what failed so many times, though it was not run once more: a problem. Of what never
        failed nothing is told here."""
        if failures:
            self.counted(failures, failures)
            with sdk.within(**{**self._context, "job": self.name}):
                self.fail(GivenUp(f"Given up, with {failures} failed attempts before: {why}"), again=False)

    def cancel(self) -> None:
        """It is ended from outside, which is no failure."""
        self._outcome = "cancelled"

    def end(self, outcome: str | None = None) -> None:
        """It is over: as `fail` said, else done, unless the `outcome` says otherwise."""
        took = f"{time.monotonic() - self._began:.3f}"
        self._observe("job_finished", detail={"outcome": outcome or self._outcome, "seconds": took})
        self._around.close()

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            self.fail(error)
        elif error is not None:
            self.cancel()
        self.end()

    @property
    def _is_last(self) -> bool:
        return self._attempt is not None and self._attempts is not None and self._attempt >= self._attempts

    def _observe(self, kind: str, detail: dict[str, object], **members: object) -> None:
        if not self._telling.runs:
            return
        about = {"run": self.id, "attempt": self._attempt, "attempts": self._attempts, **self._about, **detail}
        said = {name: value for name, value in about.items() if value is not None}
        sdk.observe(kind, job=self.name, detail=said, **members)

    def _problem(self, error: BaseException, again: bool | None) -> Problem:
        from msgspec.structs import replace

        from tocsin.connectors.publish.exception_codes import code_of
        from tocsin.schemas.problem import MAX_RETRIES, Http, Item

        used_up = self._is_last and not again
        made = sdk.problem_of(error, code_of(error) or MAX_RETRIES if used_up else None)
        name = type(error).__name__
        http = Http(
            type=f"error:{sdk.service()}:{name}",
            title=made.http.title if made.http else name,
            status=500,
            detail=made.text,
            instance=f"error:instance:{uuid.uuid4()}",
        )
        about = {"run": self.id, "attempt": self._counted(), **self._about}
        items = [Item(key=key, value=str(value)) for key, value in about.items() if value is not None]
        return replace(made, http=http, items=[*items, *made.items], retry_party=self._party(again))

    def _counted(self) -> str | None:
        return f"{self._attempt} of {self._attempts}" if self._attempt and self._attempts else _text(self._attempt)

    def _party(self, again: bool | None) -> RetryParty:
        from tocsin.schemas.problem import RetryParty

        if again is None and (self._attempt is None or self._attempts is None):
            return RetryParty.UNKNOWN
        return RetryParty.REPORTER if (not self._is_last if again is None else again) else RetryParty.NONE


class Job:
    """What `job` makes: a decorator, and a context manager whose block is one run."""

    def __init__(
        self,
        name: str | None,
        attempt: int | None = None,
        attempts: int | None = None,
        tell_retries: bool = False,
        **context: object,
    ) -> None:
        self._name, self._attempt, self._attempts, self._context = name, attempt, attempts, context
        self._telling = Telling(retries=tell_retries)
        self._runs: list[Run] = []

    def __enter__(self) -> Run:
        run = self._run(self._name or "job")
        self._runs.append(run)
        _ENTERED.set((*_ENTERED.get(), run))
        return run.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        entered = _ENTERED.get()
        # That of this thread or task; of any, if the block stands in a generator that others end than began it.
        run = next((one for one in reversed(entered) if one in self._runs), self._runs[-1])
        self._runs.remove(run)
        _ENTERED.set(tuple(one for one in entered if one is not run))
        run.__exit__(kind, error, trace)

    def __call__(self, function: Function) -> Function:
        """The function, each call of which is a run. Raises TypeError for a generator, which has no end of its own, and
        for what is no function yet."""
        if isinstance(function, staticmethod | classmethod):
            raise TypeError(f"@job stands below @{type(function).__name__}, next to the function")
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{function.__name__} is a generator: use `with job(...)` where it is read")
        name = self._name or str(getattr(function, "__name__", "job"))
        if any(map(inspect.iscoroutinefunction, (function, getattr(function, "__call__", None)))):  # noqa: B004

            @functools.wraps(function)
            async def awaited(*arguments: Any, **named: Any) -> Any:
                with self._run(name):
                    return await function(*arguments, **named)

            return awaited  # type: ignore[return-value]

        @functools.wraps(function)
        def called(*arguments: Any, **named: Any) -> Any:
            with self._run(name):
                return function(*arguments, **named)

        return called  # type: ignore[return-value]

    def _run(self, name: str) -> Run:
        return Run(name, self._attempt, self._attempts, self._context, telling=self._telling)


@overload
def job(name: Function) -> Function: ...
@overload
def job(
    name: str | None = None,
    *,
    attempt: int | None = None,
    attempts: int | None = None,
    tell_retries: bool = False,
    **context: object,
) -> Job: ...
def job(
    name: Any = None,
    *,
    attempt: int | None = None,
    attempts: int | None = None,
    tell_retries: bool = False,
    **context: object,
) -> Any:
    """A job, as a decorator or a context manager. `attempt` of `attempts` (from 1 on) is what whoever retries it
    counts: a failure before the last is no problem yet, unless `tell_retries`; that of the last has the code
    `e.p.req.max-retries-exceeded`, or the one that `problem_code` gave the exception. `context`: what it works on,
    such as `record_id="r"`. Without a name a decorated function's is the job's."""
    if callable(name) or isinstance(name, classmethod):
        return Job(None)(name)
    return Job(name, attempt, attempts, tell_retries, **context)


def _number(value: object) -> int | None:
    """Of what a variable of the environment says, too."""
    try:
        return None if value is None else int(value)  # type: ignore[call-overload]
    except (TypeError, ValueError):
        return None


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)
