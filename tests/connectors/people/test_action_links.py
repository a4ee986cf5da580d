"""Links: what was signed is read back until it expires; nothing else is."""

from __future__ import annotations

import base64
import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OctKey
from msgspec.structs import replace

from tocsin.connectors.people.action_links import (
    ACTIONS,
    LIFETIME,
    PATH,
    ActionLinks,
    Answer,
    LinkExpired,
    LinkKeyUnusable,
    LinkRefused,
)

KEY, OTHER = "k" * 32, "o" * 32
NOW = 1_796_000_000_000_000
LINKS = ActionLinks("https://bus.example/tocsin/", [KEY])
ANSWER = Answer(tenant="acme", case="c-1", action="acknowledge", by="Ann", expires=NOW // 1_000_000 + 60)


def test_there_is_a_link_for_each_action_and_the_most_wanted_comes_first() -> None:
    made = LINKS.of("acme", "c-1", "Ann", NOW)
    assert [link.does for link in made] == list(ACTIONS)
    assert ACTIONS[0] == "acknowledge"
    for link in made:
        address, _, token = link.url.rpartition("/")
        assert f"{address}/" == f"https://bus.example/tocsin{PATH}"
        read = LINKS.read(token, NOW)
        assert read == Answer(
            tenant="acme", case="c-1", action=link.does, by="Ann", expires=NOW // 1_000_000 + LIFETIME
        )  # fmt: skip


def test_it_expires() -> None:
    token = LINKS.token(ANSWER)
    assert LINKS.read(token, NOW + 59_999_999) == ANSWER
    with pytest.raises(LinkExpired):
        LINKS.read(token, NOW + 60_000_000)


FROM_BEFORE = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
    "eyJhdWQiOiJ0b2NzaW46YWN0IiwiZXhwIjoxODAwNjAwMDAwLCJ0ZW4iOiJhY21lIiwic3ViIjoiYy0xIiwiYWN0IjoicmVzb2x2ZSIsImJ5Ijoi"
    "QW5uIn0.jgSV3vUSGi0RTg5eL-MOImPguwVodhAMNY1qIGqnZGA"
)
"""A token of the release before, which signed by another library."""


def test_a_link_that_the_release_before_sent_still_holds() -> None:
    sent = Answer(tenant="acme", case="c-1", action="resolve", by="Ann", expires=1_800_600_000)
    assert LINKS.read(FROM_BEFORE, NOW) == sent


def claims(**changes: object) -> dict[str, object]:
    usual = {"aud": "tocsin:act", "exp": ANSWER.expires, "ten": "acme", "sub": "c-1", "act": "resolve", "by": "Ann"}
    return {name: value for name, value in (usual | changes).items() if value is not None}


def signed(payload: dict[str, object], key: str = KEY, algorithm: str = "HS256") -> str:
    header, secret = {"alg": algorithm, "typ": "JWT"}, OctKey.import_key(key)
    return jws.serialize_compact(header, json.dumps(payload), secret, algorithms=[algorithm])


def unsigned(header: dict[str, str], payload: dict[str, object]) -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, payload))
    return ".".join([*parts, ""])


# none of these is a link of ours
FORGED: dict[str, str] = {
    "nothing": "",
    "no token": "hello",
    "three parts of nothing": "a.b.c",
    "much": "a" * 5000,
    "another key": signed(claims(), OTHER),
    "another algorithm": signed(claims(), KEY * 2, "HS512"),
    "no algorithm": unsigned({"alg": "none", "typ": "JWT"}, claims()),
    "for something else": signed(claims(aud="tocsin:api")),
    "for nothing": signed(claims(aud=None)),
    "without an end": signed(claims(exp=None)),
    "an end that is no time": signed(claims(exp="soon")),
    "without a case": signed(claims(sub=None)),
    "without a tenant": signed(claims(ten=None)),
    "a tenant that is none": signed(claims(ten=["acme"])),
    "an action that there is not": signed(claims(act="delete")),
}


@pytest.mark.parametrize("token", FORGED.values(), ids=list(FORGED))
def test_what_is_not_ours_is_refused(token: str) -> None:
    with pytest.raises(LinkRefused):
        LINKS.read(token, NOW)


@given(st.data())
def test_no_changed_token_says_anything_else(data: st.DataObject) -> None:
    token = LINKS.token(ANSWER)
    place = data.draw(st.integers(0, len(token) - 1))
    changed = token[:place] + data.draw(st.characters()) + token[place + 1 :]
    with contextlib.suppress(LinkRefused):
        assert LINKS.read(changed, NOW) == ANSWER  # the last character of base64 has bits that mean nothing


def test_a_rotation_signs_with_the_first_key_and_takes_all() -> None:
    rotated = ActionLinks("https://bus.example", [OTHER, KEY])
    assert rotated.read(LINKS.token(ANSWER), NOW) == ANSWER
    with pytest.raises(LinkRefused):
        LINKS.read(rotated.token(ANSWER), NOW)


@pytest.mark.parametrize("keys", [[], [""], ["k" * 31], [KEY, "short"]], ids=len)
def test_a_key_that_can_be_guessed_is_refused_and_not_quoted(keys: list[str]) -> None:
    with pytest.raises(LinkKeyUnusable, match="32 characters") as refusal:
        ActionLinks("https://bus.example", keys)
    assert "short" not in str(refusal.value)


def test_a_password_in_the_public_address_is_in_no_link() -> None:
    (link, *_) = ActionLinks("https://bus:s3cret@bus.example:8443/errors", [KEY]).of("acme", "c-1", "Ann", NOW)
    assert link.url.startswith(f"https://bus.example:8443/errors{PATH}")


def test_the_key_shows_nowhere() -> None:
    assert KEY not in repr(LINKS)
    assert KEY not in LINKS.token(replace(ANSWER, by=KEY[:5]))
