"""Tokens: whom they let in, and every known way to make one that should not (RFC 8725)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("joserfc", reason="pip install 'tocsin[gateway]'")
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from tocsin.connectors.access import CredentialRefused, KeysUnusable, Scope, TokenKeys, TokenRules, caller_of_token
from tocsin.connectors.access.tokens import MAX_TOKEN
from tocsin.schemas.events import CredentialKind

NOW = 1_800_000_000
RULES = TokenRules(issuer="https://login.example", audience="tocsin")
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
EC = ECKey.generate_key("P-256", {"kid": "ec"})
ED = OKPKey.generate_key("Ed25519", {"kid": "ed"})
THEIRS = RSAKey.generate_key(2048, {"kid": "rsa"})
CLAIMS: dict[str, Any] = {
    "iss": "https://login.example", "aud": "tocsin", "exp": NOW + 60, "sub": "agent-7", "tenant": "acme",
    "scope": "openid publish tocsin:read",
}  # fmt: skip


def key_set(*keys: Any, **more: object) -> TokenKeys:
    listed = [key.as_dict(private=False) | more for key in keys or (RSA, EC, ED)]
    return TokenKeys(json.dumps({"keys": listed}).encode())


def part(value: object) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def token(claims: object = None, key: Any = RSA, alg: str = "RS256", **header: object) -> str:
    payload = json.dumps(CLAIMS if claims is None else claims)
    return jws.serialize_compact({"alg": alg, "kid": key.kid, **header}, payload, key, algorithms=[alg])


def forged(header: dict[str, object], sign: Callable[[bytes], bytes], claims: object = None) -> str:
    signed = f"{part(header)}.{part(CLAIMS if claims is None else claims)}"
    return f"{signed}.{part(sign(signed.encode()))}"


def hmac_with(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda signed: hmac.new(secret, signed, hashlib.sha256).digest()


def why(text: str, keys: TokenKeys | None = None, rules: TokenRules = RULES, now: float = NOW) -> str:
    with pytest.raises(CredentialRefused) as refused:
        caller_of_token(text, keys or key_set(), rules, now)
    return refused.value.reason.value


@pytest.mark.parametrize(("key", "alg"), [(RSA, "RS256"), (EC, "ES256"), (ED, "Ed25519")], ids=["RSA", "EC", "Ed25519"])
def test_whom_it_lets_in(key: Any, alg: str) -> None:
    caller = caller_of_token(token(key=key, alg=alg), key_set(), RULES, NOW)
    assert (caller.tenant, caller.scopes) == ("acme", frozenset({Scope.PUBLISH, Scope.READ}))
    assert (caller.name, caller.kind, caller.every_tenant) == ("agent-7", CredentialKind.TOKEN, False)


PUBLIC = RSA.as_pem(private=False)
ATTACKS: dict[str, tuple[str, str]] = {
    "alg none": (forged({"alg": "none", "kid": "rsa"}, lambda _: b""), "bad_algorithm"),
    "alg NONE, with a signature": (forged({"alg": "nOnE", "kid": "rsa"}, lambda _: b"x"), "bad_algorithm"),
    "no alg": (forged({"kid": "rsa"}, lambda _: b"x"), "bad_algorithm"),
    "alg is a list": (forged({"alg": ["RS256"], "kid": "rsa"}, lambda _: b"x"), "bad_algorithm"),
    "the public key as a secret": (forged({"alg": "HS256", "kid": "rsa"}, hmac_with(PUBLIC)), "bad_algorithm"),
    "the public key as a secret, said to be RSA": (
        forged({"alg": "RS256", "kid": "rsa"}, hmac_with(PUBLIC)), "bad_signature",
    ),
    "another's key under our kid": (token(key=THEIRS), "bad_signature"),
    "a key in its header": (token(key=THEIRS, jwk=THEIRS.as_dict(private=False)), "bad_signature"),
    "a key under an address in its header": (token(key=THEIRS, jku="https://evil.example/k"), "bad_signature"),
    "a kid that is a path": (token(key=THEIRS, kid="../../dev/null"), "unknown_key"),
    "a kid that is SQL": (token(key=THEIRS, kid="x' UNION SELECT 'k"), "unknown_key"),
    "a kid that is no text": (forged({"alg": "RS256", "kid": 7}, lambda _: b"x"), "malformed"),
    "a kid of a key of another kind": (forged({"alg": "ES256", "kid": "rsa"}, lambda _: b"x" * 64), "unknown_key"),
    "crit": (forged({"alg": "RS256", "kid": "rsa", "crit": ["exp"]}, lambda _: b"x"), "malformed"),
    "its claims changed": (
        ".".join([token().split(".")[0], part(CLAIMS | {"tenant": "other"}), token().split(".")[2]]), "bad_signature",
    ),
    "its signature left out": (token().rpartition(".")[0] + ".", "bad_signature"),
    "of another issuer": (token(CLAIMS | {"iss": "https://evil.example"}), "wrong_issuer"),
    "of our issuer and a slash": (token(CLAIMS | {"iss": "https://login.example/"}), "wrong_issuer"),
    "for somebody else": (token(CLAIMS | {"aud": "other"}), "wrong_audience"),
    "for somebody whose name has ours in it": (token(CLAIMS | {"aud": "tocsin-other"}), "wrong_audience"),
    "for nobody": (token({name: value for name, value in CLAIMS.items() if name != "aud"}), "wrong_audience"),
    "expired": (token(CLAIMS | {"exp": NOW - 30}), "expired"),
    "without an end": (token({name: value for name, value in CLAIMS.items() if name != "exp"}), "malformed"),
    "an end that is a text": (token(CLAIMS | {"exp": str(NOW + 60)}), "malformed"),
    "an end that is true": (token(CLAIMS | {"exp": True}), "malformed"),
    "an end without end": (token(CLAIMS | {"exp": 1e300}), "malformed"),
    "not yet": (token(CLAIMS | {"nbf": NOW + 31}), "not_yet_valid"),
    "of every tenant": (token(CLAIMS | {"tenant": "*"}), "no_tenant"),
    "of no tenant": (token(CLAIMS | {"tenant": ""}), "no_tenant"),
    "of two tenants": (token(CLAIMS | {"tenant": ["acme", "other"]}), "no_tenant"),
    "claims that are a list": (token([CLAIMS]), "malformed"),
    "huge": ("a." * 2 + "a" * MAX_TOKEN, "too_long"),
    "two parts": ("a.b", "malformed"),
    "a header that is no JSON": ("YQ.YQ.YQ", "malformed"),
    "a header as deep as a well": (f"{part(b'[' * 3000)}.YQ.YQ", "malformed"),
    "five parts, as an encrypted one": (token() + ".a.a", "malformed"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), ATTACKS.values(), ids=list(ATTACKS))
def test_whom_it_does_not_let_in(text: str, reason: str) -> None:
    assert why(text) == reason


def test_the_leeway_and_one_second_more() -> None:
    assert caller_of_token(token(CLAIMS | {"exp": NOW - 29}), key_set(), RULES, NOW).tenant == "acme"
    assert caller_of_token(token(CLAIMS | {"nbf": NOW + 30}), key_set(), RULES, NOW).tenant == "acme"


def test_an_algorithm_that_is_not_configured_is_refused_though_the_key_is_there() -> None:
    only = TokenRules(issuer=RULES.issuer, audience=RULES.audience, algorithms=("EdDSA",))
    assert why(token(), rules=only) == "bad_algorithm"


def test_without_a_kid_only_a_key_that_is_alone_of_its_kind() -> None:
    header = {"alg": "RS256", "typ": "JWT"}
    text = jws.serialize_compact(header, json.dumps(CLAIMS), RSA, algorithms=["RS256"])
    assert caller_of_token(text, key_set(RSA, EC), RULES, NOW).tenant == "acme"
    assert why(text, key_set(RSA, THEIRS)) == "unknown_key"


def test_claims_of_other_names_and_scopes_in_a_list() -> None:
    rules = TokenRules(issuer=RULES.issuer, audience=RULES.audience, tenant_claim="org", scope_claim="roles")
    said = CLAIMS | {"org": "globex", "roles": ["admin", 7, "tocsin:command"], "aud": ["x", "tocsin"]}
    caller = caller_of_token(token(said), key_set(), rules, NOW)
    assert (caller.tenant, caller.scopes) == ("globex", frozenset({Scope.ADMIN, Scope.COMMAND}))


UNUSABLE = {
    "no JSON": b"<html>",
    "no keys": b'{"keys": []}',
    "a list": b"[]",
    "only a secret": json.dumps({"keys": [OctKey.generate_key(256).as_dict(private=True)]}).encode(),
    "only a short RSA key": json.dumps({"keys": [{"kty": "RSA", "e": "AQAB", "n": part(b"\xc1" * 128)}]}).encode(),
    "only one to encrypt with": json.dumps({"keys": [RSA.as_dict(private=False) | {"use": "enc"}]}).encode(),
    "keys that are none": b'{"keys": [1, {"kty": "RSA"}, {"kty": "EC", "crv": "P-256", "x": "!", "y": "!"}]}',
    "too much": b'{"keys": [' + b" " * 300_000 + b"]}",
}


@pytest.mark.parametrize("document", UNUSABLE.values(), ids=list(UNUSABLE))
def test_a_set_that_has_no_usable_key(document: bytes) -> None:
    with pytest.raises(KeysUnusable):
        TokenKeys(document)


def test_a_private_key_in_the_set_is_taken_as_a_public_one() -> None:
    keys = TokenKeys(json.dumps({"keys": [RSA.as_dict(private=True)]}).encode())
    found: Any = keys.find("rsa", "RS256")
    assert not found.is_private


def test_ed25519_by_its_older_name() -> None:
    header, payload = part({"alg": "EdDSA", "kid": "ed"}), part(CLAIMS)
    private: Any = ED.private_key
    signature = private.sign(f"{header}.{payload}".encode())
    assert caller_of_token(f"{header}.{payload}.{part(signature)}", key_set(), RULES, NOW).tenant == "acme"
