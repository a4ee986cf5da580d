"""The sections limits, timeouts, escalations, tenants, silences, inhibit and mute_times: what they become, and every
finding with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.streams.rules.config import Grouping, Inhibition, RuleBook, Silence, TimeOfWeek
from tocsin.streams.rules.match import Match
from tocsin.streams.rules.policies import EscalationPolicy, LoopLimits, Repeat, Step, TimeoutPolicy
from tocsin.streams.rules.values import DAY, HOUR, LONGEST, MINUTE, SECOND, read_duration, read_instant
from tocsin.streams.rulesfile import RulesFileError, check_rulebook, load_rulebook, load_wallets

TOP = "endpoints:\n  desk: {sink: memory}\ndefault_route: desk\n"


def book(folder: Path, text: str) -> RuleBook:
    file = folder / "rules.yaml"
    file.write_text(TOP + text)
    return load_rulebook(file, {})


def shown(folder: Path, text: str, own: tuple[str, ...] = ()) -> list[str]:
    file = folder / "rules.yaml"
    file.write_text(TOP + text)
    return [str(finding).removeprefix(f"{file}:") for finding in check_rulebook(file, {}, own)]


WALLETS = """tenants:
  acme: {wallets: [w-1, w-2], wallet: agent}
  beta: {wallets: [w-3], wallet: w-3}
  gamma: {wallet: both}
  delta: {wallet: both}
"""


def test_wallets(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(TOP + WALLETS)
    assert load_wallets(file) == {"w-1": "acme", "w-2": "acme", "agent": "acme", "w-3": "beta"}
    assert load_wallets(None) == {}
    text = "tenants:\n  acme: {wallets: [w-1]}\n  beta:\n    wallets:\n      - w-2\n      - w-1\n"
    (said,) = shown(tmp_path, text)
    assert said.startswith("9: the tenant acme has the same wallet")
    with pytest.raises(RulesFileError, match="has the same wallet"):
        load_wallets(file)


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("30s", 30 * SECOND), ("15m", 15 * MINUTE), ("4h", 4 * HOUR), ("2d", 2 * DAY), ("1h30m", 90 * MINUTE),
        ("250ms", SECOND // 4), ("400d", LONGEST), (0, 0), ("0", 0),
    ],
)  # fmt: skip
def test_durations(text: Any, micros: int) -> None:
    assert read_duration(text) == micros


@pytest.mark.parametrize(
    "text", ["", "s", "30", 30, "-1s", "1.5h", "1 h", "401d", "1y", None, True, False, ["1s"], "٣s"]
)
def test_no_durations(text: Any) -> None:
    with pytest.raises(ValueError, match="a duration is"):
        read_duration(text)


@given(st.dictionaries(st.sampled_from(["d", "h", "m", "s", "ms"]), st.integers(0, 20), min_size=1))
def test_parts_of_a_duration_add_up(parts: dict[str, int]) -> None:
    units = {"d": DAY, "h": HOUR, "m": MINUTE, "s": SECOND, "ms": 1000}
    assert read_duration("".join(f"{count}{unit}" for unit, count in parts.items())) == sum(
        count * units[unit] for unit, count in parts.items()
    )


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-11-22T11:00:00+01:00", 1_795_341_600 * SECOND),
        ("2026-11-22t10:00:00.5z", 1_795_341_600 * SECOND + SECOND // 2),
    ],
)
def test_times(text: str, micros: int) -> None:
    assert read_instant(text) == micros


@pytest.mark.parametrize(
    "text", ["", "2026-11-22", "2026-11-22T10:00:00", "1969-12-31T00:00:00Z", "2026-13-01T00:00:00Z", 5]
)
def test_no_times(text: Any) -> None:
    with pytest.raises(ValueError, match="a time is written as in RFC 3339"):
        read_instant(text)


def test_nothing_said_is_the_defaults(tmp_path: Path) -> None:
    found = book(tmp_path, "")
    assert (found.limits, found.timeouts, found.tenants) == (LoopLimits(), (TimeoutPolicy(),), {})
    assert (found.escalations, found.silences, found.inhibit, found.mute_times) == ({}, (), (), {})
    assert found.limits_of("acme") == LoopLimits()
    assert found.timeouts_of("acme") == (TimeoutPolicy(),)


def test_limits_and_what_tenants_have_instead(tmp_path: Path) -> None:
    text = """
limits: {thread_errors: 7, identical: [code, thread], repeat_window: 2m, hops: 0}
timeouts:
  - {messages: issue-credential, floor: 2d, unlearned: 3d, waits: 2, factor: 3, quantile: 0.5}
tenants:
  acme: {limits: {thread_errors: 1}, timeouts: [{messages: [mediation], enabled: false}]}
"""
    found = book(tmp_path, text)
    limits = LoopLimits(thread_errors=7, identical=("code", "thread"), repeat_window=2 * MINUTE, hops=0)
    issuing = TimeoutPolicy(
        messages=("issue-credential",), floor=2 * DAY, unlearned=3 * DAY, waits=2, factor=3, quantile=0.5
    )
    assert found.limits == found.limits_of("globex") == limits
    assert found.timeouts == (issuing, TimeoutPolicy()), "what fits no entry has the defaults"
    assert found.limits_of("acme") == LoopLimits(
        thread_errors=1, identical=("code", "thread"), repeat_window=2 * MINUTE, hops=0
    )
    assert found.timeouts_of("acme") == (
        TimeoutPolicy(messages=("mediation",), enabled=False), issuing, TimeoutPolicy(),
    )  # fmt: skip


def test_limits_that_are_off_are_all_that_may_be_0(tmp_path: Path) -> None:
    never = {"identical", "connection_window", "ping_pong_window", "tenant_window", "claimed_window"}
    zeros = {name: 0 for name in LoopLimits.__struct_fields__ if name not in never}
    assert book(tmp_path, f"limits: {zeros}\n").limits == LoopLimits.off()
    assert all(shown(tmp_path, f"limits: {{{name}: 0}}\n") for name in never)
    assert (LoopLimits.off(hops=3).hops, LoopLimits.off(hops=3).thread_errors) == (3, 0)


def test_escalations(tmp_path: Path) -> None:
    text = """
escalations:
  pager:
    steps:
      - {wait: 0, endpoints: desk}
      - {wait: 15m, endpoints: [desk], repeat: {every: 5m, times: 3}}
    cycles: 2
    while_they_retry: 1h
    impact: {message: none}
    uris: mailto:oncall@acme.example
    uri_endpoint: desk
routes:
  - {name: outer, endpoints: desk, escalate: pager, routes: [{match: {code: e}}, {escalate: none}]}
"""
    found = book(tmp_path, text)
    assert found.escalations["pager"] == EscalationPolicy(
        name="pager",
        steps=(
            Step(wait=0, endpoints=("desk",)),
            Step(wait=15 * MINUTE, endpoints=("desk",), repeat=Repeat(every=5 * MINUTE, times=3)),
        ),
        cycles=2,
        while_they_retry=HOUR,
        impact={"connection": "at_once", "message": "none"},
        uris=("mailto:oncall@acme.example",),
        uri_endpoint="desk",
    )
    (outer,) = found.routes
    assert [outer.escalate, *(route.escalate for route in outer.routes)] == ["pager", "pager", None]


def test_what_routes_take_from_the_one_around_them(tmp_path: Path) -> None:
    text = """
mute_times: {night: {from: "22:00", to: "06:00", timezone: Europe/Zurich}}
routes:
  - name: outer
    endpoints: desk
    mute: night
    group: {by: [code, connection], wait: 30s}
    repeat: 4h
    routes: [{name: inner, match: {code: e}}, {name: own, group: {by: thread, interval: 1m}, repeat: 1h}]
"""
    found = book(tmp_path, text)
    grouping = Grouping(by=("code", "connection"), wait=30 * SECOND, interval=5 * MINUTE)
    (outer,) = found.routes
    inner, own = outer.routes
    assert (outer.mute, outer.group, outer.repeat) == (("night",), grouping, 4 * HOUR)
    assert (inner.mute, inner.group, inner.repeat) == ((), grouping, 4 * HOUR), "a mute time is a route's own"
    assert (own.group, own.repeat) == (Grouping(by=("thread",), interval=MINUTE), HOUR)
    assert found.mute_times == {"night": (TimeOfWeek(start=22 * 60, end=6 * 60, timezone="Europe/Zurich"),)}


def test_silences_inhibitions_and_mute_times(tmp_path: Path) -> None:
    text = """
silences:
  - name: works
    match: {code: e.p, tenant: acme}
    from: 1970-01-01T00:00:01Z
    until: "1970-01-02T01:00:00+01:00"
    by: me
inhibit:
  - {source: {scope: connection}, target: {category: xfer, trust: low}, equal: connection}
  - {name: b, source: {record_type: x}, target: {connection: c}, equal: [code, thread], for: 2h}
mute_times:
  weekend: [{days: [sat, sun]}, {days: fri, from: "18:30", months: [12, 1]}]
"""
    found = book(tmp_path, text)
    match = Match.of(code=("e.p",), tenant=("acme",))
    assert found.silences == (Silence(name="works", match=match, since=SECOND, until=DAY, by="me"),)
    assert found.inhibit == (
        Inhibition(
            name="inhibit-1",
            source=Match.of(scope=("connection",)),
            target=Match.of(category=("xfer",), trust=("low",)),
            equal=("connection",),
            lasting=HOUR,
        ),
        Inhibition(
            name="b",
            source=Match.of(record_type=("x",)),
            target=Match.of(connection=("c",)),
            equal=("code", "thread"),
            lasting=2 * HOUR,
        ),
    )
    assert found.mute_times["weekend"] == (
        TimeOfWeek(days=(5, 6)), TimeOfWeek(days=(4,), start=18 * 60 + 30, months=(1, 12)),
    )  # fmt: skip


STEPS = "steps: [{wait: 0, endpoints: desk}]"
WHERE = "match: {code: e}, from: 2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param(
            "limits: {thread_erors: 1}",
            "4: limits.thread_erors is not a key that there is "
            f"(expected one of {', '.join(LoopLimits.__struct_fields__)}; did you mean thread_errors?)",
            id="a limit that is misspelt",
        ),
        pytest.param("limits: {hops: -1}", "4: limits.hops: input should be greater than or equal to 0", id="negative"),
        pytest.param(
            "limits:\n  repeat_window: 10",
            "5: limits.repeat_window: a duration is a number and ms, s, m, h or d, such as 30s, 15m or 1h30m (or 0)",
            id="a duration without its unit",
        ),
        pytest.param(
            "limits: {ping_pong_window: 0}", "4: limits.ping_pong_window: this duration cannot be 0", id="never"
        ),
        pytest.param(
            "timeouts: [{quantile: 1}]", "4: timeouts[0].quantile: input should be less than 1", id="quantile"
        ),
        pytest.param(
            "timeouts: [{floor: 8d}]",
            "4: the ceiling is below the floor (raise the ceiling (7d if not given))",
            id="a floor above the ceiling",
        ),
        pytest.param(
            "timeouts: [{backoff: 2h}]",
            "4: max_backoff is below backoff (raise max_backoff (1h if not given))",
            id="a backoff above its maximum",
        ),
        pytest.param(
            "timeouts:\n  - {floor: 1s}\n  - {messages: x}",
            "6: warning: never used: the entry before it takes all messages (put it first)",
            id="a time-out after one for everything",
        ),
        pytest.param(
            f"escalations:\n  pager:\n    {STEPS}\n    uris: ftp://x\n    uri_endpoint: desk",
            "7: escalations.pager.uris[0]: an escalation URI begins with mailto: or https://",
            id="an escalation URI that nobody can answer",
        ),
        pytest.param(
            f"escalations:\n  pager:\n    {STEPS}\n    uris: https://*\n    uri_endpoint: desk",
            "7: escalations.pager.uris[0]: only the end may be *, and not of the whole",
            id="every URI there is",
        ),
        pytest.param(
            f"escalations:\n  pager:\n    {STEPS}\n    uris: https://desk.example*\n    uri_endpoint: desk",
            "7: escalations.pager.uris[0]: the host stands there whole, such as https://desk.example/*",
            id="every host that begins so",
        ),
        pytest.param(
            f"escalations: {{pager: {{{STEPS}, uris: mailto:a@b.example}}}}",
            "4: escalations.pager: uris and uri_endpoint need each other",
            id="URIs without an endpoint",
        ),
        pytest.param(
            "escalations: {pager: {steps: []}}",
            "4: escalations.pager.steps: list should have at least 1 item after validation, not 0",
            id="a policy without steps",
        ),
        pytest.param(
            "escalations: {pager: {steps: [{wait: 0, endpoints: dsk}]}}",
            "4: there is no endpoint dsk (expected one of desk; did you mean desk?)",
            id="a step to an unknown endpoint",
        ),
        pytest.param(
            f"escalations: {{pager: {{{STEPS}}}}}\nroutes: [{{endpoints: desk, escalate: pagr}}]",
            "5: there is no policy pagr (expected one of pager; did you mean pager?)",
            id="an unknown policy",
        ),
        pytest.param(
            "routes: [{endpoints: desk, escalate: pager}]",
            "4: there is no policy pager (add pager under escalations)",
            id="no policy at all",
        ),
        pytest.param(
            f"escalations: {{none: {{{STEPS}}}}}",
            "4: a policy cannot be named none: it means no policy (rename it)",
            id="a policy named none",
        ),
        pytest.param(
            f"escalations: {{pager: {{{STEPS}}}}}",
            "4: warning: no route names policy pager (name it in a route, or remove it)",
            id="a policy that nothing uses",
        ),
        pytest.param(
            "mute_times: {night: {from: '22:00'}}\nroutes: [{endpoints: desk, mute: nigth}]",
            "5: there is no mute time nigth (expected one of night; did you mean night?)",
            id="an unknown mute time",
        ),
        pytest.param(
            "mute_times: {night: {from: '22:00'}}",
            "4: warning: no route names mute time night (name it in a route, or remove it)",
            id="a mute time that nothing uses",
        ),
        pytest.param(
            "mute_times: {night: {timezone: Europe/Zuerich}}\nroutes: [{endpoints: desk, mute: night}]",
            "4: there is no time zone Europe/Zuerich (expected an IANA name, such as Europe/Zurich)",
            id="an unknown time zone",
        ),
        pytest.param(
            "mute_times: {night: {timezone: ../../etc/passwd}}\nroutes: [{endpoints: desk, mute: night}]",
            "4: there is no time zone ../../etc/passwd (expected an IANA name, such as Europe/Zurich)",
            id="a path is no time zone",
        ),
        pytest.param(
            "mute_times: {ever: {from: '00:00'}}\nroutes: [{name: a, endpoints: desk, mute: ever}]",
            "5: warning: route a tells nobody, ever: its mute times cover the whole week "
            "(narrow the mute time, or remove the route)",
            id="a route that is always muted",
        ),
        pytest.param(
            f"escalations: {{pager: {{{STEPS}}}}}\n"
            "routes: [{name: a, endpoints: desk, escalate: pager, group: {by: code}}]",
            "5: warning: route a escalates nothing while it holds back: a digest pages nobody "
            "(another route for what must page, without group)",
            id="a route that should page and waits",
        ),
        pytest.param(
            "mute_times: {night: {from: 22:00:00}}",
            "4: mute_times.night[0].from is not a time of the day (expected HH:MM, in quotes)",
            id="a time of the day",
        ),
        pytest.param(
            f"silences: [{{name: a, {WHERE}, until: 2026-01-01T00:00:00Z}}]",
            "4: silences[0]: a silence ends after it begins",
            id="a silence without length",
        ),
        pytest.param(
            "silences: [{name: a, match: {}, from: 2026-01-01T00:00:00Z, until: 2027-01-01T00:00:00Z}]",
            "4: silence a would silence everything (say what fits)",
            id="a silence of everything",
        ),
        pytest.param(
            f"silences:\n  - {{name: a, {WHERE}, until: 2027-01-01T00:00:00Z}}\n"
            f"  - {{name: a, {WHERE}, until: 2027-01-01T00:00:00Z}}",
            "6: two silences are named a (rename one)",
            id="two silences of one name",
        ),
        pytest.param(
            "inhibit: [{source: {code: e}, target: {code: e.p}}]", "4: inhibit[0].equal is missing (add it)", id="equal"
        ),
        pytest.param(
            "inhibit: [{source: {code: e.p}, target: {code: e}, equal: code}]",
            "4: warning: inhibition inhibit-1: everything that fits its source fits its target too "
            "(the first one told would keep its equals quiet; narrow it)",
            id="an inhibition of its own source",
        ),
        pytest.param(
            "inhibit:\n  - {name: a, source: {code: e.p}, target: {code: e.m}, equal: thread}\n"
            "  - {name: b, source: {code: e.m}, target: {code: e.p}, equal: thread}",
            "6: warning: inhibitions a and b keep each other quiet: whichever is told first wins "
            "(let only the worse inhibit the lesser)",
            id="a circle of inhibitions",
        ),
        pytest.param(
            "routes:\n  - name: bad\n    match: {severity: error}\n    endpoints: desk\n"
            "    routes:\n      - {name: warn, match: {severity: warning}}",
            "9: warning: route warn is never reached: nothing that fits route bad around it fits it too "
            "(move it out, or correct one of the two matches)",
            id="a nested route that contradicts its parent",
        ),
        pytest.param(
            "routes:\n  - endpoints: desk\n    match:\n      expr: severity == 'error'",
            "7: this is not a usable CEL expression: there is no severity (expected one of problem, tenant, thread)",
            id="an expression over what there is not",
        ),
        pytest.param(
            "routes: [{endpoints: desk, group: {by: colour}}]",
            "4: routes[0].group.by[0]: input should be 'code', 'category', 'severity', 'scope', 'protocol', "
            "'connection', 'peer', 'thread', 'parent', 'record', 'service', 'job', 'wallet', 'trust' or 'tenant'",
            id="a group by what there is not",
        ),
        pytest.param(
            "tenants: {acme: {limit: {}}}",
            "4: tenants.acme.limit is not a key that there is (expected one of limits, timeouts, language, redaction, "
            "wallet, wallets; did you mean limits?)",
            id="a tenant's section that is misspelt",
        ),
    ],
)
def test_findings(tmp_path: Path, text: str, found: str) -> None:
    assert shown(tmp_path, text + "\n") == [found]


SECRET = "whsec_TfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_an_endpoint_that_is_this_bus(tmp_path: Path) -> None:
    hook = "{sink: webhook, url: 'http://127.0.0.1:8700/v1/problems', allow_private: true, secret: " + SECRET + "}"
    text = TOP.replace("endpoints:\n", f"endpoints:\n  loop: {hook}\n") + "routes: [{endpoints: loop}]\n"
    file = tmp_path / "rules.yaml"
    file.write_text(text)
    assert check_rulebook(file, {}, ("http://localhost:9000",)) == []
    (found,) = check_rulebook(file, {}, ("http://localhost:8700",))
    assert str(found).endswith(
        ":2: endpoint loop is this bus's own gateway: whatever it is told comes back as a problem "
        "(expected the address of somebody else; correct the url)"
    )


PEER = "endpoints:\n  desk: {sink: memory}\n  them: {sink: memory, audience: peer}\ndefault_route: desk\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param(PEER + "routes: [{endpoints: [desk, them]}]\n", [], id="a peer in a route"),
        pytest.param(
            PEER.replace("default_route: desk", "default_route: them") + "routes: [{endpoints: desk}]\n",
            ["4: the default route tells endpoint them, whose audience is the peer "
             "(expected an endpoint of an owner or an operator)"],
            id="a peer as the default",
        ),
        pytest.param(
            PEER.replace("audience: peer", "audience: peer, body: notification") + "routes: [{endpoints: them}]\n",
            ["3: endpoint them is the peer's: it does not know our notification "
             "(expected a dialect, such as didcomm-2.0)"],
            id="a peer and our notification",
        ),
        pytest.param(
            PEER + "escalations: {p: {steps: [{wait: 0, endpoints: them}]}}\n"
            "routes: [{endpoints: desk, escalate: p}]\n",
            ["5: policy p tells endpoint them, whose audience is the peer: it is never told of steps "
             "(expected endpoints of owners or operators)"],
            id="a peer in an escalation",
        ),
        pytest.param(
            PEER + "routes: [{name: a, endpoints: them, group: {by: code}}]\n",
            ["5: warning: endpoint them takes no digests: route a tells it every problem, not groups "
             "(body: notification, or another route for it)"],
            id="a peer in a group",
        ),
        pytest.param(
            PEER + "mute_times: {n: {from: '22:00'}}\nroutes: [{name: a, endpoints: them, mute: n}]\n",
            ["6: warning: endpoint them takes no digests: what route a mutes is never told there "
             "(body: notification, or another route for it)"],
            id="a peer in a mute time",
        ),
        pytest.param(
            PEER.replace("audience: peer", "audience: boss") + "routes: [{endpoints: them}]\n",
            ["3: endpoints.them.audience: input should be 'owner', 'peer' or 'operator'"],
            id="an unknown audience",
        ),
        pytest.param(PEER.replace("audience: peer", "audience: operator"), [], id="operators need no route"),
    ],
)  # fmt: skip
def test_audiences(tmp_path: Path, text: str, found: list[str]) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(text)
    assert [str(one).removeprefix(f"{file}:") for one in check_rulebook(file, {})] == found
