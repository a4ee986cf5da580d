"""What a scrape says of tenants that come near a limit of theirs."""

from __future__ import annotations

from types import SimpleNamespace

from prometheus_client import CollectorRegistry, generate_latest

from tocsin.connectors.metrics.bounds import Bounds, Caps
from tocsin.connectors.metrics.making import Meters
from tocsin.streams.rules.policies import LoopLimits
from tocsin.streams.telemetry.tenant_metrics import TenantMetrics


def held(counts: SimpleNamespace | None) -> SimpleNamespace:
    """A partition that is held, with these counts."""
    state = SimpleNamespace(rows=SimpleNamespace(counts=counts))
    return SimpleNamespace(state=lambda: state)


def test_tenants_over_half_of_a_limit_are_named_and_no_others() -> None:
    limits = {"large": LoopLimits(tenant_rows=1000, tenant_cases=0), "a" * 5000: LoopLimits(tenant_cases=4)}
    counts = SimpleNamespace(
        rows={"large": 501, "half": 50, "more": 51, "": 1}, open={"large": 900, "half": 5, "more": 6, "a" * 5000: 3}
    )
    tasks = {0: held(counts), 1: held(None), 2: SimpleNamespace(state=lambda: None)}
    registry = CollectorRegistry()
    metrics = TenantMetrics(
        Meters(registry),
        SimpleNamespace(tasks=tasks),  # type: ignore[arg-type]
        lambda tenant: limits.get(tenant, LoopLimits(tenant_rows=100, tenant_cases=10)),
    )
    registry.register(metrics)
    samples = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    assert samples[:3] == [
        'tocsin_tenant_rows{tenant="large"} 501.0',
        'tocsin_tenant_rows{tenant="more"} 51.0',
        'tocsin_tenant_cases_open{tenant="more"} 6.0',
    ]
    assert len(samples) == 4
    assert len(samples[3]) < 110, "the name of a stranger is cut"


def test_a_scrape_of_many_tenants_at_their_limit_is_bounded() -> None:
    counts = SimpleNamespace(rows={f"tenant-{number}": number + 10 for number in range(100_000)}, open={})
    tasks = {0: held(counts)}
    meters = Meters(CollectorRegistry(), Bounds(Caps(metrics_tenants=20)))
    engine = SimpleNamespace(tasks=tasks)
    metrics = TenantMetrics(meters, engine, lambda tenant: LoopLimits(tenant_rows=10))  # type: ignore[arg-type]
    rows, cases = metrics.collect()
    assert (len(rows.samples), len(cases.samples)) == (21, 0)
    assert rows.samples[0].labels == {"tenant": "tenant-99999"}
    assert rows.samples[-1].labels == {"tenant": "other"}
