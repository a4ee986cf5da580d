"""The dashboard *Cases and escalations*: what is open, who was told, who answered."""

from __future__ import annotations

from deploy.grafana.board import TENANT, Board
from deploy.grafana.panels import (
    ANY,
    BUS,
    COUNT,
    PER_MINUTE,
    SECONDS,
    SINCE,
    Link,
    Query,
    bars,
    graph,
    grown,
    number,
    rate,
)

CASES = Link("The open cases", "/v1/cases?state=open")
TENANTS = "tocsin_tenant_problems_total"
OPENED = 'tenant=~"$tenant", outcome="opened"'
HALF_DAY, DAY = 12 * 3600.0, 24 * 3600.0


def _a_minute(label: str, metric: str, labels: str = "") -> Query:
    return Query(f"60 * sum by ({label}) ({rate(metric, labels)})", f"{{{{{label}}}}}")


def _in_a_day(metric: str, labels: str) -> str:
    return f"sum({grown(metric, '1d', labels)}) or vector(0)"


BOARD = Board(
    name="cases",
    title="Cases and escalations",
    description="What is open and how old, whom the bus told of it, who answered, what nobody was told.",
    variables=(TENANT,),
    panels=(
        number(
            "Open cases",
            "Cases that are not resolved; counted twice a minute.",
            f"sum(tocsin_cases_open{{{BUS}}})",
            link=CASES,
        ),
        number(
            "Oldest case",
            "Age of the oldest case that is not resolved.",
            f"max(tocsin_case_oldest_open_seconds{{{BUS}}})",
            SECONDS,
            ((HALF_DAY, "orange"), (7 * DAY, "red")),
            CASES,
        ),
        number(
            "Escalations under way",
            "Somebody is being told, step by step, and has not answered yet.",
            f"sum(tocsin_escalations_active{{{BUS}}})",
            limits=((1, "orange"), (5, "red")),
        ),
        number(
            "Nobody answered",
            "Escalations of the last day that made all their steps in vain.",
            _in_a_day("tocsin_escalations_total", 'event="exhausted"'),
            limits=ANY,
        ),
        number(
            "Acknowledged",
            "Escalations of the last day that somebody took.",
            _in_a_day("tocsin_escalations_total", 'event="acknowledged"'),
        ),
        number("Silences", "Silences made while running that hold now.", f"max(tocsin_silences{{{BUS}}})"),
        graph(
            "Open cases by age",
            "Up to so old; what grows at the bottom is new, what grows at the top is forgotten.",
            Query(f"sum by (age) (tocsin_cases_open{{{BUS}}})", "{{age}}"),
            unit=COUNT,
            stacked=True,
            links=(CASES,),
        ),
        graph(
            "Escalations, a minute",
            "Raised, stepped, acknowledged, snoozed, exhausted (nobody answered), cancelled.",
            _a_minute("event", "tocsin_escalations_total"),
            unit=PER_MINUTE,
        ),
        graph(
            "Opened against resolved, a minute",
            "While more are opened than resolved, the open ones grow.",
            _a_minute("outcome", TENANTS, 'tenant=~"$tenant", outcome=~"opened|resolved|promoted"'),
            unit=PER_MINUTE,
        ),
        graph(
            "New cases by tenant, a minute",
            "The twelve tenants with most. A click leads to their problems.",
            Query(f"topk(12, 60 * sum by (tenant) ({rate(TENANTS, OPENED)}) > 0)", "{{tenant}}"),
            unit=PER_MINUTE,
            links=(
                Link(
                    "The problems of this tenant",
                    f"/v1/problems?tenant=${{__field.labels.tenant}}&decision=opened&{SINCE}",
                ),
            ),
        ),
        graph(
            "What people did, a minute",
            "Commands by kind and what became of them: done, already so, kept, not found, refused.",
            Query(f"60 * sum by (kind, outcome) ({rate('tocsin_commands_total')})", "{{kind}}: {{outcome}}"),
            unit=PER_MINUTE,
        ),
        graph(
            "Replies that did not come, a minute",
            "By what was chosen: wait longer, retry, give up; `learned` from replies that were seen.",
            Query(
                f"60 * sum by (choice, learned) ({rate('tocsin_timeouts_total')})", "{{choice}}, learned: {{learned}}"
            ),
            unit=PER_MINUTE,
        ),
        graph(
            "Nobody was told, a minute",
            "Suppressed problems by why: each one stands in the log, with the event that stands for it.",
            Query(f"60 * sum by (reason) ({rate('tocsin_suppressed_total')}) > 0", "{{reason}}"),
            unit=PER_MINUTE,
            stacked=True,
        ),
        graph(
            "Told together, a minute",
            "Problems that were told in digests, by why they had been held back.",
            _a_minute("why", "tocsin_digested_problems_total"),
            unit=PER_MINUTE,
            stacked=True,
        ),
        bars(
            "Tenants near their limit of open cases",
            "Open cases of those over half of their limit; at the limit the oldest ones are resolved.",
            Query(f"sum by (tenant) (tocsin_tenant_cases_open{{{BUS}}})", "{{tenant}}"),
            links=(Link("The cases of this tenant", "/v1/cases?state=open&tenant=${__field.labels.tenant}"),),
        ),
        graph(
            "Silences",
            "How many hold. Where the line steps, somebody made one or one ended.",
            Query(f"max by (bus) (tocsin_silences{{{BUS}}})", "{{bus}}"),
            unit=COUNT,
        ),
    ),
)
