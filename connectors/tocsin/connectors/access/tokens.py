"""JSON Web Tokens (RFC 7519) as credentials, checked as RFC 8725 says.

The algorithms are fixed by configuration and all asymmetric; the key comes from the configured set alone, and must be
of the kind that its algorithm needs: neither `none` nor a public key as an HMAC secret gets anybody in. What a token's
header says of keys besides `kid` (`jwk`, `jku`, `x5u`) is never looked at, and one with `crit` is refused.
"""

from __future__ import annotations

import base64
import binascii
import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from tocsin.connectors.access.caller import Caller, CredentialRefused, RefusedFor, scopes_of
from tocsin.connectors.publish.reporting import TENANT
from tocsin.schemas.errors import TocsinError
from tocsin.schemas.events import CredentialKind

ALGORITHMS: Mapping[str, tuple[str, str | None]] = {
    "RS256": ("RSA", None), "RS384": ("RSA", None), "RS512": ("RSA", None),
    "PS256": ("RSA", None), "PS384": ("RSA", None), "PS512": ("RSA", None),
    "ES256": ("EC", "P-256"), "ES384": ("EC", "P-384"), "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"), "Ed25519": ("OKP", "Ed25519"),
}  # fmt: skip
"""What may be configured -> the type and the curve of its keys."""

MAX_TOKEN = 8 * 1024
"""Characters of a token."""
MAX_KEYS = 100
MAX_SET = 256 * 1024
"""Bytes of a set of keys."""
MIN_RSA_BITS = 2048
MAX_SUBJECT = 100
"""Characters of a subject that are kept as the name of who asks."""
SCOPE_PREFIX = "tocsin:"
"""What a scope of ours may begin with, where an issuer has scopes of others too."""


class TokenRules(Struct, frozen=True, kw_only=True):
    """What a token must say. `leeway` is in seconds; claims are names of members."""

    issuer: str
    audience: str
    algorithms: tuple[str, ...] = ("RS256", "ES256", "EdDSA", "Ed25519")
    tenant_claim: str = "tenant"
    scope_claim: str = "scope"
    leeway: float = 30.0


class KeysUnusable(TocsinError):
    """A JWK set (RFC 7517) that is none, or has no usable key."""


class TokenKeys:
    """The public keys of an issuer. Keys for encryption, secrets, and what is none are left out."""

    def __init__(self, document: bytes) -> None:
        """`document` is a JWK set. Raises KeysUnusable."""
        from joserfc import jwk  # of an extra, and slow to import: only where tokens are configured
        from joserfc.errors import JoseError

        try:
            found = json.loads(document) if len(document) <= MAX_SET else None
            listed = found["keys"] if isinstance(found, dict) else None
        except (ValueError, KeyError, RecursionError):
            listed = None
        if not isinstance(listed, list):
            raise KeysUnusable("it is no JWK set, a JSON object with `keys`, of at most 256 KiB")
        self._keys: list[tuple[dict[str, Any], Any]] = []
        for said in listed[:MAX_KEYS]:
            if not isinstance(said, dict) or said.get("kty") not in ("RSA", "EC", "OKP") or said.get("use") == "enc":
                continue
            if said["kty"] == "RSA" and len(str(said.get("n"))) < MIN_RSA_BITS // 6:  # base64url has 6 bits a character
                continue
            try:
                key = jwk.import_key({name: value for name, value in said.items() if name in _PUBLIC})
            except (JoseError, ValueError, TypeError, KeyError):
                continue
            self._keys.append((said, key))
        if not self._keys:
            raise KeysUnusable("it has no key that signs: RSA of 2048 bits or more, EC or Ed25519")

    def find(self, kid: str | None, algorithm: str) -> Any | None:
        """The key for a token's header; without `kid` only if there is just one of the kind."""
        kty, crv = ALGORITHMS[algorithm]
        fit = [
            key for said, key in self._keys
            if said["kty"] == kty and (crv is None or said.get("crv") == crv)
            and said.get("alg") in (None, algorithm) and (kid is None or said.get("kid") == kid)
        ]  # fmt: skip
        return fit[0] if len(fit) == 1 else None


_PUBLIC = frozenset({"kty", "crv", "x", "y", "n", "e"})


def caller_of_token(token: str, keys: TokenKeys, rules: TokenRules, now: float) -> Caller:
    """Who has this token; `now` in seconds. Raises CredentialRefused."""
    from joserfc import jws
    from joserfc.errors import JoseError, SecurityWarning

    header = _header(token, rules)
    key = keys.find(header.get("kid"), header["alg"])
    if key is None:
        raise CredentialRefused(RefusedFor.UNKNOWN_KEY)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)  # EdDSA has another name since RFC 9864
            claims = json.loads(jws.deserialize_compact(token, key, algorithms=[header["alg"]]).payload or b"")
    except (JoseError, ValueError, TypeError, RecursionError):
        raise CredentialRefused(RefusedFor.BAD_SIGNATURE) from None
    if not isinstance(claims, dict):
        raise CredentialRefused(RefusedFor.MALFORMED)
    _check_claims(claims, rules, now)
    tenant = claims.get(rules.tenant_claim)
    if not isinstance(tenant, str) or not TENANT.fullmatch(tenant):
        raise CredentialRefused(RefusedFor.NO_TENANT)
    subject = claims.get("sub")
    return Caller(
        tenant=tenant,
        scopes=scopes_of(name.removeprefix(SCOPE_PREFIX) for name in _words(claims.get(rules.scope_claim))),
        name=subject[:MAX_SUBJECT] if isinstance(subject, str) else "",
        kind=CredentialKind.TOKEN,
    )


def _header(token: str, rules: TokenRules) -> dict[str, Any]:
    """The header, whose algorithm is one of those that are allowed."""
    if len(token) > MAX_TOKEN:
        raise CredentialRefused(RefusedFor.TOO_LONG)
    parts = token.split(".")
    try:
        if len(parts) != 3:
            raise ValueError
        header = json.loads(base64.b64decode(parts[0] + "=" * (-len(parts[0]) % 4), b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        raise CredentialRefused(RefusedFor.MALFORMED) from None
    if not isinstance(header, dict) or "crit" in header or not isinstance(header.get("kid", ""), str):
        raise CredentialRefused(RefusedFor.MALFORMED)
    if header.get("alg") not in rules.algorithms or header["alg"] not in ALGORITHMS:
        raise CredentialRefused(RefusedFor.BAD_ALGORITHM)
    return header


def _check_claims(claims: Mapping[str, Any], rules: TokenRules, now: float) -> None:
    if claims.get("iss") != rules.issuer:
        raise CredentialRefused(RefusedFor.WRONG_ISSUER)
    audience = claims.get("aud")
    if rules.audience not in (audience if isinstance(audience, list) else [audience]):
        raise CredentialRefused(RefusedFor.WRONG_AUDIENCE)
    expires, begins = _time(claims, "exp"), _time({"nbf": 0} | dict(claims), "nbf")
    if now >= expires + rules.leeway:
        raise CredentialRefused(RefusedFor.EXPIRED)
    if now < begins - rules.leeway:
        raise CredentialRefused(RefusedFor.NOT_YET_VALID)


def _time(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 2**53:
        raise CredentialRefused(RefusedFor.MALFORMED)  # one without an end would hold for ever
    return value


def _words(value: object) -> Sequence[str]:
    if isinstance(value, str):
        return value.split()
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
