"""API keys: what is kept of one, who has one, and that a revoked one stays so."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from tests.harness.keys import Keyring
from tocsin.connectors.access import ApiKeys, Caller, CredentialRefused, RefusedFor, Scope, id_of_key, new_key
from tocsin.connectors.access.api_keys import TENANT_KEYS, shown_key
from tocsin.connectors.commands import key_set, revoked_key, rotated_key
from tocsin.connectors.dialects import Unreadable
from tocsin.schemas.codec import encode
from tocsin.schemas.events import CredentialKind, KeySet, KeyUsed

SECOND = 1_000_000
NOW = 1_800_000_000 * SECOND
WISH = {"name": "issuer", "scopes": ["publish"], "by": "ann"}


def made(**wish: Any) -> tuple[ApiKeys, KeySet, str]:
    event, new = key_set(WISH | wish, "acme", now=NOW)
    keys = ApiKeys()
    keys.learn(event)
    return keys, event, new.text


def why(keys: ApiKeys, text: str, now: int = NOW) -> str:
    with pytest.raises(CredentialRefused) as refused:
        keys.caller(text, now)
    assert not text or text not in repr(refused.value)
    return refused.value.reason.value


def test_who_has_it() -> None:
    keys, event, text = made(rate=7)
    assert keys.caller(text, NOW) == Caller(
        tenant="acme", scopes=frozenset({Scope.PUBLISH}), name="issuer", kind=CredentialKind.KEY, key=event.key, rate=7
    )


def test_nothing_that_is_kept_or_shown_has_the_secret_or_half_of_it() -> None:
    _, event, text = made()
    secret = text.split("_", 2)[2]
    kept = encode(event) + repr(event).encode() + msgspec.json.encode(shown_key(event, None))
    assert secret.encode() not in kept
    assert secret[:20].encode() not in kept
    assert event.digest == hashlib.sha256(text.encode()).hexdigest()
    assert event.digest not in str(shown_key(event, None))
    assert new_key().text not in repr(new_key())


def test_two_keys_have_nothing_in_common() -> None:
    one, other = new_key(), new_key()
    assert {one.id, one.text, one.digest}.isdisjoint({other.id, other.text, other.digest})
    assert len(one.text.split("_", 2)[2]) == 43  # 256 bits


WRONG = {
    "another secret": lambda text: text[:-1] + ("A" if text[-1] != "A" else "B"),
    "another id": lambda text: new_key().text,
    "only its beginning": lambda text: text[:19],
    "the secret alone": lambda text: text.split("_", 2)[2],
    "a space more": lambda text: text + " ",
    "in capitals": lambda text: text.upper(),
    "its digest": lambda text: hashlib.sha256(text.encode()).hexdigest(),
    "nothing": lambda text: "",
    "half a surrogate": lambda text: "\ud800",
    "a null character": lambda text: text + "\0",
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=list(WRONG))
def test_what_is_nearly_a_key_is_none(wrong: Any) -> None:
    keys, _, text = made()
    assert why(keys, wrong(text)) == "unknown"


def test_until_the_moment_when_it_ends() -> None:
    keys, event, text = made(**{"for": "1h"})
    assert event.expires_at == NOW + 3600 * SECOND
    assert keys.caller(text, event.expires_at - 1).tenant == "acme"
    assert why(keys, text, event.expires_at) == "expired"
    assert why(keys, text[:-1] + "~", event.expires_at) == "unknown"


def test_a_revoked_key_stays_so_whatever_comes_later() -> None:
    keys, event, text = made()
    keys.learn(revoked_key(event, "bob", now=NOW + 1))
    assert why(keys, text) == "revoked"
    keys.learn(replace(event, recorded_at=NOW + 2))
    keys.learn(KeyUsed(event_id="u", tenant="acme", occurred_at=NOW + 3, recorded_at=NOW + 3, key=event.key))
    assert why(keys, text) == "revoked"
    keys.forget(event.key)
    assert why(keys, text) == "unknown"


def test_a_rotated_one_holds_beside_the_old_one_and_as_long() -> None:
    keys, event, text = made(**{"for": "1h"}, rate=3)
    other, new = rotated_key(event, "bob", now=NOW + 10)
    keys.learn(other)
    assert keys.caller(text, NOW + 20).key == event.key
    assert keys.caller(new.text, NOW + 20) == replace(keys.caller(text, NOW + 20), key=other.key)
    assert (other.expires_at, other.cause, other.by) == (NOW + 10 + 3600 * SECOND, event.event_id, "bob")


def test_a_tenant_has_so_many_and_revoked_ones_do_not_count() -> None:
    keys, events = ApiKeys(), []
    for _ in range(TENANT_KEYS):
        event, _ = key_set(WISH, "acme", now=NOW)
        keys.learn(event)
        events.append(event)
    assert not keys.room_for("acme", NOW)
    assert keys.room_for("other", NOW)
    keys.learn(revoked_key(events[0], "ann", now=NOW))
    assert keys.room_for("acme", NOW)


def test_a_scope_of_a_later_release_gives_nothing() -> None:
    keys, event, text = made()
    keys.learn(replace(event, scopes=["publish", "everything"]))
    assert keys.caller(text, NOW).scopes == {Scope.PUBLISH}


# the scopes that a credential has, of every tenant or not -> what it may
MAY = {
    "publish": (("publish",), False, {"publish"}),
    "read and command": (("read", "command"), False, {"read", "command"}),
    "admin of a tenant": (("admin",), False, {"publish", "read", "command", "admin"}),
    "admin of every tenant": (("admin",), True, {"publish", "read", "command", "admin", "metrics"}),
    "metrics": (("metrics",), True, {"metrics"}),
    "metrics in a token of one tenant": (("read", "metrics"), False, {"read"}),
    "nothing": ((), True, set[str]()),
}


def a_caller(scopes: tuple[str, ...], every: bool, tenant: str = "acme") -> Caller:
    return Caller(
        tenant=tenant, scopes=frozenset(map(Scope, scopes)), name="", kind=CredentialKind.KEY, every_tenant=every
    )


@pytest.mark.parametrize(("scopes", "every", "may"), MAY.values(), ids=list(MAY))
def test_what_a_scope_covers(scopes: tuple[str, ...], every: bool, may: set[str]) -> None:
    assert {scope.value for scope in Scope if a_caller(scopes, every).may(scope)} == may


# who gives, and the scopes and tenant of what is given
GIVES: dict[str, tuple[Caller, tuple[Scope, ...], str, bool]] = {
    "an admin, of the own tenant": (a_caller(("admin",), False), (Scope.ADMIN, Scope.PUBLISH), "acme", True),
    "an admin, of another tenant": (a_caller(("admin",), False), (Scope.PUBLISH,), "other", False),
    "an admin, of every tenant": (a_caller(("admin",), False), (Scope.PUBLISH,), "*", False),
    "an admin, metrics": (a_caller(("admin",), False), (Scope.METRICS,), "acme", False),
    "the admin of all, of another tenant": (a_caller(("admin",), True), (Scope.ADMIN,), "other", True),
    "the admin of all, of every tenant": (a_caller(("admin",), True), (Scope.METRICS,), "*", True),
    "one who is no admin": (a_caller(("publish", "read"), False), (Scope.PUBLISH,), "acme", False),
}


@pytest.mark.parametrize(("caller", "scopes", "tenant", "may"), GIVES.values(), ids=list(GIVES))
def test_nobody_gives_more_than_they_have(caller: Caller, scopes: tuple[Scope, ...], tenant: str, may: bool) -> None:
    assert caller.may_give(scopes, tenant) is may


REFUSED = {
    "no scope": ({"scopes": []}, "/scopes"),
    "a scope that there is not": ({"scopes": ["write"]}, "/scopes/0"),
    "metrics of one tenant": ({"scopes": ["metrics"]}, "/scopes"),
    "no name": ({"name": ""}, "/name"),
    "a name of two lines": ({"name": "a\nb"}, "/name"),
    "a name without end": ({"name": "a" * 101}, "/name"),
    "no tenant": ({"tenant": "a b"}, "/tenant"),
    "a rate of nothing": ({"rate": 0}, "/rate"),
    "ended before": ({"until": "2001-01-01T00:00:00Z"}, "/until"),
    "two ends": ({"until": "2030-01-01T00:00:00Z", "for": "1h"}, "/for"),
    "nobody says so": ({"by": " "}, "/by"),
    "a key of their own": ({"digest": "00"}, ""),
}


@pytest.mark.parametrize(("wish", "pointer"), REFUSED.values(), ids=list(REFUSED))
def test_what_is_refused_is_named(wish: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Unreadable) as refused:
        key_set(WISH | wish, "acme", now=NOW)
    assert (refused.value.pointer or "").startswith(pointer)


def test_a_keyring_of_tests_makes_keys_that_hold() -> None:
    keyring = Keyring()
    text = keyring.text("*", "metrics")
    assert id_of_key(text)
    assert keyring.keys.caller(text, NOW).every_tenant
    assert RefusedFor(why(keyring.keys, text[:-1] + "!")) is RefusedFor.UNKNOWN
