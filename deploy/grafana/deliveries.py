"""The dashboard *Deliveries*: does everybody who must know get it, and in time."""

from __future__ import annotations

from deploy.grafana.board import ENDPOINT, Board
from deploy.grafana.panels import (
    ANY,
    BUS,
    COUNT,
    PER_MINUTE,
    SECONDS,
    SHARE,
    Column,
    Link,
    Query,
    bars,
    graph,
    grown,
    number,
    quantile,
    rate,
    rows,
)

TO = 'endpoint=~"$endpoint"'
ATTEMPTS, DEAD, ASKED = "tocsin_attempts_total", "tocsin_deliveries_dead_total", "tocsin_attempts_requested_total"
DELIVERED, ATTEMPT = "tocsin_publish_to_delivered_seconds", "tocsin_attempt_seconds"
ITS_PAGE = Link("This endpoint", "/v1/endpoints/${__field.labels.endpoint}")
IN_TIME = 30


def _a_minute(label: str, metric: str, labels: str = TO) -> Query:
    return Query(f"60 * sum by ({label}) ({rate(metric, labels)}) > 0", f"{{{{{label.replace(', ', '}}: {{')}}}}}")


def _good(by: str, window: str) -> str:
    """The share of attempts that were taken."""
    all_of = f"{ATTEMPTS}{{{BUS}, {TO}}}[{window}]"
    taken = f'{ATTEMPTS}{{{BUS}, {TO}, outcome="delivered"}}[{window}]'
    return f"(sum by ({by}) (rate({taken})) or 0 * sum by ({by}) (rate({all_of}))) / sum by ({by}) (rate({all_of}))"


BOARD = Board(
    name="deliveries",
    title="Deliveries",
    description="Does everybody who must know get it, and in time: retries, breakers, what was given up.",
    variables=(ENDPOINT,),
    panels=(
        number(
            "In time",
            "Deliveries of the last hour taken within 30 seconds of the publication; the rest was late or dead. 99 % "
            "is the service level.",
            f"1 - avg(bus:tocsin_deliveries_late:ratio_rate1h{{{BUS}}})",
            SHARE,
        ),
        number(
            "Budget burn rate",
            "How fast the budget of 1 late delivery in 100 is used up now, over 5 minutes: 1 is as fast as it may.",
            f"max(bus:tocsin_deliveries_late:ratio_rate5m{{{BUS}}}) / 0.01",
            limits=((1, "orange"), (14.4, "red")),
        ),
        number("Waiting", "Deliveries that are not done and not dead.", f"sum(tocsin_deliveries_pending{{{BUS}}})"),
        number(
            "Oldest",
            "How long ago the oldest of them was asked for.",
            f"max(tocsin_delivery_oldest_pending_seconds{{{BUS}}})",
            SECONDS,
            ((300, "orange"), (3600, "red")),
        ),
        number(
            "Held back",
            "Endpoints whose breaker is open.",
            f'count(tocsin_endpoint_held_back{{{BUS}, {TO}, by="breaker"}} > 0) or vector(0)',
            limits=ANY,
        ),
        number(
            "Given up",
            "Deliveries of the last hour that are dead letters now.",
            f"sum({grown(DEAD, '1h', TO)}) or vector(0)",
            limits=ANY,
        ),
        rows(
            "Endpoints",
            "What was sent to each in the shown time. One that is missing was sent nothing.",
            (
                Column("attempts", f"sum by (endpoint) ({grown(ATTEMPTS, '$__range', TO)})"),
                Column("taken", _good("endpoint", "$__range"), SHARE),
                Column("typical time of an attempt", quantile(0.5, ATTEMPT, "endpoint", TO, "$__range"), SECONDS),
                Column(
                    "95 of 100 published to delivered within",
                    quantile(0.95, DELIVERED, "endpoint", TO, "$__range"),
                    SECONDS,
                    ((5, "orange"), (30, "red")),
                ),
                Column(
                    "waiting for it",
                    f"sum by (endpoint) (tocsin_deliveries_parked{{{BUS}, {TO}}})",
                    limits=((1, "orange"),),
                ),
                Column("given up", f"sum by (endpoint) ({grown(DEAD, '$__range', TO)})", limits=ANY),
            ),
            (Link("This endpoint", "/v1/endpoints/${__data.fields.endpoint}"),),
        ),
        graph(
            "Attempts that were taken",
            "The share of the attempts that the endpoint took, by endpoint.",
            Query(_good("endpoint", "$__rate_interval"), "{{endpoint}}"),
            unit=SHARE,
            top=1,
        ),
        graph(
            "From publication to delivery",
            "Retries included, replays not; the line is what the service level allows.",
            *(Query(quantile(share, DELIVERED, "", TO), f"{round(100 * share)} of 100") for share in (0.5, 0.95, 0.99)),
            unit=SECONDS,
            limits=((IN_TIME, "red"),),
        ),
        graph(
            "Attempts by outcome, a minute",
            "Delivered, to be tried again, rejected; with the reason of those that were not taken.",
            _a_minute("outcome, reason", ATTEMPTS),
            unit=PER_MINUTE,
        ),
        graph(
            "How long attempts take",
            "95 of 100 are shorter, by endpoint. A slow one holds places that others need.",
            Query(quantile(0.95, ATTEMPT, "endpoint", TO), "{{endpoint}}"),
            unit=SECONDS,
            limits=((5, "orange"),),
        ),
        graph(
            "First tries and retries, a minute",
            "What is due to be sent: when the retries grow and the first tries do not, an endpoint is failing.",
            _a_minute("try", ASKED),
            unit=PER_MINUTE,
            stacked=True,
        ),
        graph(
            "Failures by endpoint, a minute",
            "Attempts that were not taken.",
            _a_minute("endpoint", ATTEMPTS, f'{TO}, outcome!="delivered"'),
            unit=PER_MINUTE,
            links=(ITS_PAGE,),
        ),
        graph(
            "Held back",
            "1 while an endpoint gets less than there is: breaker open, a pause that it asked for, its rate reached.",
            Query(f"max by (endpoint, by) (tocsin_endpoint_held_back{{{BUS}, {TO}}})", "{{endpoint}}: {{by}}"),
            unit=COUNT,
        ),
        graph(
            "Waiting for their endpoint",
            "Deliveries that are parked, of endpoints of which any are.",
            Query(f"sum by (endpoint) (tocsin_deliveries_parked{{{BUS}, {TO}}})", "{{endpoint}}"),
            unit=COUNT,
            stacked=True,
        ),
        bars(
            "Endpoints that fail or are off",
            "1 for each state: failing, disabled, removed.",
            Query(f"max by (endpoint, state) (tocsin_endpoint_state{{{BUS}, {TO}}})", "{{endpoint}}: {{state}}"),
            limits=ANY,
            links=(ITS_PAGE,),
        ),
        graph(
            "Given up, in five minutes",
            "Deliveries that became dead letters, by endpoint and reason.",
            Query(f"sum by (endpoint, reason) ({grown(DEAD, '5m', TO)})", "{{endpoint}}: {{reason}}"),
            unit=COUNT,
            stacked=True,
        ),
        graph(
            "Asked for, a minute",
            "Deliveries by endpoint; each has one attempt or more.",
            _a_minute("endpoint", "tocsin_deliveries_requested_total"),
            unit=PER_MINUTE,
            stacked=True,
        ),
        graph(
            "Under way",
            "Attempts that a dispatcher has read and not ended; at its limit it reads no more.",
            Query(f"sum by (instance) (tocsin_attempts_under_way{{{BUS}}})", "{{instance}}"),
            unit=COUNT,
        ),
        graph(
            "Budget burn rate, by window",
            "How fast the budget of 1 late delivery in 100 is used up. It pages at 14.4 over 5 minutes and an hour.",
            *(
                Query(f"max(bus:tocsin_deliveries_late:ratio_rate{window}{{{BUS}}}) / 0.01", window)
                for window in ("5m", "1h", "6h")
            ),
            unit=COUNT,
            limits=((1, "orange"), (14.4, "red")),
        ),
    ),
)
