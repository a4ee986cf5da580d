"""Dramatiq: `broker.add_middleware(ProblemMiddleware())`, after `sdk.init(...)`.

A message is a job: its start, its retries, its end, and a problem when it is given up. Of it the name of the actor, the
message's id and the queue are told, its arguments never. The trace (`traceparent`) travels in the message's options.
"""

from __future__ import annotations

from typing import Any, cast

from dramatiq import Broker, Message, MessageProxy, Middleware
from dramatiq.middleware import Retries
from dramatiq.worker import Worker

from tocsin.connectors import logs, sdk
from tocsin.connectors.hooks.harmless import harmless
from tocsin.connectors.jobs import Run, Telling

RUN = "__tocsin_run__"
"""The attribute of a message, as one worker has it, that holds its run."""
LOGGER, RUNNING = "dramatiq.worker", "process_message"
"""Where it logs that a message failed, before it tells its middleware. What else fails there is in its log alone."""
SKIPPED = "skipped"


class ProblemMiddleware(Middleware):
    """Tells of messages that are given up. Whether one is, is known when it is acknowledged or rejected: so this may
    stand anywhere among the others."""

    def __init__(self, *, tell_runs: bool = True, tell_retries: bool = False) -> None:
        """`tell_runs`: whether starts and ends are told, too. `tell_retries`: whether a failure after which Dramatiq
        tries again is a problem already."""
        self._telling = Telling(runs=tell_runs, retries=tell_retries)
        logs.HOOKED[LOGGER] = logs.logged_in(RUNNING)

    @harmless
    def before_enqueue(self, broker: Broker, message: Message[Any], delay: int) -> None:
        """The trace goes with it."""
        for name, value in sdk.current_trace().items():
            message.options.setdefault(name, value)

    @harmless
    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        """It starts."""
        options, run = message.options, self._run(message)
        attempts = _attempts(broker, message)
        if attempts is not None:
            run.counted(options.get("retries", 0) + 1, attempts)
        message.__dict__[RUN] = (run, None, None)
        run.begin(options.get("traceparent"), options.get("tracestate"))

    @harmless
    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: Any | None = None,
        exception: BaseException | None = None,
    ) -> None:
        """It failed, or did not; what becomes of it, the others may not have decided yet."""
        if exception is not None:
            message.__dict__[RUN] = (self._run(message), exception, None)

    @harmless
    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        """Another middleware wanted it left out."""
        message.__dict__[RUN] = (self._run(message), None, SKIPPED)

    @harmless
    def before_ack(self, broker: Broker, message: MessageProxy) -> None:
        """It is over here; if it failed, it is in the queue once more, or nobody tries again at all."""
        again = any(isinstance(one, Retries) for one in broker.middleware)
        self._end(broker, message, again)

    @harmless
    def before_nack(self, broker: Broker, message: MessageProxy) -> None:
        """It is given up: perhaps without being run, by a middleware that comes before this one."""
        message.__dict__.setdefault(RUN, (self._run(message), None, SKIPPED))
        self._end(broker, message, False)

    @harmless
    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """What was captured is safe before the process ends."""
        sdk.flush()

    def _end(self, broker: Broker, message: MessageProxy, again: bool) -> None:
        found = message.__dict__.get(RUN)
        if found is None:
            return
        message.__dict__[RUN] = None  # once: Dramatiq says it again when its broker was away
        run, error, outcome = found
        if outcome == SKIPPED:
            options = message.options
            with sdk.traced(options.get("traceparent"), options.get("tracestate")):
                run.give_up(options.get("retries", 0), "it was not run any more (its age limit, or another middleware)")
        elif error is not None:
            run.fail(error, again=again, expected=isinstance(error, _option(broker, message, "throws") or ()))
        run.end(outcome)

    def _run(self, message: MessageProxy) -> Run:
        if found := message.__dict__.get(RUN):
            return cast("Run", found[0])
        about = {"queue": message.queue_name}
        return Run(message.actor_name, run_id=message.message_id, about=about, telling=self._telling)


def _option(broker: Broker, message: MessageProxy, name: str) -> Any:
    """What the message says, else its actor."""
    return message.options.get(name) or broker.get_actor(message.actor_name).options.get(name)


def _attempts(broker: Broker, message: MessageProxy) -> int | None:
    """How many there are in all, as the middleware Retries counts; None where nobody tries again, or counts."""
    counting = next((one for one in broker.middleware if isinstance(one, Retries)), None)
    actor = broker.get_actor(message.actor_name).options
    if counting is None or actor.get("retry_when", counting.retry_when) is not None:
        return None
    most = message.options.get("max_retries", actor.get("max_retries", counting.max_retries))
    return most + 1 if most else None
