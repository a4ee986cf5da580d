"""The pages of docs/frameworks.md, run by real workers: what is told of jobs that are done, retried and given up."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis

from tests.connectors.hooks.told import documents, problems, stories, until
from tests.connectors.hooks.workers import call, running, write
from tests.connectors.publish.scripted_gateway import scripted
from tocsin.schemas.problem import MAX_RETRIES

TRACE = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
SECRET = "Kx7-quite-secret"
HEALTH = "arq:queue:health-check"

# A Redis for Celery wants a newer client than arq: files it is, here.
CELERY = """
import logging, os, time
from celery.utils.log import get_task_logger
from tocsin.connectors.logs import ProblemHandler

logging.getLogger().addHandler(ProblemHandler())
app.conf.broker_transport_options = {"data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control"}

@app.task(bind=True, max_retries=2, default_retry_delay=0)
def flaky(self, secret):
    if self.request.retries == 0:
        raise self.retry(exc=OSError("away"))

@app.task(autoretry_for=(OSError,), max_retries=1, default_retry_delay=0)
def used_up():
    raise OSError("away")

@app.task(throws=(KeyError,))
def expected():
    raise KeyError("as it may")

@app.task
def logs():
    logging.getLogger("books").error("of its own")
    get_task_logger(__name__).error("of the task")
    get_task_logger(__name__).warning("nearly")
"""
# A worker of their own: without an event loop (files) the pool's processes share pipes with locks, and one that is
# killed may hold such a lock, which no other gets then. Whether this worker ends when it is told to is Celery's affair.
KILLED = (
    CELERY.partition("@app.task")[0]
    + """
app.conf.worker_lost_wait = 1

@app.task(time_limit=1)
def slow():
    time.sleep(3600)

@app.task
def killed():
    sdk.flush(30)
    os.kill(os.getpid(), 9)
"""
)
CALL_KILLED = "import tasks; tasks.slow.delay(); tasks.killed.delay()"
KILLED_STORIES = {
    "tasks.slow": ["e.p.me.time-limit-exceeded", "failed"],
    "tasks.killed": ["started", "e.p.me.worker-lost-error", "failed"],
}
CALL_CELERY = f"""
import tasks
from tocsin.connectors import sdk
with sdk.traced("{TRACE}"):
    tasks.flaky.delay("{SECRET}")
tasks.close_page.delay(7)
tasks.used_up.delay()
tasks.expected.delay()
tasks.flaky.apply_async(("{SECRET}",), expires=-1)
tasks.logs.delay()
"""
CELERY_STORIES = {
    "tasks.close_page": ["started 1 of 4", "e.p.me.value-error", "failed"],
    "tasks.used_up": ["started 1 of 2", "retrying 1 of 2", "retrying", "started 2 of 2", MAX_RETRIES, "failed"],
    "tasks.expected": ["started", "failed"],
    "tasks.logs": ["started", "e.p.me.log.books", "e.p.me.log.tasks", "done"],
}
FLAKY = ["started", "retrying 1 of 3", "retrying", "started 2 of 3", "done"]

DRAMATIQ = """
from dramatiq import middleware

@dramatiq.actor(max_retries=2, min_backoff=10, max_backoff=10)
def flaky(secret):
    message = middleware.CurrentMessage.get_current_message()
    if not message.options.get("retries"):
        raise OSError("away")

@dramatiq.actor(max_retries=1, min_backoff=10, max_backoff=10)
def used_up():
    raise OSError("away")

@dramatiq.actor(throws=(KeyError,))
def expected():
    raise KeyError("as it may")

broker.add_middleware(middleware.CurrentMessage())
"""
CALL_DRAMATIQ = f"""
import actors
from tocsin.connectors import sdk
with sdk.traced("{TRACE}"):
    actors.flaky.send("{SECRET}")
actors.close_page.send_with_options(args=(7,), max_retries=0)
actors.used_up.send()
actors.expected.send()
"""
DRAMATIQ_STORIES = {
    "close_page": ["started", "e.p.me.value-error", "failed"],
    "used_up": ["started 1 of 2", "retrying 1 of 2", "retrying", "started 2 of 2", MAX_RETRIES, "failed"],
    "expected": ["started 1 of 21", "failed"],
    "flaky": ["started 1 of 3", "retrying 1 of 3", "retrying", "started 2 of 3", "done"],
}

ARQ = """
import asyncio
from arq import Retry, cron, func

async def flaky(ctx, secret):
    if ctx["job_try"] == 1:
        raise Retry

async def used_up(ctx):
    try:
        raise OSError("away")
    except OSError as error:
        raise Retry from error

async def slow(ctx):
    await asyncio.sleep(3600)

@watch_arq
class MoreSettings:
    functions = [close_page, flaky, func(used_up, max_tries=2), func(slow, timeout=1)]
    redis_settings = WorkerSettings.redis_settings
    poll_delay = 0.05
    health_check_interval = 0.2
"""
CALL_ARQ = f"""
import asyncio, jobs
from arq import create_pool
async def main():
    pool = await create_pool(jobs.WorkerSettings.redis_settings)
    await pool.enqueue_job("flaky", "{SECRET}")
    await pool.enqueue_job("close_page", 7)
    await pool.enqueue_job("used_up")
    await pool.enqueue_job("slow")
asyncio.run(main())
"""
ARQ_STORIES = {
    "close_page": ["started 1 of 5", "e.p.me.value-error", "failed"],
    "used_up": ["started 1 of 2", "retrying 1 of 2", "retrying", "started 2 of 2", MAX_RETRIES, "failed"],
    "slow": ["started 1 of 5", "e.p.me.timeout-error", "failed"],
    "flaky": ["started 1 of 5", "retrying 1 of 5", "retrying", "started 2 of 5", "done"],
}

Stories = dict[str, list[str]]

CELERY_WORKER = ("celery", "-A", "tasks", "worker", "-c", "3", "-l", "warning")

# the page's file and what is below it there; who calls; the worker; the exit code after SIGTERM, where it is asked for;
# the stories
WORKERS: dict[str, tuple[str, str, str, tuple[str, ...], int | None, Stories]] = {
    "Celery": ("tasks.py", CELERY, CALL_CELERY, CELERY_WORKER, 0, CELERY_STORIES),
    "Celery, killed": ("tasks.py", KILLED, CALL_KILLED, CELERY_WORKER, None, KILLED_STORIES),
    "Dramatiq": (
        "actors.py", DRAMATIQ, CALL_DRAMATIQ, ("dramatiq", "actors", "-p", "2", "-t", "2"), 0, DRAMATIQ_STORIES,
    ),
    "arq": ("jobs.py", ARQ, CALL_ARQ, ("arq", "jobs.MoreSettings"), 0, ARQ_STORIES),
}  # fmt: skip


@pytest.mark.parametrize("row", WORKERS, ids=list(WORKERS))
def test_jobs_of(row: str, redis: str, tmp_path: Path) -> None:
    name, more, calls, command, code, expected = WORKERS[row]
    framework = row.partition(",")[0]
    with Redis.from_url(redis) as store, scripted() as gateway:
        store.flushall()
        broker = "filesystem://" if framework == "Celery" else f"{redis}/0"
        (tmp_path / "queue").mkdir()
        write(tmp_path, framework, name, gateway.url, more, broker=broker)
        call(tmp_path, calls)
        with running(tmp_path, *command) as worker:
            wanted = ends(expected) + 2 * (row == "Celery")
            until(lambda: ends(stories(gateway)) >= wanted, lambda: f"{stories(gateway)}\n{worker.said}")
            if framework == "arq":
                until(lambda: idle(store), lambda: worker.said)
            if code is not None:
                assert worker.end() == code, worker.said
        found = stories(gateway)
        if row == "Celery":
            assert sorted(found.pop("tasks.flaky")) == sorted([*FLAKY, "expired"]), "one call was too late to be run"
        if row == "Celery, killed":
            slow = found["tasks.slow"]  # its process may not have said yet that it runs, and may say that it was ended
            found["tasks.slow"] = [one for one in slow if one not in ("started", "cancelled")]
        assert found == expected
        assert SECRET not in "".join(map(str, documents(gateway)))
        assert not [key for key in store.keys("*") if key in (b"unacked", b"celery", b"dramatiq:default", b"arq:queue")]
    assert {document["source"]["service"] for document in problems(gateway)} == {"ledger"}
    if TRACE in calls:
        traced = {document["job"] for document in documents(gateway) if document["trace"] == TRACE}
        assert {one.rpartition(".")[2] for one in traced} == {"flaky"}


def idle(store: Redis) -> bool:
    """Whether arq's worker says, in a health record newer than its last job's keys, that it runs no job: it puts back
    what has not returned when it is told to end, and a job whose keys are gone may have some way to go."""
    if store.keys("arq:in-progress:*") or store.exists("arq:queue"):
        return False
    store.delete(HEALTH)
    until(lambda: store.exists(HEALTH), lambda: "no health record")
    record = store.get(HEALTH)
    return isinstance(record, bytes) and b"j_ongoing=0 queued=0" in record


def ends(told: Stories) -> int:
    """How many runs have ended."""
    return sum(one in ("done", "failed", "expired", "skipped") for story in told.values() for one in story)
