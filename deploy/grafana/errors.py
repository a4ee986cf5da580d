"""The dashboard *Errors*: what goes wrong, since when, and whom it hits."""

from __future__ import annotations

from deploy.grafana.board import TENANT, Board
from deploy.grafana.panels import (
    AGO,
    ANY,
    BUS,
    PER_MINUTE,
    SINCE,
    Column,
    Link,
    Query,
    bars,
    graph,
    grown,
    number,
    rate,
    rows,
)

REPORTED = 'outcome=~"opened|repeated|suppressed"'
"""Each report becomes exactly one of these."""
OF_TENANT = f'tenant=~"$tenant", {REPORTED}'
CODES, TENANTS, PROBLEMS = "tocsin_problem_codes_total", "tocsin_tenant_problems_total", "tocsin_problems_total"
ERRORS = 'severity="error"'
OF_CODE = Link("The problems of this code", f"/v1/problems?code=${{__field.labels.code}}&{SINCE}")
TO_TENANT = Link("The problems of this tenant", f"/v1/problems?tenant=${{__field.labels.tenant}}&{SINCE}")
ALL = Link("The errors, newest first", f"/v1/problems?severity=error&{SINCE}")


def _by(label: str, metric: str, labels: str, most: int = 12) -> Query:
    return Query(f"topk({most}, 60 * sum by ({label}) ({rate(metric, labels)}) > 0)", f"{{{{{label}}}}}")


def _since(metric: str, by: str, labels: str = "") -> str:
    """When in the shown time it was first seen, in milliseconds."""
    return f"1000 * min_over_time(timestamp(sum by ({by}) ({grown(metric, '2m', labels)}) > 0)[$__range:1m])"


BOARD = Board(
    name="errors",
    title="Errors",
    description="What goes wrong, since when, and whom it hits: rates of reported problems.",
    variables=(TENANT,),
    panels=(
        number(
            "Errors a minute",
            "Errors of the chosen tenants that opened or repeated a case; suppressed ones are beside it.",
            f"60 * sum({rate(TENANTS, f'{OF_TENANT}, {ERRORS}')}) or vector(0)",
            PER_MINUTE,
            ((10, "orange"), (60, "red")),
            ALL,
        ),
        number(
            "Against the day before",
            "Errors of the last 10 minutes, as a multiple of what ten minutes had on the day before, at least one.",
            f"sum({grown(TENANTS, '10m', f'{OF_TENANT}, {ERRORS}')}) / "
            f"clamp_min(sum({grown(TENANTS, '1d', f'{OF_TENANT}, {ERRORS}')}) / 144, 1) or vector(0)",
            limits=((2, "orange"), (5, "red")),
        ),
        number(
            "Tenants hit",
            "Tenants with an error in the last 15 minutes.",
            f"count(sum by (tenant) ({grown(TENANTS, '15m', f'{OF_TENANT}, {ERRORS}')})) or vector(0)",
            limits=((2, "orange"), (10, "red")),
        ),
        number(
            "Codes",
            "Different codes of errors in the last 15 minutes.",
            f"count(sum by (code) ({grown(CODES, '15m', ERRORS)})) or vector(0)",
            limits=((5, "orange"),),
        ),
        number(
            "Nobody was told",
            "Problems in the last hour that were suppressed: repeats, loops, silences, inhibition.",
            f"sum({grown('tocsin_suppressed_total', '1h')}) or vector(0)",
        ),
        number(
            "Alerts",
            "Alerts that fire now; each has its runbook.",
            f'count(ALERTS{{{BUS}, alertstate="firing", severity!="heartbeat"}}) or vector(0)',
            limits=ANY,
        ),
        graph(
            "Errors by code, a minute",
            "The twelve most frequent codes of errors. A line that begins is a new fault; `other` are those "
            "beyond the cap of codes. A click leads to the problems.",
            _by("code", CODES, ERRORS),
            unit=PER_MINUTE,
            links=(OF_CODE,),
            width=16,
        ),
        graph(
            "By severity, a minute",
            "All reported problems of the chosen tenants; `none` are those that were suppressed, of unknown severity.",
            _by("severity", TENANTS, OF_TENANT),
            unit=PER_MINUTE,
            stacked=True,
            width=8,
        ),
        rows(
            "What, and since when",
            "Every code that came in the shown time, the most frequent first; since when it comes, at most the "
            "shown time ago. A click leads to its problems; `other`, those beyond the cap of codes, has none.",
            (
                Column(
                    "in the shown time",
                    f"sum by (code, severity) ({grown(CODES, '$__range')})",
                    limits=((20, "orange"), (100, "red")),
                ),
                Column("a minute now", f"sum by (code, severity) ({grown(CODES, '5m')}) / 5", PER_MINUTE),
                Column("since", _since(CODES, "code, severity"), AGO),
            ),
            (
                Link("The problems of this code", f"/v1/problems?code=${{__data.fields.code}}&{SINCE}"),
                Link("What the codes mean", "/v1/codes"),
            ),
        ),
        graph(
            "Whom it hits: errors by tenant, a minute",
            "The twelve tenants with most errors. A click leads to their problems.",
            _by("tenant", TENANTS, f"{OF_TENANT}, {ERRORS}"),
            unit=PER_MINUTE,
            links=(TO_TENANT,),
        ),
        rows(
            "Whom, and since when",
            "Every tenant with errors in the shown time.",
            (
                Column(
                    "in the shown time", f"sum by (tenant) ({grown(TENANTS, '$__range', f'{OF_TENANT}, {ERRORS}')})"
                ),
                Column("since", _since(TENANTS, "tenant", f"{OF_TENANT}, {ERRORS}"), AGO),
            ),
            (Link("The problems of this tenant", f"/v1/problems?tenant=${{__data.fields.tenant}}&{SINCE}"),),
            width=12,
        ),
        graph(
            "Where: by category, a minute",
            "The descriptor of DIDComm: transport, trust, a resource of the sender (me.res), a message, ...",
            _by("category", PROBLEMS, REPORTED),
            unit=PER_MINUTE,
            stacked=True,
        ),
        graph(
            "Where: by protocol, a minute",
            "The protocol of the thread, as far as its state machine is known; `none` are reports outside of any.",
            _by("protocol", PROBLEMS, REPORTED),
            unit=PER_MINUTE,
            stacked=True,
        ),
        graph(
            "How far it reaches: by scope, a minute",
            "What the report says of its reach: the protocol, a message, the thread, a state.",
            _by("scope", PROBLEMS, REPORTED),
            unit=PER_MINUTE,
            stacked=True,
        ),
        graph(
            "In which form: by dialect, a minute",
            "The dialect in which the reports came.",
            _by("dialect", PROBLEMS, REPORTED),
            unit=PER_MINUTE,
            stacked=True,
        ),
        graph(
            "What became of them, a minute",
            "Opened, repeated or suppressed as they came; promoted, resolved, digested, unrouted later on.",
            _by("outcome", TENANTS, 'tenant=~"$tenant"'),
            unit=PER_MINUTE,
        ),
        bars(
            "Newest codes",
            "Codes that were seen for the first time in the last hour. A click leads to the problems.",
            Query(f"sum by (code) ({CODES}{{{BUS}}} unless {CODES}{{{BUS}}} offset 1h)", "{{code}}"),
            links=(OF_CODE,),
        ),
    ),
)
