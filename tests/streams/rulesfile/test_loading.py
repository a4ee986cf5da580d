"""A rules file from disk: what it becomes, and every kind of finding with its line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from tocsin.connectors.egress.proxy import NO_PROXY, Proxy
from tocsin.connectors.redaction import Redaction
from tocsin.connectors.sinks import sink_kinds
from tocsin.connectors.sinks.memory import MemoryConfig
from tocsin.connectors.sinks.webhook import WebhookConfig
from tocsin.connectors.webhooks import new_key_pair
from tocsin.streams.rules.config import Endpoint, Route, RuleBook, default_rulebook
from tocsin.streams.rules.match import Match
from tocsin.streams.rules.values import MAX_ENDPOINTS, MatchSection
from tocsin.streams.rulesfile import RulesFileError, check_rulebook, json_schema, load_redactions, load_rulebook
from tocsin.streams.rulesfile.document import MAX_BYTES
from tocsin.streams.rulesfile.loading import OPTIONAL

EXAMPLE = Path(__file__).parents[3] / "deploy" / "rules.example.yaml"
SECRET = "whsec_TfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ANY_SINK = " or ".join(f"sink: {kind}" for kind in sink_kinds())
TOP = "endpoints:\n  desk: {sink: memory}\n  owner: {sink: memory}\ndefault_route: desk\n"


def write(folder: Path, text: str) -> Path:
    file = folder / "rules.yaml"
    file.write_text(text)
    return file


def shown(folder: Path, text: str) -> list[str]:
    file = write(folder, text)
    return [str(finding).removeprefix(f"{file}:") for finding in check_rulebook(file, {})]


def webhook(book: RuleBook, name: str) -> WebhookConfig:
    settings = book.endpoints[name].settings
    assert isinstance(settings, WebhookConfig)
    return settings


def test_the_example_loads_without_a_finding() -> None:
    assert "whsec_T" not in EXAMPLE.read_text("utf-8")
    names = ("ISSUER_WEBHOOK_SECRET", "ISSUER_WEBHOOK_SECRET_BEFORE", "WALLET_DESK_WEBHOOK_SECRET", "PEER_AGENT_SECRET")
    variables = dict.fromkeys(names, SECRET) | {
        "ANN_URL": "mailtos://bus:pass@mail.example?to=ann@issuer.example",
        "ON_CALL_CHANNEL_URL": "matrixs://bus:pass@matrix.example/#on-call",
    }
    assert check_rulebook(EXAMPLE, variables) == []
    book = load_rulebook(EXAMPLE, variables)
    endpoints = ("issuer-team", "wallet-desk", "terminal", "ann", "operators", "peer-agent", "holder-agents")
    assert tuple(book.endpoints) == endpoints
    assert book.default_endpoint == "operators"
    assert [route.name for route in book.routes] == ["issuing", "resources", "wallets"]
    assert len(webhook(book, "issuer-team").secrets) == 2


def test_without_a_file_there_are_the_default_rules() -> None:
    assert load_rulebook(None) == default_rulebook()


def test_what_a_file_becomes(tmp_path: Path) -> None:
    (tmp_path / "old").write_text(SECRET + "\n")
    text = """
endpoints:
  owner:
    sink: webhook
    url: https://owner.example/hook
    secret_env: OWNER
    secrets: [{file: old}, {env: OLDER}]
    headers: {X-Team: a}
  desk: {sink: memory}
default_route: {endpoint: desk}
routes:
  - name: first
    match: {code: e.p, tenant: [acme], severity: error, protocol: issue-credential}
    endpoints: owner
    continue: true
    routes:
      - match: {code: [e.p.xfer]}
  - endpoints: [desk, owner]
"""
    book = load_rulebook(write(tmp_path, text), {"OWNER": SECRET, "OLDER": SECRET})
    assert book.endpoints["owner"] == Endpoint(
        name="owner",
        sink="webhook",
        settings=WebhookConfig(
            url="https://owner.example/hook", secrets=(SECRET, SECRET, SECRET), headers={"X-Team": "a"}
        ),
    )
    assert book.endpoints["desk"].settings == MemoryConfig()
    assert webhook(book, "owner").url == "https://owner.example/hook"
    inner = Route(name="route-1", match=Match.of(code=("e.p.xfer",)), endpoints=("owner",))
    assert book.routes == (
        Route(
            name="first",
            match=Match.of(code=("e.p",), tenant=("acme",), severity=("error",), protocol=("issue-credential",)),
            endpoints=("owner",),
            go_on=True,
            routes=(inner,),
        ),
        Route(name="route-2", endpoints=("desk", "owner")),
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param(
            "", ["1: a rules file is a mapping (expected endpoints, default_route and routes at the top)"], id="empty"
        ),
        pytest.param("a: b: c", ["1: this is not YAML: mapping values are not allowed here"], id="not YAML"),
        pytest.param(
            "default_route: x\n",
            ["1: endpoints is missing (add it)"],
            id="no endpoints",
        ),
        pytest.param(
            "endpoints:\n  desk: {sink: memory}\n", ["1: default_route is missing (add it)"], id="no default route"
        ),
        pytest.param(
            TOP + "rotues: []\n",
            [
                "5: rotues is not a key that there is (expected one of endpoints, default_route, routes, escalations, "
                "silences, inhibit, mute_times, limits, timeouts, redaction, tenants, mediation, proxy; did you mean "
                "routes?)"
            ],
            id="a key that is misspelt",
        ),
        pytest.param(
            TOP + "routes:\n  - endpoints: owner\n    match:\n      tennant: a\n",
            [
                "8: routes[0].match.tennant is not a key that there is "
                f"(expected one of {', '.join(MatchSection.__struct_fields__)}; did you mean tenant?)"
            ],
            id="a nested key that is misspelt",
        ),
        pytest.param(
            "endpoints:\n  memory: {sink: memory, kep: 1}\ndefault_route: memory\n",
            [
                "2: endpoints.memory.kep is not a key that there is "
                "(expected one of sink, keep, audience, body, language, delivery, peer, connection, ends_connections; "
                "did you mean keep?)"
            ],
            id="a key of an endpoint that is named like a sink",
        ),
        pytest.param(
            TOP + "routes:\n  - endpoints: [desk, ownr]\n",
            ["6: there is no endpoint ownr (expected one of desk, owner; did you mean owner?)"],
            id="an unknown endpoint in a route",
        ),
        pytest.param(
            "endpoints: {desk: {sink: memory}}\ndefault_route: zzz\n",
            ["2: there is no endpoint zzz (expected one of desk; add zzz under endpoints)"],
            id="an unknown default endpoint",
        ),
        pytest.param(
            TOP + "routes:\n  - match: {tenant: a}\n",
            ["6: this route tells nobody (expected endpoints; add endpoints)"],
            id="a route without endpoints",
        ),
        pytest.param(
            TOP + "routes:\n  - endpoints: []\n",
            ["6: routes[0].endpoints: list should have at least 1 item after validation, not 0"],
            id="a route with no endpoints",
        ),
        pytest.param(
            TOP + "routes:\n  - {name: a, endpoints: owner, match: {tenant: x}}\n  - {name: a, endpoints: owner}\n",
            ["7: two routes beside each other are named a (rename one)"],
            id="two routes of one name",
        ),
        pytest.param(
            TOP + "routes:\n  - {endpoints: owner, match: {tenant: 42}}\n",
            [
                "6: routes[0].match.tenant has the wrong type "
                "(expected a list (or text, in quotes if it looks like a number))"
            ],
            id="a number where text belongs",
        ),
        pytest.param(
            TOP + "routes:\n  - {endpoints: owner, match: {code: e.p.}}\n",
            ["6: routes[0].match.code[0]: a code prefix is whole tokens, such as e.p.xfer, without a dot at its ends"],
            id="half a token",
        ),
        pytest.param(
            TOP + "routes:\n  - {endpoints: owner, match: {severity: fatal}}\n",
            ["6: routes[0].match.severity[0]: input should be 'error', 'warning' or 'unknown'"],
            id="an unknown severity",
        ),
        pytest.param(
            TOP + "routes:\n  - {endpoints: owner, continue: yes}\n",
            ["6: routes[0].continue has the wrong type (expected true or false)"],
            id="yes is not true in YAML 1.2",
        ),
        pytest.param(
            "endpoints:\n  desk: {sink: memory}\n  fax: {sink: telefax}\ndefault_route: desk\n",
            [f"3: endpoints.fax has no sink that there is (expected {ANY_SINK}; set its sink)"],
            id="an unknown sink",
        ),
        pytest.param(
            "endpoints:\n  Desk/1: {sink: memory}\ndefault_route: desk\n",
            [
                "2: endpoints.Desk/1 is not a name "
                "(expected at most 64 of a-z, 0-9, dot, _ and -, beginning with a letter or digit)"
            ],
            id="a name that cannot be a key",
        ),
        pytest.param(
            TOP + "routes:\n  - endpoints: owner\n  - {name: late, endpoints: desk}\n",
            [
                "7: warning: route late is never reached: route route-1 before it takes everything that it matches "
                "(put late first, or set continue: true on route-1)"
            ],
            id="a route after a catch-all",
        ),
        pytest.param(
            TOP + "routes:\n  - {endpoints: owner, match: {code: e.p}}\n"
            "  - {name: late, endpoints: desk, match: {code: e.p.xfer}}\n",
            [
                "7: warning: route late is never reached: route route-1 before it takes everything that it matches "
                "(put late first, or set continue: true on route-1)"
            ],
            id="a narrower route after a wider one",
        ),
        pytest.param(
            TOP + "routes:\n  - {endpoints: owner, continue: true}\n  - {endpoints: desk}\n", [], id="continue is fine"
        ),
        pytest.param(
            TOP + "routes:\n  - {endpoints: owner, match: {code: e.p, tenant: a}}\n"
            "  - {endpoints: desk, match: {code: e.p.xfer}}\n",
            [],
            id="a narrower code but more tenants is fine",
        ),
        pytest.param(
            TOP, ["3: warning: no route leads to endpoint owner (name it in a route, or remove it)"], id="unused"
        ),
    ],
)
def test_findings(tmp_path: Path, text: str, found: list[str]) -> None:
    unused = "3: warning: no route leads to endpoint owner"
    assert [one for one in shown(tmp_path, text) if not one.startswith(unused) or one in found] == found


@pytest.mark.parametrize("section", OPTIONAL)
@pytest.mark.parametrize("empty", ["", "[]", "{}"], ids=["nothing", "a list", "a mapping"])
def test_sections_may_be_empty(tmp_path: Path, section: str, empty: str) -> None:
    text = TOP.replace("desk: {sink: memory}\n  owner", "desk")
    assert shown(tmp_path, f"{text}{section}: {empty}\n") == []


WEBHOOK = "endpoints:\n  owner:\n    sink: webhook\n    url: {url}\n    {secret}\ndefault_route: owner\n"
URL = "https://owner.example/hook"
SIGNING, PUBLIC = new_key_pair()
MAKE_ONE = "(make one: tocsin endpoint secret, or with --ed25519)"


@pytest.mark.parametrize(
    ("url", "secret", "found"),
    [
        pytest.param(URL, f"secret: {SECRET}", [], id="a good one"),
        pytest.param(
            URL,
            "allow_private: false",
            ["2: endpoints.owner: a webhook needs exactly one of secret, secret_env and secret_file"],
            id="no secret",
        ),
        pytest.param(
            URL,
            f"secret: {SECRET}\n    secret_env: X",
            ["2: endpoints.owner: a webhook needs exactly one of secret, secret_env and secret_file"],
            id="two secrets",
        ),
        pytest.param(
            URL,
            "secret: hunter2",
            [f"5: a webhook secret has 24 to 64 bytes {MAKE_ONE}"],
            id="a secret that is too short",
        ),
        pytest.param(URL, f"secret: {SIGNING}\n    secrets: [{SECRET}]", [], id="one of each kind"),
        pytest.param(
            URL,
            f"secret: {PUBLIC}",
            [f"5: a whpk_ is the public key, for receivers; the whsk_ that was made with it signs {MAKE_ONE}"],
            id="a public key, which cannot sign",
        ),
        pytest.param(
            URL,
            "secret: whsk_AAAA",
            [f"5: a signing key (whsk_) has 32 bytes, or 64 with its public half {MAKE_ONE}"],
            id="a signing key that is too short",
        ),
        pytest.param(
            URL,
            "secret_env: NOT_THERE",
            ["5: the environment variable NOT_THERE is not set (expected a secret in it; set NOT_THERE)"],
            id="a variable that is not set",
        ),
        pytest.param(
            URL,
            "secret_file: /nowhere/at/all",
            ["5: the secret file /nowhere/at/all cannot be read: No such file or directory"],
            id="a file that is not there",
        ),
        pytest.param(
            "http://owner.example/",
            f"secret: {SECRET}",
            [
                "4: endpoint owner, url: must be https on port 443, unless allow_private is set (correct it)",
            ],
            id="plain http",
        ),
        *[
            pytest.param(
                url,
                f"secret: {SECRET}",
                ["4: endpoint owner, url: must be an http or https URL with a host (correct it)"],
                id=url,
            )
            for url in ("https://xn--/", "https://xn--a/", "https://[::1/", "https://a:99999/", "https:///a", "a")
        ],
        pytest.param(
            "http://127.0.0.1:9000/", f"secret: {SECRET}\n    allow_private: true", [], id="plain http, on purpose"
        ),
        pytest.param(
            URL,
            f'secret: {SECRET}\n    headers: {{webhook-id: "1"}}',
            ["6: endpoint owner, headers: webhook-id is set by the sink (correct it)"],
            id="a header that is the sink's",
        ),
        *(
            pytest.param(
                URL,
                f'secret: {SECRET}\n    headers: {{{name}: "1"}}',
                [f"6: endpoint owner, headers: {name.lower()} is set by the sink (correct it)"],
                id=name,
            )
            for name in ("Expect", "Upgrade", "TE", "Trailer", "Content-Encoding", "Proxy-Authorization")
        ),
    ],
)
def test_webhooks(tmp_path: Path, url: str, secret: str, found: list[str]) -> None:
    assert shown(tmp_path, WEBHOOK.replace("{url}", url).replace("{secret}", secret)) == found


def test_all_findings_come_at_once_in_order_and_without_secrets(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "silences: 7\nendpoints:\n  a: {sink: webhook, url: 1, secret: tell-no-one, more: tell-no-one}\n"
        "routes: [{endpoints: 7}]\n",
    )
    with pytest.raises(RulesFileError) as refused:
        load_rulebook(file, {})
    said = str(refused.value)
    assert [finding.line for finding in refused.value.findings] == [1, 1, 3, 3, 4]
    assert "tell-no-one" not in said
    assert said.count("\n") == 4
    assert all(line.startswith(f"{file}:") for line in said.splitlines())


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (said,) = check_rulebook(tmp_path / "none.yaml")
    assert "the rules file cannot be read: No such file or directory" in str(said)


def test_size(tmp_path: Path) -> None:
    base = TOP + "routes:\n  - endpoints: owner\n# "
    fits = base + "x" * (MAX_BYTES - len(base))
    assert shown(tmp_path, fits) == []
    assert shown(tmp_path, fits + "x") == [f"1: the rules file is too large (expected at most {MAX_BYTES} bytes)"]


def test_not_utf8(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_bytes(b"a: b\nc: \xff\n")
    assert [str(one) for one in check_rulebook(file)] == [f"{file}:2: this is not UTF-8 (save it as UTF-8)"]


@pytest.mark.parametrize(("count", "errors"), [(MAX_ENDPOINTS, 0), (MAX_ENDPOINTS + 1, 1)])
def test_the_number_of_endpoints(tmp_path: Path, count: int, errors: int) -> None:
    text = "endpoints:\n" + "".join(f"  e{number}: {{sink: memory}}\n" for number in range(count))
    found = check_rulebook(write(tmp_path, text + "default_route: e0\n"))
    assert len([one for one in found if one.level == "error"]) == errors


def test_the_schema_knows_every_key() -> None:
    schema = json_schema()
    assert set(schema["properties"]) == {"endpoints", "default_route", "mediation", "proxy", *OPTIONAL}
    assert schema["required"] == ["endpoints", "default_route"]
    assert set(schema["$defs"]["RouteModel"]["properties"]) == set(Route.__struct_encode_fields__)
    json.dumps(schema)


@given(st.text())
def test_any_text_is_a_rule_book_or_findings(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_bytes((TOP + text).encode("utf-8", "surrogatepass"))
    for finding in check_rulebook(file, {}):
        assert finding.line >= 1


def test_a_secret_from_a_fifo_hangs_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    [found] = shown(tmp_path, WEBHOOK.replace("{url}", URL).replace("{secret}", "secret_file: fifo"))
    assert found == f"5: the secret file {tmp_path / 'fifo'} cannot be read: it is not a regular file"


def test_a_sink_that_raises_anything_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(kind: str, settings: object) -> None:
        raise OverflowError(f"the settings were {SECRET}")

    monkeypatch.setattr("tocsin.streams.rulesfile.endpoints.make_sink", broken)
    assert shown(tmp_path, TOP)[0] == (
        "2: endpoint desk: the sink memory does not take its settings (OverflowError) (correct them)"
    )


@pytest.mark.parametrize(
    ("said", "language"),
    [("[fr, en]", ("fr", "en")), ("de-CH", ("de-CH",)), ("[]", ())],
    ids=["several", "one", "none"],
)
def test_the_language_of_an_endpoint(tmp_path: Path, said: str, language: tuple[str, ...]) -> None:
    text = f"endpoints:\n  desk: {{sink: memory, language: {said}}}\ndefault_route: desk\n"
    book = load_rulebook(write(tmp_path, text + f"tenants: {{acme: {{language: {said}}}}}\n"))
    assert (book.endpoints["desk"].language, book.tenants["acme"].language) == (language, language)


@pytest.mark.parametrize("said", ["'english, please'", "[fr, 5]", "{}", "[x]"])
def test_what_is_no_language_is_a_finding(tmp_path: Path, said: str) -> None:
    [finding, *_] = shown(tmp_path, f"endpoints:\n  desk: {{sink: memory, language: {said}}}\ndefault_route: desk\n")
    assert finding.startswith("2: ")


def test_what_is_redacted_for_whom(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        TOP + "redaction: {keep: card, members: [ssn]}\n"
        "tenants:\n  acme: {redaction: {keep: [jwt, card]}}\n  other: {}\n",
    )
    book, publisher = load_rulebook(file, {}), load_redactions(file)
    for redaction_of in (book.redaction_of, publisher):
        assert redaction_of("acme") == Redaction(keep=("jwt", "card"))
        assert redaction_of("other") == redaction_of("anybody") == Redaction(keep=("card",), members=("ssn",))
    assert load_redactions(None)("anybody") == Redaction()
    assert "should be 'bearer'" in shown(tmp_path, TOP + "redaction: {keep: [everything]}\n")[0]


HEADERS = """\
endpoints:
  owner:
    sink: webhook
    url: https://owner.example/hook
    secret: {secret}
    headers:
      X-Team: issuer
      Authorization: {value}
default_route: owner
"""


def test_a_header_may_stand_in_the_environment_or_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("Bearer hunter2\n")
    for value in ("{env: TOKEN}", "{file: token}", "Bearer hunter2"):
        path = tmp_path / "rules.yaml"
        path.write_text(HEADERS.format(secret=SECRET, value=value))
        book = load_rulebook(path, {"TOKEN": "Bearer hunter2"})
        settings = webhook(book, "owner")
        assert settings.headers == {"X-Team": "issuer", "Authorization": "Bearer hunter2"}, value
        assert "hunter2" not in f"{book!r} {settings!r} {book.endpoints['owner']}"


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("{env: NOT_THERE}", "8: the environment variable NOT_THERE is not set"),
        ("{file: not-there}", "8: the secret file"),
        ("{env: TWO_LINES}", "8: a header's value is one line of printable ASCII"),
        ("{file: large}", "8: the secret file"),
        ("{vault: x}", "8: "),
    ],
)
def test_a_header_that_cannot_be_sent_is_named_and_not_shown(tmp_path: Path, value: str, found: str) -> None:
    (tmp_path / "large").write_text("hunter2" * 1000)
    path = tmp_path / "rules.yaml"
    path.write_text(HEADERS.format(secret=SECRET, value=value))
    with pytest.raises(RulesFileError) as refused:
        load_rulebook(path, {"TWO_LINES": "hunter2\nX: y"})
    assert found in str(refused.value)
    assert "hunter2" not in str(refused.value)


BEHIND = """\
endpoints:
  outside: {sink: webhook, url: 'https://owner.example/hook', secret: SECRET}
  own: {sink: webhook, url: 'https://own.example/hook', secret: SECRET, proxy: 'https://other.example:3128'}
  direct: {sink: webhook, url: 'https://direct.example/hook', secret: SECRET, proxy: none}
  terminal: {sink: log}
default_route: outside
routes: [{endpoints: [own, direct, terminal]}]
proxy: PROXY
""".replace("SECRET", SECRET)


def test_the_proxy_of_the_file_holds_where_an_endpoint_names_none(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(BEHIND.replace("PROXY", "{url: 'http://10.0.0.9:4750', allow_private: true, user: {env: ME}}"))
    book = load_rulebook(path, {"ME": "tocsin"})
    shared = Proxy(url="http://10.0.0.9:4750", allow_private=True, user="tocsin")
    assert (webhook(book, "outside").proxy, book.proxy) == (shared, shared)
    assert webhook(book, "own").proxy == Proxy(url="https://other.example:3128")
    assert webhook(book, "direct").proxy == NO_PROXY


@pytest.mark.parametrize(
    ("proxy", "found"),
    [
        ("http://proxy.example:4750", ""),
        ("{url: 'http://proxy.example:4750', user: {env: ME}, password: {file: word}}", ""),
        ("http://10.0.0.9:4750", "endpoint outside, proxy: the address is not public; with allow_private it may be"),
        ("{url: 'http://proxy.example:4750', user: {env: NOT_THERE}}", "8: the environment variable NOT_THERE is not"),
        ("{url: 'http://proxy.example:4750', password: hunter2}", "8: proxy: a proxy with a password has a user"),
        ("http://me:hunter2@proxy.example:4750", "endpoint outside, proxy: has no credentials in its URL"),
        ("{uri: x}", "8: proxy.uri is not a key that there is"),
        ("7", "8: "),
    ],
)
def test_a_proxy_in_the_file(tmp_path: Path, proxy: str, found: str) -> None:
    (tmp_path / "word").write_text("hunter2\n")
    path = tmp_path / "rules.yaml"
    path.write_text(BEHIND.replace("PROXY", proxy))
    said = "\n".join(str(one) for one in check_rulebook(path, {"ME": "tocsin"}))
    assert found in said
    assert found or not said
    assert "hunter2" not in said
    if not found:
        assert "hunter2" not in repr(load_rulebook(path, {"ME": "tocsin"}))


def test_certificates_are_read_with_the_rules(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(WEBHOOK.replace("{url}", URL).replace("{secret}", f"secret: {SECRET}\n    ca_file: ca.pem"))
    pem = trustme.CA().cert_pem.bytes().decode()
    for text, found in {
        pem: "",
        pem[:200]: "6: a CA file holds certificates in PEM",
        "hello": "6: a CA file holds certificates in PEM",
        "": "6: the CA file",
    }.items():
        (tmp_path / "ca.pem").write_text(text)
        said = "\n".join(str(one) for one in check_rulebook(path))
        assert found in said
        assert found or not said
    (tmp_path / "ca.pem").unlink()
    assert "cannot be read" in str(check_rulebook(path))
