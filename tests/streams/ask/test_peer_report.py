"""The conformance report of a peer: as JSON and as Markdown, in which a hostile peer can neither format nor link."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

from tests.streams.ask.conftest import Gateway
from tests.streams.ask.world import EVIL_PEER
from tocsin.connectors.dialects.rule_words import SOURCES, words_of_rule

ALL = "since=2020-01-01T00:00:00Z"
BOB, EVIL = f"/v1/peers/did:example:bob?{ALL}", f"/v1/peers/{quote(EVIL_PEER, safe='')}?{ALL}"


async def test_the_peers_and_where_their_report_is(asked: Gateway) -> None:
    items = {one["peer"]: one for one in (await asked.get(f"/v1/peers?{ALL}")).json["items"]}
    assert {name: one["count"] for name, one in items.items()} == {"did:example:bob": 1, EVIL_PEER: 2}
    for one in items.values():
        assert (await asked.get(f"{one['links']['self']}?{ALL}")).json["violations"]
    assert (await asked.get("/v1/peers")).json["items"] == [], "nothing in the last thirty days"


async def test_the_report_for_programs(asked: Gateway) -> None:
    answer = await asked.get(BOB)
    report = answer.json
    assert (answer.headers["content-type"], report["peer"]) == ("application/json", "did:example:bob")
    (broken,) = report["violations"]
    assert (broken["rule"], broken["pointer"], broken["count"]) == ("code-not-lower-case", "/body/code", 1)
    assert broken["expected"] == words_of_rule("code-not-lower-case")
    assert broken["specification"]["url"] == SOURCES["didcomm-2.0"][1]
    assert (broken["first_at"], broken["last_at"]) == ("2023-11-14T22:13:20.000Z", "2023-11-14T22:13:20.000Z")
    assert broken["example"]


async def test_the_report_for_people(asked: Gateway) -> None:
    answer = await asked.get(BOB, accept="text/markdown")
    assert answer.headers["content-type"].startswith("text/markdown")
    assert answer.text.startswith("# Problem reports of `did:example:bob`\n")
    assert "| `code-not-lower-case` | `didcomm-2.0` | 1 |" in answer.text
    assert f"[{SOURCES['didcomm-2.0'][0]}]({SOURCES['didcomm-2.0'][1]})" in answer.text
    assert (await asked.get(f"{BOB}&form=markdown")).text.splitlines()[0] == answer.text.splitlines()[0]


async def test_a_peer_that_breaks_nothing(shown: Gateway) -> None:
    assert (await shown.get("/v1/peers/c-many")).json["violations"] == []
    assert "No rule was broken." in (await shown.get("/v1/peers/c-many?form=markdown")).text


async def test_a_peer_that_nobody_knows(shown: Gateway) -> None:
    for form in ("json", "markdown"):
        answer = await shown.get(f"/v1/peers/did:example:nobody?form={form}")
        assert (answer.status, answer.json["type"]) == (404, "urn:tocsin:problem:not-known")


@pytest.mark.parametrize("form", ["xml", "raw", "rfc9457"])
async def test_a_form_that_it_does_not_have(shown: Gateway, form: str) -> None:
    answer = await shown.get(f"{BOB}&form={form}")
    assert (answer.status, set(answer.json["forms"])) == (406, {"json", "markdown", "html"})


async def test_hostile_text_can_neither_format_nor_link(shown: Gateway) -> None:
    """A canonical document names the rules that it breaks itself, so their names are a stranger's as well."""
    answer = await shown.get(EVIL, accept="text/markdown")
    assert answer.status == 200
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", answer.text)
    prose = [line for line in answer.text.split("\n") if not line.startswith("    ")]
    bare = [re.sub(r"`[^`]*`", "CODE", line) for line in prose]
    assert not [line for line in bare if re.search(r"<|javascript|alert|evil", line)]
    assert all(line.count("`") % 2 == 0 for line in prose)
    links = {found for line in bare for found in re.findall(r"\]\(([^)]*)\)", line)}
    assert links <= {url for _, url in SOURCES.values()}
    headings = [line for line in bare if line.startswith("#")]
    assert all(re.fullmatch(r"#{1,2} (Problem reports of CODE|CODE)", line) for line in headings), headings
    rows = [line for line in bare if line.startswith("|")]
    assert {line.count("|") for line in rows} == {6}


async def test_the_example_has_no_values(shown: Gateway) -> None:
    """Values of items are what an error is about: `?`."""
    report = (await shown.get(EVIL)).json
    examples = [one["example"] for one in report["violations"]]
    assert all(item["value"] == "?" for example in examples for item in example.get("items", []))
    assert any(example.get("items") for example in examples)
