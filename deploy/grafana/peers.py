"""The dashboard *Peers*: who sends broken reports, who does not answer, who sends without end."""

from __future__ import annotations

from deploy.grafana.board import TENANT, Board
from deploy.grafana.panels import (
    ANY,
    BUS,
    COUNT,
    PER_MINUTE,
    SINCE,
    Column,
    Link,
    Query,
    graph,
    grown,
    number,
    rate,
    rows,
)

VIOLATIONS, PROBLEMS, TIMEOUTS = "tocsin_violations_total", "tocsin_peer_problems_total", "tocsin_peer_timeouts_total"
PEERS = Link("The peers", "/v1/peers")
LOOPS = Link("Loops that were stopped", "/v1/loops")
BROKEN = Link("The reports that break a rule", f"/v1/problems?conformant=false&{SINCE}")
OF_TENANT = 'tenant=~"$tenant"'


def _a_minute(label: str, metric: str, labels: str = "") -> Query:
    return Query(f"topk(12, 60 * sum by ({label}) ({rate(metric, labels)}) > 0)", f"{{{{{label}}}}}")


BOARD = Board(
    name="peers",
    title="Peers",
    description="Who sends broken reports, who does not answer, who sends without end. A peer is the beginning of the "
    "SHA-256 of its DID or connection.",
    variables=(TENANT,),
    panels=(
        number(
            "Peers with broken reports",
            "In the last hour.",
            f"count(sum by (peer) ({grown(VIOLATIONS, '1h', OF_TENANT)})) or vector(0)",
            limits=((1, "orange"),),
            link=BROKEN,
        ),
        number(
            "Rules broken",
            "In the last hour, of all dialects.",
            f"sum({grown(VIOLATIONS, '1h', OF_TENANT)}) or vector(0)",
            link=BROKEN,
        ),
        number(
            "Peers that did not answer",
            "In the last hour.",
            f"count(sum by (peer) ({grown(TIMEOUTS, '1h')})) or vector(0)",
            limits=((1, "orange"),),
            link=PEERS,
        ),
        number("Replies that did not come", "In the last hour.", f"sum({grown(TIMEOUTS, '1h')}) or vector(0)"),
        number(
            "Loops stopped",
            "Notices of the last hour that a thread, a connection or a peer crossed a limit.",
            f"sum({grown('tocsin_loops_stopped_total', '1h')}) or vector(0)",
            limits=ANY,
            link=LOOPS,
        ),
        number(
            "Reply times known",
            "Message types, by tenant, of which the bus has learned how long replies take.",
            f"sum(tocsin_timeouts_learned{{{BUS}}})",
        ),
        rows(
            "Who, what, since the beginning of the shown time",
            "Rules of a dialect that reports broke, by who sent them; the most first.",
            (
                Column(
                    "broken",
                    f"sum by (tenant, peer, dialect, rule) ({grown(VIOLATIONS, '$__range', OF_TENANT)})",
                    limits=((20, "orange"), (100, "red")),
                ),
            ),
            (
                Link(
                    "The reports that break a rule",
                    f"/v1/problems?conformant=false&tenant=${{__data.fields.tenant}}&{SINCE}",
                ),
            ),
        ),
        graph(
            "Broken rules by peer, a minute",
            "The twelve peers with most. A line that begins is a new release, of it or of ours.",
            _a_minute("peer", VIOLATIONS, OF_TENANT),
            unit=PER_MINUTE,
            links=(PEERS,),
        ),
        graph(
            "Broken rules by rule, a minute",
            "The same, by which rule.",
            _a_minute("rule", VIOLATIONS, OF_TENANT),
            unit=PER_MINUTE,
        ),
        graph(
            "Problems by peer, a minute",
            "The twelve peers that send most reports; `none` are those of our own services.",
            _a_minute("peer", PROBLEMS),
            unit=PER_MINUTE,
            links=(PEERS,),
        ),
        graph(
            "Errors by peer, a minute",
            "The same, errors only.",
            _a_minute("peer", PROBLEMS, 'severity="error"'),
            unit=PER_MINUTE,
            links=(PEERS,),
        ),
        graph(
            "Replies that did not come, by peer, a minute",
            "The twelve peers that most often do not answer in time.",
            _a_minute("peer", TIMEOUTS),
            unit=PER_MINUTE,
            links=(PEERS,),
        ),
        graph(
            "Time-outs by choice, a minute",
            "What the policy chose; `learned`: by the reply times that were seen.",
            Query(
                f"60 * sum by (choice, learned) ({rate('tocsin_timeouts_total')})", "{{choice}}, learned: {{learned}}"
            ),
            unit=PER_MINUTE,
        ),
        graph(
            "Loops stopped by limit",
            "Notices in five minutes, by the limit that was crossed.",
            Query(f"sum by (limit) ({grown('tocsin_loops_stopped_total', '5m')}) or vector(0)", "{{limit}}"),
            unit=COUNT,
            limits=ANY,
            links=(LOOPS,),
        ),
        graph(
            "Ping-pong, repeats and budgets, a minute",
            "Problems that were not told since their sender repeats itself or was stopped.",
            _a_minute("reason", "tocsin_suppressed_total"),
            unit=PER_MINUTE,
            stacked=True,
        ),
    ),
)
