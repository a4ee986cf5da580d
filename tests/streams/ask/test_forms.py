"""A problem in the form that is asked for: by Accept, by `form`, and what is said when there is no such form."""

from __future__ import annotations

import json

import pytest

from tests.streams.ask.conftest import Gateway

PROBLEM, JSON, PAGE = "application/problem+json", "application/json", "text/html"
DIDCOMM = "application/didcomm-plain+json"

ACCEPTED: dict[str, tuple[str | None, str]] = {
    "nothing is said": (None, PROBLEM),
    "anything": ("*/*", PROBLEM),
    "a browser": ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", PAGE),
    "JSON": ("application/json", JSON),
    "the higher q": ("application/json;q=0.5, text/html;q=0.6", PAGE),
    "the higher q, said first": ("text/html;q=0.6, application/json;q=0.5", PAGE),
    "equal q: the one that we prefer": ("text/html, application/problem+json", PROBLEM),
    "a part's wildcard": ("text/*", PAGE),
    "the specific one outweighs the wildcard": ("*/*;q=0.1, application/json;q=0.9", JSON),
    "what is excluded is not sent": ("application/problem+json;q=0, */*", JSON),
    "a wildcard that excludes the rest": ("*/*;q=0, application/json", JSON),
    "upper case and white space": (" APPLICATION/JSON ; Q=1 ", JSON),
    "a q beyond one is one": ("text/html;q=7, application/json;q=0.9", PAGE),
    "a q that is no number excludes": ("text/html;q=nan, application/json;q=0.1", JSON),
    "a q that is no number, of what we prefer": ("application/problem+json;q=nan, application/json;q=0.1", JSON),
    "a q that is nothing excludes": ("text/html;q=, application/json;q=0.1", JSON),
    "a q that is a word excludes": ("text/html;q=much, application/json;q=0.1", JSON),
    "a media type of DIDComm": (DIDCOMM, DIDCOMM),
    "more ranges than are looked at": (",".join(["a/b"] * 31 + ["text/html"] + ["application/json"] * 9), PAGE),
}


@pytest.mark.parametrize(("accept", "media_type"), ACCEPTED.values(), ids=ACCEPTED)
async def test_the_form_that_is_accepted(shown: Gateway, accept: str | None, media_type: str) -> None:
    headers = dict(shown.acme) if accept is None else {**shown.acme, "accept": accept}
    answer = await shown.get("/v1/problems/p-1", headers)
    assert (answer.status, answer.headers["content-type"].partition(";")[0]) == (200, media_type)
    assert answer.headers["vary"] == "accept, accept-language, authorization, cookie"


NOT_ACCEPTED = {
    "another media type": "image/png",
    "everything excluded": "*/*;q=0",
    "no media type": "what",
    "nothing but a comma": ",",
}


@pytest.mark.parametrize("accept", NOT_ACCEPTED.values(), ids=NOT_ACCEPTED)
async def test_no_form_that_is_accepted(shown: Gateway, accept: str) -> None:
    answer = await shown.get("/v1/problems/p-1", accept=accept)
    assert (answer.status, answer.json["type"]) == (406, "urn:tocsin:problem:not-sayable")
    assert answer.json["forms"]["json"] == JSON


FORMS = {
    "rfc9457": (PROBLEM, "status"), "json": (JSON, "deliveries"), "didcomm-2.0": (DIDCOMM, "body"),
    "aries-1.0": ("application/json", "description"), "canonical": ("application/json", "code_key"),
}  # fmt: skip


@pytest.mark.parametrize(("form", "expected"), FORMS.items(), ids=FORMS)
async def test_the_form_that_is_named(shown: Gateway, form: str, expected: tuple[str, str]) -> None:
    answer = await shown.get(f"/v1/problems/p-1?form={form}", accept="image/png")
    assert answer.status == 200
    assert (expected[1] in answer.json) or form == "rfc9457"
    assert answer.headers["link"] == '</v1/problems/p-1>; rel="self"'


async def test_every_dialect_that_is_offered_can_be_had(shown: Gateway) -> None:
    """The forms of a refusal are those that are answered, for a problem that not every dialect can say."""
    refused = await shown.get("/v1/problems/p-alone?form=didcomm-2.0")
    assert (refused.status, refused.json["type"]) == (406, "urn:tocsin:problem:not-sayable")
    assert "didcomm-2.0" not in refused.json["forms"]
    assert {"rfc9457", "json", "html"} <= set(refused.json["forms"])
    for form in refused.json["forms"]:
        assert (await shown.get(f"/v1/problems/p-alone?form={form}")).status == 200, form


async def test_the_rfc_document_has_its_instance(shown: Gateway) -> None:
    document = (await shown.get("/v1/problems/p-1")).json
    assert document["instance"] == "/v1/problems/p-1"


async def test_raw_is_what_came_and_no_page_of_ours(shown: Gateway) -> None:
    answer = await shown.get("/v1/problems/p-1?form=raw")
    assert answer.body == b"Bob did not say where to"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == "attachment"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("query", ["form=pdf", "form=", "form=json&form=html", "form=JSON"])
async def test_a_form_that_there_is_not(shown: Gateway, query: str) -> None:
    answer = await shown.get(f"/v1/problems/p-1?{query}")
    assert (answer.status, "raw" in answer.json["forms"]) == (406, True)


async def test_what_the_client_has_is_not_sent_again(shown: Gateway) -> None:
    first = await shown.get("/v1/problems/p-1?form=json")
    tag = first.headers["etag"]
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = await shown.get("/v1/problems/p-1?form=json", if_none_match=known)
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag), known
    other = await shown.get("/v1/problems/p-1?form=html", if_none_match=tag)
    assert other.status == 200, "the tag is that of one form"
    assert (await shown.get("/v1/problems/p-1?form=json", if_none_match='"other"')).status == 200


async def test_all_that_is_known_of_a_problem(asked: Gateway) -> None:
    known = (await asked.get("/v1/problems/p-1?form=json")).json
    assert (known["id"], known["tenant"], known["decision"], known["case"]["status"]) == (
        "p-1", "acme", "opened", "open",
    )  # fmt: skip
    assert known["problem"]["code"] == "e.p.xfer.cant-use-endpoint"
    assert known["context"]["state"] == "offer-sent"
    assert [(one["endpoint"], len(one["attempts"])) for one in known["deliveries"]] == [("owner", 2)]
    assert [one["outcome"] for one in known["deliveries"][0]["attempts"]] == ["retry_later", "delivered"]
    assert json.dumps(known).find("globex") == -1
