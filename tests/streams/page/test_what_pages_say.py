"""What stands on the pages of problems and on the first one, and that the JSON has the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.connectors.store.test_claimed import said
from tests.harness.projected import TIME
from tests.streams.ask.conftest import Gateway, fill, gateway_over
from tests.streams.page.elements import BROWSER, Elements
from tocsin.connectors.people.told import UNPROVEN
from tocsin.streams.page.wording import span, state, told_text


async def test_a_problem_says_who_was_told_and_where_the_case_stands(shown: Gateway) -> None:
    text = Elements((await shown.get("/v1/problems/p-1", accept=BROWSER)).text).text
    assert "owner: \u2714 delivered (2 attempts)" in text
    assert "1 report in this case" in text
    assert "Nobody so far." in Elements((await shown.get("/v1/problems/p-alone", accept=BROWSER)).text).text


@pytest.mark.parametrize("language", ["de", "en"])
async def test_a_problem_is_explained_in_the_readers_language(shown: Gateway, language: str) -> None:
    known = (await shown.get("/v1/problems/p-1?form=json", accept_language=language)).json["wording"]
    page = (await shown.get("/v1/problems/p-1", accept=BROWSER, accept_language=language)).text
    assert known["explanation"]["language"] == known["fix_hint"]["language"] == language
    assert known["explanation"]["text"] in Elements(page).text
    assert f'<p lang="{language}">' in page


async def test_a_filter_with_empty_fields_is_none_in_a_page_and_a_mistake_in_a_program(shown: Gateway) -> None:
    path = "/v1/problems?q=&code=&severity=&since="
    assert (await shown.get(path, accept=BROWSER)).status == 200
    assert (await shown.get(path, accept="application/json")).status == 400


async def test_a_list_is_sorted_by_a_member(shown: Gateway) -> None:
    up = [one.get("title", "") for one in (await shown.get("/v1/problems?sort=title")).json["items"]]
    down = [one.get("title", "") for one in (await shown.get("/v1/problems?sort=-title")).json["items"]]
    assert up == sorted(up, key=str.casefold) != down == sorted(down, key=str.casefold, reverse=True)
    refused = await shown.get("/v1/problems?sort=nothing")
    assert (refused.status, refused.json["parameter"], "title" in refused.json["expected"]) == (400, "sort", True)
    assert (await shown.get("/v1/home?sort=at")).status == 400


async def test_who_is_one_tenants_is_not_told_which_others_there_are(shown: Gateway) -> None:
    own = (await shown.get("/v1/home")).json
    assert (own["tenant"], "tenants" in own) == ("acme", False)
    every = (await shown.get("/v1/home?tenant=globex", shown.keyring.header("*"))).json
    assert (every["tenant"], every["tenants"]) == ("globex", ["acme", "globex"])
    assert "globex" not in (await shown.get("/v1/home", accept=BROWSER)).text


@pytest.mark.parametrize(
    "path", ["/v1/problems", "/v1/cases", "/v1/cases/f0", "/v1/home", "/v1/threads/t", "/v1/records/issuance/r"]
)
async def test_what_is_only_claimed_is_marked_wherever_it_is_listed(path: str, tmp_path: Path) -> None:
    """Of what is proven nothing is said."""
    forged = f"sqlite:///{tmp_path / 'forged.db'}"
    fill(forged, said("f0", TIME, "claimed"))
    async with gateway_over(forged) as gateway:
        assert UNPROVEN in Elements((await gateway.get(path, accept=BROWSER)).text).text
    proven = f"sqlite:///{tmp_path / 'proven.db'}"
    fill(proven, said("f0", TIME, "high"))
    async with gateway_over(proven) as gateway:
        assert UNPROVEN not in Elements((await gateway.get(path, accept=BROWSER)).text).text


@pytest.mark.parametrize(
    ("side", "says"), [("peer", ["the other"]), ("own", ["our own"]), (None, [])], ids=["the peer's", "ours", "?"]
)
async def test_a_problem_says_at_whose_side_it_was(side: str | None, says: list[str], tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'side.db'}"
    fill(address, said("f0", TIME, side=side))
    async with gateway_over(address) as gateway:
        page = (await gateway.get("/v1/problems/f0", accept=BROWSER)).text
    assert re.findall("<dt>side</dt><dd>(.*?)</dd>", page) == says


async def test_home_tells_what_pages_somebody_first(shown: Gateway) -> None:
    known = (await shown.get("/v1/home")).json
    assert [one["id"] for one in known["escalations"]] == ["case-1"]
    assert "case-1" not in [one["id"] for one in known["open"]]
    assert len(known["rates"]["total"]["minutes"]) == 60


@pytest.mark.parametrize(
    ("seconds", "says"),
    [(59, "59 s"), (3600, "1 h"), (29 * 86_400, "29 d"), (40 * 86_400, "1 mo"), (1111 * 86_400, "3 y")],
)
def test_a_span_of_time_is_said_in_its_largest_unit(seconds: int, says: str) -> None:
    assert span(seconds) == says


def test_the_state_before_the_first_message_is_the_start() -> None:
    assert [state(name) for name in ("null", "invited")] == ["start", "invited"]


def test_a_time_in_what_was_told_is_one_for_people() -> None:
    said = told_text({"outcome": "done", "detail": "Put off until 2026-11-30T17:11:21.445Z."})
    assert said == "Done. Put off until 2026-11-30 17:11:21 UTC."
