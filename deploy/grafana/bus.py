"""The dashboard *The bus itself*: is it up, does it keep up, does everything move."""

from __future__ import annotations

from deploy.grafana.board import Board
from deploy.grafana.panels import (
    ANY,
    BUS,
    BYTES,
    COUNT,
    PER_MINUTE,
    PER_SECOND,
    RECORDS,
    SECONDS,
    SHARE,
    Column,
    Link,
    Query,
    graph,
    grown,
    number,
    quantile,
    rate,
    rows,
)

OURS = f'{BUS}, process!=""'
DEAD = Link("The dead letters", "/v1/dead")
EACH = "{{process}} {{instance}}"


def _gauge(metric: str, by: str, how: str = "sum") -> Query:
    return Query(f"{how} by ({by}) ({metric}{{{BUS}}})", " ".join(f"{{{{{label}}}}}" for label in by.split(", ")))


def _rate(metric: str, by: str, factor: int = 1, labels: str = "") -> Query:
    return Query(
        f"{factor} * sum by ({by}) ({rate(metric, labels)})", " ".join(f"{{{{{label}}}}}" for label in by.split(", "))
    )


BOARD = Board(
    name="bus",
    title="The bus itself",
    description="Is it up, does it keep up, does everything move: lag, batches, rows, timers, store, gateway.",
    panels=(
        number(
            "Processes up", "Processes that answer Prometheus, of those that it knows.", f"avg(up{{{OURS}}})", SHARE
        ),
        number(
            "Halted partitions",
            "They wait for a person: `tocsin doctor` says what helps.",
            f"count(tocsin_partition_halted{{{BUS}}} > 0) or vector(0)",
            limits=ANY,
        ),
        number(
            "Do not move",
            "Partitions that have input, are not halted, and do nothing.",
            f"sum(tocsin_partitions_stalled{{{BUS}}})",
            limits=ANY,
        ),
        number(
            "Behind",
            "Age of the oldest record that waits to be decided or scheduled.",
            f"max(tocsin_consumer_lag_seconds{{{BUS}}})",
            SECONDS,
            ((5, "orange"), (60, "red")),
        ),
        number(
            "Dead letters",
            "Of the last hour.",
            f"sum({grown('tocsin_dead_total', '1h')}) or vector(0)",
            limits=ANY,
            link=DEAD,
        ),
        number(
            "Store behind",
            "For how long the store has not known everything: pages and queries are as old.",
            f"max(tocsin_projector_lag_seconds{{{BUS}}})",
            SECONDS,
            ((10, "orange"), (300, "red")),
        ),
        graph(
            "Behind, in seconds",
            "Age of the oldest record that waits, by agent, of its slowest partition.",
            _gauge("tocsin_consumer_lag_seconds", "agent", "max"),
            unit=SECONDS,
            limits=((60, "red"),),
        ),
        graph(
            "Waiting records",
            "By agent and partition; one alone is a busy tenant, all of them a slow worker. `dispatch`: attempts to be "
            "made.",
            Query(
                f"topk(12, sum by (agent, partition) (tocsin_consumer_lag_records{{{BUS}}}))", "{{agent}} {{partition}}"
            ),
            unit=COUNT,
        ),
        graph(
            "Partitions that do not move",
            "How long a partition that owes work did none, the twelve longest.",
            Query(
                f"topk(12, max by (agent, partition) (tocsin_partition_idle_seconds{{{BUS}}}))",
                "{{agent}} {{partition}}",
            ),
            unit=SECONDS,
            limits=((120, "red"),),
        ),
        graph(
            "Partitions by phase",
            "Running is well; taking over ends by itself; waiting and halted need a look.",
            _gauge("tocsin_partitions", "agent, phase"),
            unit=COUNT,
            stacked=True,
        ),
        graph("Records a second", "Input folded, by agent.", _rate("tocsin_events_total", "agent"), unit=RECORDS),
        graph(
            "Records in a batch",
            "Half and 95 of 100 batches are smaller. Large ones are good: the bus catches up.",
            *(
                Query(quantile(share, "tocsin_batch_records", "agent"), f"{{{{agent}}}}, {round(100 * share)} of 100")
                for share in (0.5, 0.95)
            ),
            unit=COUNT,
        ),
        graph(
            "Rows in memory",
            "Threads, cases, deliveries and all else that the rules remember, by agent.",
            _gauge("tocsin_rows", "agent"),
            unit=COUNT,
        ),
        graph(
            "Recovery",
            "How long taking a partition over took, 95 of 100, over the last hour.",
            Query(
                f"histogram_quantile(0.95, sum by (le, agent) ({grown('tocsin_recovery_seconds_bucket', '1h')}))",
                "{{agent}}",
            ),
            unit=SECONDS,
        ),
        graph(
            "Set-backs, a minute",
            "Partitions that lost their memory to a failure and began again from their changelog.",
            Query(f"60 * sum by (agent) ({rate('tocsin_partition_setbacks_total')}) or vector(0)", "{{agent}}"),
            unit=PER_MINUTE,
        ),
        graph(
            "Timers",
            "Those that wait, that are a minute late or more, and that raised and fire no more.",
            *(Query(f"sum(tocsin_timers_{kind}{{{BUS}}})", kind) for kind in ("pending", "overdue", "failed")),
            unit=COUNT,
        ),
        graph(
            "Dead letters, in five minutes",
            "By stage and reason: `tocsin dead list` shows them.",
            Query(f"sum by (stage, reason) ({grown('tocsin_dead_total', '5m')})", "{{stage}}: {{reason}}"),
            unit=COUNT,
            stacked=True,
            links=(DEAD,),
        ),
        graph(
            "Store behind, in records",
            "Records that the store does not know yet, by topic.",
            _gauge("tocsin_projector_lag_records", "topic"),
            unit=COUNT,
        ),
        graph(
            "Store: records a second",
            "Records whose rows were written.",
            _rate("tocsin_projector_records_total", "bus"),
            unit=RECORDS,
        ),
        graph(
            "Store: records in a transaction",
            "Half and 95 of 100 are smaller.",
            *(
                Query(quantile(share, "tocsin_projector_batch_records", ""), f"{round(100 * share)} of 100")
                for share in (0.5, 0.95)
            ),
            unit=COUNT,
        ),
        graph(
            "Gateway: requests a second",
            "Answers of all routes, by their status; 5xx are faults, 503 that Kafka does not answer.",
            _rate("tocsin_gateway_requests_total", "status"),
            unit=PER_SECOND,
            stacked=True,
        ),
        graph(
            "Gateway: how long requests take",
            "95 of 100 are shorter, by route.",
            Query(quantile(0.95, "tocsin_gateway_request_seconds", "route"), "{{route}}"),
            unit=SECONDS,
        ),
        graph(
            "Gateway: taken, a minute",
            "Events that Kafka acknowledged, by dialect, or `activity`, `command`.",
            _rate("tocsin_gateway_accepted_total", "kind", 60),
            unit=PER_MINUTE,
            stacked=True,
        ),
        graph(
            "Gateway: refused, a minute",
            "Documents and requests, by why: a publisher sends what cannot be read, or more than it may.",
            _rate("tocsin_gateway_refused_total", "reason", 60),
            unit=PER_MINUTE,
            stacked=True,
        ),
        graph(
            "CPU",
            "Cores that each process uses.",
            Query(f"rate(process_cpu_seconds_total{{{OURS}}}[$__rate_interval])", EACH),
            unit=COUNT,
        ),
        graph(
            "Memory",
            "Resident memory of each process.",
            Query(f"process_resident_memory_bytes{{{OURS}}}", EACH),
            unit=BYTES,
        ),
        graph(
            "Faults of ours",
            "Errors that no code took, in five minutes; each has a traceback in the log.",
            Query(f"sum({grown('tocsin_unhandled_errors_total', '5m')}) or vector(0)", "errors"),
            unit=COUNT,
            limits=ANY,
        ),
        graph(
            "Rules",
            "1 while the rules file as it is now is in force, 0 while it is refused and the former holds.",
            Query(f"min by (process) (tocsin_rules_last_reload_ok{{{BUS}}})", "{{process}}"),
            unit=COUNT,
            top=1,
        ),
        rows(
            "What runs",
            "Every process, its release and since when.",
            (Column("runs", f"max by (process, version, python, instance) (tocsin_build_info{{{BUS}}})"),),
        ),
    ),
)
