"""The catalogue over HTTP: languages, ETags, and codes that are hard to put into a path."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tocsin.connectors.catalogue import Catalogue

from .conftest import Gateway

SHA256 = Catalogue.load().sha256

# path, Accept-Language, the entry's code, match, language, title
ANSWERS = {
    "its own code": ("e.p.trust", "en", "e.p.trust", "exact", "en", "Failed to achieve required trust"),
    "a region of a language": ("e.p.trust", "ko-KR, en;q=0.3", "e.p.trust", "exact", "ko", "필요한 신뢰를 얻지 못함"),
    "a language we do not have": ("404", "fi", "404", "exact", "en", "Not found"),
    "no language": ("-32700", None, "-32700", "exact", "en", "Parse error"),
    "another spelling": (
        "e.p.cryto.dejavu", "es", "e.p.crypto.message.dejavu", "alias", "es", "El mismo mensaje cifrado otra vez",
    ),
    "more than is known": (
        "RecordsReadReturnedMultiple", "fr", "RecordsRead", "prefix", "fr", "Enregistrement impossible à lire",
    ),
    "a PIURI in the code": (
        "e.p.msg.https://didcomm.org/routing/2.0/forward", "de", "e.m.msg", "prefix", "de", "Fehlerhafte Nachricht",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("asked", "wanted", "code", "match", "language", "title"), ANSWERS.values(), ids=ANSWERS)
async def test_one_code(
    gateway: Gateway, asked: str, wanted: str | None, code: str, match: str, language: str, title: str
) -> None:
    headers = {} if wanted is None else {"accept-language": wanted}
    async with gateway.http.get(f"/v1/codes/{quote(asked, safe='')}", headers=headers) as answer:
        document = await answer.json()
    assert answer.status == 200
    assert (answer.headers["content-language"], answer.headers["vary"]) == (language, "Accept-Language")
    assert answer.headers["etag"] == f'"{SHA256}-{language}"'
    assert document["asked"] == asked
    assert (document["code"], document["match"], document["language"], document["title"]) == (
        code, match, language, title,
    )  # fmt: skip
    assert document["fix_hint"]
    assert document["source"]["address"].startswith("https://")


@pytest.mark.parametrize("code", ["e.p.fnord", "", "x" * 3000, "%00", "%0d%0aset-cookie:x"])
async def test_an_unknown_code(gateway: Gateway, code: str) -> None:
    async with gateway.http.get(f"/v1/codes/{code}") as answer:
        document = await answer.json(content_type="application/problem+json")
    assert (answer.status, document["status"]) == (404, 404)
    assert document["type"] == "urn:tocsin:problem:not-found"
    assert "fnord" not in document["detail"]


async def test_the_whole_catalogue(gateway: Gateway) -> None:
    async with gateway.http.get("/v1/codes", headers={"accept-language": "fr-CA"}) as answer:
        document = await answer.json()
    assert (answer.status, answer.content_type, document["catalogue"]) == (200, "application/json", SHA256)
    assert (answer.headers["content-language"], document["language"]) == ("fr", "fr")
    assert len(document["codes"]) == len(Catalogue.load().entries)
    assert all(entry["title"] and entry["retry_advice"] and entry["who_can_fix"] for entry in document["codes"])


@pytest.mark.parametrize("path", ["/v1/codes", "/v1/codes/e.p.trust"])
@pytest.mark.parametrize(
    ("held", "status"),
    [
        (f'"{SHA256}-en"', 304),
        (f'W/"{SHA256}-en"', 304),
        (f'"old", "{SHA256}-en"', 304),
        ("*", 304),
        (f'"{SHA256}-de"', 200),
        ('"old"', 200),
        (SHA256, 200),
    ],
    ids=["held", "held weakly", "one of two", "anything", "another language", "old", "not quoted"],
)
async def test_what_is_held_is_not_sent_again(gateway: Gateway, path: str, held: str, status: int) -> None:
    async with gateway.http.get(path, headers={"if-none-match": held}) as answer:
        body = await answer.read()
    assert (answer.status, body == b"") == (status, status == 304)
    assert (answer.headers["etag"], answer.headers["vary"]) == (f'"{SHA256}-en"', "Accept-Language")


async def test_the_code_is_no_metric_label(gateway: Gateway) -> None:
    for code in ("e.p.trust", "e.p.fnord"):
        await gateway.http.get(f"/v1/codes/{code}")
    async with gateway.http.get("/metrics") as answer:
        text = await answer.text()
    assert "e.p." not in text


async def test_openapi_has_both(gateway: Gateway) -> None:
    async with gateway.http.get("/openapi.json") as answer:
        paths = (await answer.json())["paths"]
    assert "application/problem+json" in paths["/v1/codes/{code}"]["get"]["responses"]["404"]["content"]
    assert "/v1/codes" in paths
