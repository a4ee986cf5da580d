"""Metrics of problems, of cases, and of what people do about them."""

from __future__ import annotations

from tocsin.connectors.metrics.metric import Kind, Metric, Process

_WORKER = (Process.WORKER,)


def _counter(name: str, unit: str, meaning: str, *labels: str) -> Metric:
    return Metric(name=name, kind=Kind.COUNTER, unit=unit, meaning=meaning, labels=labels, processes=_WORKER)


def _gauge(name: str, unit: str, meaning: str, *labels: str) -> Metric:
    return Metric(name=name, kind=Kind.GAUGE, unit=unit, meaning=meaning, labels=labels, processes=_WORKER)


PROBLEMS = (
    _counter(
        "tocsin_problems_total", "problems", "What became of problems.",
        "outcome", "severity", "category", "scope", "protocol", "dialect",
    ),
    _counter(
        "tocsin_tenant_problems_total", "problems", "What became of problems, by whose they are.",
        "tenant", "outcome", "severity",
    ),
    _counter("tocsin_problem_codes_total", "problems", "Problems opened or repeated, by code.", "code", "severity"),
    _counter(
        "tocsin_peer_problems_total", "problems", "Problems opened or repeated, by who sent them.", "peer", "severity"
    ),
    _counter(
        "tocsin_violations_total", "violations", "Rules of its dialect that a report broke, by who sent it.",
        "tenant", "peer", "dialect", "rule",
    ),
    _counter("tocsin_suppressed_total", "problems", "Problems that nobody was told of, by why.", "reason"),
    _counter(
        "tocsin_loops_stopped_total", "notices", "Limit notices told in place of a problem that crossed a limit.",
        "limit",
    ),
    _counter("tocsin_digests_total", "digests", "Digests of what was held back, by why.", "why"),
    _counter("tocsin_digested_problems_total", "problems", "Problems told of in digests, by why.", "why"),
    _counter(
        "tocsin_timeouts_total", "time-outs", "Replies that did not come, by what was chosen.", "choice", "learned"
    ),
    _counter("tocsin_peer_timeouts_total", "time-outs", "Replies that did not come, by whose they are.", "peer"),
    _gauge(
        "tocsin_timeouts_learned", "message types",
        "Message types of a tenant to which replies were seen: time-outs are learned of them; counted twice a minute.",
    ),
    _gauge("tocsin_cases_open", "cases", "Cases that are not resolved, by how old; counted twice a minute.", "age"),
    _gauge("tocsin_case_oldest_open_seconds", "seconds", "Age of the oldest case that is not resolved."),
    _gauge("tocsin_tenant_cases_open", "cases", "Open cases of tenants over half of their limit.", "tenant"),
    _gauge("tocsin_tenant_rows", "rows", "Rows of tenants over half of their limit.", "tenant"),
    _counter("tocsin_escalations_total", "events", "What became of escalations.", "event"),
    _gauge("tocsin_escalations_active", "escalations", "Escalations that are under way; counted twice a minute."),
    _counter("tocsin_commands_total", "commands", "Commands answered, by kind and outcome.", "kind", "outcome"),
    _gauge("tocsin_silences", "silences", "Silences made while running that the rules know of."),
)  # fmt: skip
"""In the order of the page."""
