"""Metrics of the bus itself: what each process tells of its own work and health."""

from __future__ import annotations

from tocsin.connectors.metrics.metric import Kind, Metric, Process

_ALL = (Process.GATEWAY, Process.WORKER, Process.DISPATCH, Process.PROJECT)
_WORKER, _PROJECT = (Process.WORKER,), (Process.PROJECT,)
_READERS = (Process.WORKER, Process.DISPATCH)
_RULES = (Process.WORKER, Process.DISPATCH, Process.PROJECT)

BATCH_RECORDS = (1, 3, 10, 30, 100, 300, 1000)
"""Up to the most that one batch of a worker has."""
RECOVERY_SECONDS = (0.1, 0.5, 1, 5, 15, 60, 300, 1800)
"""From an empty changelog to hours of rows."""

BUS = (
    Metric(
        name="tocsin_build_info", kind=Kind.GAUGE, unit="1",
        meaning="1; the release that runs, as which process, of which bus. Beside it `process_*`: CPU, memory, "
        "open files.",
        labels=("process", "version", "python", "bus"), processes=_ALL,
    ),
    Metric(
        name="tocsin_unhandled_errors_total", kind=Kind.COUNTER, unit="errors",
        meaning="Errors that no code of ours took: of the event loop, of tasks that nobody awaits.", processes=_ALL,
    ),
    Metric(
        name="tocsin_spans_total", kind=Kind.COUNTER, unit="spans",
        meaning="Spans of traces: exported, failed (the collector did not take them), dropped (the queue was full).",
        labels=("result",), processes=_ALL,
    ),
    Metric(
        name="tocsin_consumer_lag_records", kind=Kind.GAUGE, unit="records",
        meaning="Records of its input that wait (a dispatcher: attempts to be made, as far as it has heard).",
        labels=("agent", "partition"), processes=_READERS,
    ),
    Metric(
        name="tocsin_consumer_lag_seconds", kind=Kind.GAUGE, unit="seconds",
        meaning="How old the oldest of them is, about.", labels=("agent", "partition"), processes=_WORKER,
    ),
    Metric(
        name="tocsin_events_total", kind=Kind.COUNTER, unit="records", meaning="Input records folded.",
        labels=("agent",), processes=_WORKER,
    ),
    Metric(
        name="tocsin_batch_records", kind=Kind.HISTOGRAM, unit="records", meaning="Records in one batch.",
        labels=("agent",), processes=_WORKER, buckets=BATCH_RECORDS,
    ),
    Metric(
        name="tocsin_forwarded_total", kind=Kind.COUNTER, unit="records",
        meaning="Records that a foreign client put into the wrong partition.", labels=("agent",), processes=_WORKER,
    ),
    Metric(
        name="tocsin_rows", kind=Kind.GAUGE, unit="rows", meaning="Rows in memory.",
        labels=("agent",), processes=_WORKER,
    ),
    Metric(
        name="tocsin_dead_total", kind=Kind.COUNTER, unit="records", meaning="Dead letters.",
        labels=("stage", "reason"), processes=_READERS,
    ),
    Metric(
        name="tocsin_partitions", kind=Kind.GAUGE, unit="partitions", meaning="Partitions held, by phase.",
        labels=("agent", "phase"), processes=_WORKER,
    ),
    Metric(
        name="tocsin_partitions_stalled", kind=Kind.GAUGE, unit="partitions",
        meaning="Partitions that have input and do not move.", processes=_WORKER,
    ),
    Metric(
        name="tocsin_partition_idle_seconds", kind=Kind.GAUGE, unit="seconds",
        meaning="How long a partition that owes work did none; about 0 while it works or has nothing to do.",
        labels=("agent", "partition"), processes=_WORKER,
    ),
    Metric(
        name="tocsin_partition_halted", kind=Kind.GAUGE, unit="1", meaning="1 for each partition that needs a person.",
        labels=("agent", "partition", "reason"), processes=_READERS,
    ),
    Metric(
        name="tocsin_partition_halted_offset", kind=Kind.GAUGE, unit="offset",
        meaning="The record that a halted partition stands at.", labels=("agent", "partition"), processes=_READERS,
    ),
    Metric(
        name="tocsin_partition_setbacks_total", kind=Kind.COUNTER, unit="set-backs",
        meaning="How often a partition lost its memory to a failure, and began again from its changelog.",
        labels=("agent",), processes=_WORKER,
    ),
    Metric(
        name="tocsin_recovery_seconds", kind=Kind.HISTOGRAM, unit="seconds",
        meaning="From taking a partition over until its rows are there.",
        labels=("agent",), processes=_WORKER, buckets=RECOVERY_SECONDS,
    ),
    Metric(
        name="tocsin_timers_pending", kind=Kind.GAUGE, unit="timers", meaning="Timers that wait.",
        labels=("agent",), processes=_WORKER,
    ),
    Metric(
        name="tocsin_timers_overdue", kind=Kind.GAUGE, unit="timers", meaning="Timers a minute late or more.",
        labels=("agent",), processes=_WORKER,
    ),
    Metric(
        name="tocsin_timers_failed", kind=Kind.GAUGE, unit="rows", meaning="Rows whose timer raised and fires no more.",
        labels=("agent",), processes=_WORKER,
    ),
    Metric(
        name="tocsin_timers_repaired_total", kind=Kind.COUNTER, unit="timers",
        meaning="Timers that the heap had lost and the auditor put back.", labels=("agent",), processes=_WORKER,
    ),
    Metric(
        name="tocsin_rules_loaded_timestamp_seconds", kind=Kind.GAUGE, unit="seconds since 1970",
        meaning="When the rules in force were loaded.", processes=_RULES,
    ),
    Metric(
        name="tocsin_rules_reload_failures_total", kind=Kind.COUNTER, unit="files",
        meaning="Changed rules files that could not be used.", processes=_RULES,
    ),
    Metric(
        name="tocsin_rules_last_reload_ok", kind=Kind.GAUGE, unit="1",
        meaning="1 while the rules file as it is now is in force, else 0.", processes=_RULES,
    ),
    Metric(
        name="tocsin_projector_lag_records", kind=Kind.GAUGE, unit="records",
        meaning="Records that the store does not know yet, as far as its projector has heard.",
        labels=("topic",), processes=_PROJECT,
    ),
    Metric(
        name="tocsin_projector_lag_seconds", kind=Kind.GAUGE, unit="seconds",
        meaning="For how long the store has not known all of a topic.", labels=("topic",), processes=_PROJECT,
    ),
    Metric(
        name="tocsin_projector_records_total", kind=Kind.COUNTER, unit="records",
        meaning="Records whose rows are in the store.", processes=_PROJECT,
    ),
    Metric(
        name="tocsin_projector_batch_records", kind=Kind.HISTOGRAM, unit="records",
        meaning="Records in one transaction.", processes=_PROJECT, buckets=(*BATCH_RECORDS, 2000),
    ),
    Metric(
        name="tocsin_projector_unreadable_total", kind=Kind.COUNTER, unit="records",
        meaning="Records of which the store has only the place.", labels=("reason",), processes=_PROJECT,
    ),
    Metric(
        name="tocsin_projector_erased_total", kind=Kind.COUNTER, unit="records",
        meaning="Records left out, as they are of what was erased.", processes=_PROJECT,
    ),
    Metric(
        name="tocsin_projector_forgotten_rows_total", kind=Kind.COUNTER, unit="rows",
        meaning="Rows deleted as they are too old.", labels=("kind",), processes=_PROJECT,
    ),
)  # fmt: skip
"""In the order of the page."""
