"""For each alert of deploy/prometheus: series under which it fires, and others, near to those, under which it must not.

Series are as promtool writes them: `0+2x60` is sixty steps (of a minute), each two more than the one before.
"""

from __future__ import annotations

from dataclasses import dataclass

Series = dict[str, str]

UP = 'up{job="tocsin", bus="b", process="%s", instance="%s:1"}'
PROCESSES = ("gateway", "worker", "dispatch", "project")
ALL_UP: Series = {UP % (process, process): "1x400" for process in PROCESSES}
DELIVERED = 'tocsin_publish_to_delivered_seconds_%s{bus="b", endpoint="e"%s}'
IN_TIME, ENDED = DELIVERED % ("bucket", ', le="30.0"'), DELIVERED % ("count", "")
DEAD = 'tocsin_deliveries_dead_total{bus="b", endpoint="e", reason="exhausted"}'
CODE = 'tocsin_problem_codes_total{bus="b", code="e.p.xfer", severity="%s"}'
VIOLATIONS = 'tocsin_violations_total{bus="b", tenant="t", peer="p", dialect="aries-1.0", rule="no-code"}'
REQUESTS = 'tocsin_gateway_requests_total{bus="b", route="/v1/problems", status="%s"}'


@dataclass(frozen=True)
class Case:
    """`at` is the step at which it is asked, of `step` minutes; `labels` are those of the one alert that fires then."""

    fires: Series
    quiet: Series
    at: int
    labels: dict[str, str]
    step: int = 1


def _gauge(series: str, high: str, low: str, at: int, **labels: str) -> Case:
    return Case({series: f"{high}x60"}, {series: f"{low}x60"}, at, {"bus": "b", **labels})


def _without(process: str) -> Series:
    return {series: values for series, values in ALL_UP.items() if f'"{process}"' not in series}


CASES: dict[str, Case] = {
    "TocsinDown": Case(
        _without("worker") | {UP % ("worker", "worker"): "1x10 0x10"},
        _without("worker") | {UP % ("worker", "worker"): "1x10 0 1x20"},
        14, {"job": "tocsin", "bus": "b", "process": "worker", "instance": "worker:1"},
    ),
    "TocsinProcessAbsent": Case(_without("dispatch"), _without("project"), 10, {"bus": "b"}),
    "TocsinHeartbeat": Case({}, {}, 1, {}),
    "TocsinNothingDecided": Case(
        {'tocsin_gateway_accepted_total{bus="b", kind="canonical"}': "0+5x60",
         'tocsin_events_total{bus="b", agent="decide"}': "7x60",
         'tocsin_events_total{bus="b", agent="deliver"}': "0+1x60"},
        {'tocsin_gateway_accepted_total{bus="b", kind="canonical"}': "0+5x60",
         'tocsin_events_total{bus="b", agent="decide"}': "0+1x60"},
        30, {"bus": "b"},
    ),
    "TocsinPartitionHalted": Case(
        {'tocsin_partition_halted{bus="b", agent="decide", partition="3", reason="poison"}': "1x60"},
        {'tocsin_partitions{bus="b", agent="decide", phase="running"}': "12x60"},
        5, {"bus": "b", "agent": "decide", "partition": "3", "reason": "poison"},
    ),
    "TocsinPartitionStalled": _gauge(
        'tocsin_partition_idle_seconds{bus="b", agent="decide", partition="3"}', "300", "20", 5,
        agent="decide", partition="3",
    ),
    "TocsinBehind": _gauge(
        'tocsin_consumer_lag_seconds{bus="b", agent="decide", partition="3"}', "300", "30", 10,
        agent="decide", partition="3",
    ),
    "TocsinAttemptsWaiting": Case(
        {f'tocsin_consumer_lag_records{{bus="b", agent="dispatch", partition="{p}"}}': "600x60" for p in range(2)},
        {'tocsin_consumer_lag_records{bus="b", agent="decide", partition="0"}': "9000x60",
         'tocsin_consumer_lag_records{bus="b", agent="dispatch", partition="0"}': "600x60"},
        15, {"bus": "b"},
    ),
    "TocsinDeliveriesLateFast": Case(
        {IN_TIME: "0+8x400", ENDED: "0+10x400"},  # 20 % late
        {IN_TIME: "0+100x300 30000x40", ENDED: "0+100x300 30002+2x40"},  # all of few, but few of the last hours
        330, {"bus": "b"},
    ),
    "TocsinDeliveriesLateSlow": Case(
        {IN_TIME: "0+96x450", ENDED: "0+98x450", DEAD: "0+2x450"},  # 2 late and 2 dead of 100
        {IN_TIME: "0+1992x450", ENDED: "0+2000x450", DEAD: "0+2x450"},  # 1 of 200
        440, {"bus": "b"},
    ),
    "TocsinDeliveriesOverdue": _gauge('tocsin_delivery_oldest_pending_seconds{bus="b"}', "7200", "600", 20),
    "TocsinBreakerOpen": Case(
        {'tocsin_endpoint_held_back{bus="b", endpoint="e", by="breaker"}': "1x60"},
        {'tocsin_endpoint_held_back{bus="b", endpoint="e", by="rate"}': "1x60"}, 20, {"bus": "b", "endpoint": "e"},
    ),
    "TocsinEndpointOff": Case(
        {'tocsin_endpoint_state{bus="b", endpoint="e", state="disabled"}': "1x60"},
        {'tocsin_endpoint_state{bus="b", endpoint="e", state="failing"}': "1x60"}, 10, {"bus": "b", "endpoint": "e"},
    ),
    "TocsinDeadLetters": Case(
        {'tocsin_dead_total{bus="b", stage="decide", reason="undecodable"}': "_x25 1x10"},  # its first sample
        {'tocsin_dead_total{bus="b", stage="decide", reason="undecodable"}': "1x60"},
        30, {"bus": "b", "stage": "decide"},
    ),
    "TocsinErrorRateJump": Case(
        {CODE % "error": "0+4x360 1440+120x10"}, {CODE % "error": "0+120x370", CODE % "warning": "0x360 0+400x10"},
        364, {"bus": "b", "code": "e.p.xfer"}, step=4,
    ),
    "TocsinEscalationExhausted": Case(
        {'tocsin_escalations_total{bus="b", event="exhausted"}': "0x20 1x20"},
        {'tocsin_escalations_total{bus="b", event="raised"}': "0x20 1x20",
         'tocsin_escalations_total{bus="b", event="exhausted"}': "1x40"},
        25, {"bus": "b"},
    ),
    "TocsinPeerBroken": Case(
        {VIOLATIONS: "0x360 0+40x10"}, {VIOLATIONS: "0+40x370"}, 366, {"bus": "b", "tenant": "t", "peer": "p"}, step=4
    ),
    "TocsinLoops": Case(
        {'tocsin_loops_stopped_total{bus="b", limit="exchange"}': "0+1x90"},
        {'tocsin_loops_stopped_total{bus="b", limit="exchange"}': "0 0 0+1x5 5x90"}, 80, {"bus": "b"},
    ),
    "TocsinTimersOverdue": _gauge('tocsin_timers_overdue{bus="b", agent="decide"}', "2", "0", 10, agent="decide"),
    "TocsinTimersFailed": _gauge('tocsin_timers_failed{bus="b", agent="decide"}', "2", "0", 1, agent="decide"),
    "TocsinStoreBehind": _gauge('tocsin_projector_lag_seconds{bus="b", topic="problems"}', "900", "100", 10),
    "TocsinRulesRefused": _gauge(
        'tocsin_rules_last_reload_ok{bus="b", process="worker"}', "0", "1", 10, process="worker"
    ),
    "TocsinRestarts": Case(
        {'process_start_time_seconds{job="tocsin", bus="b", process="worker"}': "1000+60x30"},
        {'process_start_time_seconds{job="tocsin", bus="b", process="worker"}': "1000x10 2000x30"},
        25, {"bus": "b", "process": "worker"},
    ),
    "TocsinGatewayErrors": Case(
        {REQUESTS % "202": "0+9x60", REQUESTS % "503": "0+1x60"},
        {REQUESTS % "202": "0+99x60", REQUESTS % "503": "0+1x60", REQUESTS % "422": "0+90x60"}, 30, {"bus": "b"},
    ),
    "TocsinUnhandledErrors": Case(
        {'tocsin_unhandled_errors_total{bus="b", process="worker"}': "0x20 1x20"},
        {'tocsin_unhandled_errors_total{bus="b", process="worker"}': "1x60"}, 25, {"bus": "b", "process": "worker"},
    ),
}  # fmt: skip
