"""Secrets of webhooks: which sign, which verify, and what is said of those that do neither."""

from __future__ import annotations

import base64
import builtins
from typing import Any

import pytest

from tocsin.connectors.webhooks import (
    RefusalReason,
    SignatureRefused,
    for_receivers,
    new_key_pair,
    new_secret,
    sign,
    signing_key,
    verify,
    verifying_key,
)

NOW = 1_800_000_000_000_000
BODY = b'{"a": 1}'
SECRET, (SIGNING, PUBLIC) = new_secret(), new_key_pair()


def key(prefix: str, size: int) -> str:
    return prefix + base64.b64encode(bytes(size)).decode()


def test_the_vector_of_svix_and_that_of_the_reference_library() -> None:
    at, message, body = 1614265330_000_000, "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}'
    of_svix = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
    assert for_receivers(of_svix) == "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
    assert sign(message, at, body, [of_svix])["webhook-signature"] == (
        "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
    )
    assert sign(message, at, body, ["whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk="])["webhook-signature"] == (
        "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag=="
    )


def test_what_is_made_signs_and_verifies() -> None:
    assert (SECRET[:6], SIGNING[:5], PUBLIC[:5]) == ("whsec_", "whsk_", "whpk_")
    assert (for_receivers(SECRET), for_receivers(SIGNING)) == (SECRET, PUBLIC)
    assert new_secret() != SECRET
    assert new_key_pair()[0] != SIGNING
    for one in (SECRET, SIGNING):
        verify(BODY, sign("d", NOW, BODY, [one]), [for_receivers(one)], now=NOW)


def test_rotation_from_one_kind_to_the_other() -> None:
    both = sign("d", NOW, BODY, [SIGNING, SECRET])
    assert [entry.partition(",")[0] for entry in both["webhook-signature"].split(" ")] == ["v1a", "v1"]
    for secrets in ([SECRET], [PUBLIC], [new_secret(), new_key_pair()[1], PUBLIC], [PUBLIC, SECRET]):
        assert verify(BODY, both, secrets, now=NOW).webhook_id == "d"


def test_one_kind_does_not_stand_for_the_other() -> None:
    # a public key is known to all: as a secret of v1 it would let anybody sign
    public = PUBLIC.removeprefix("whpk_")
    forged = sign("d", NOW, BODY, ["whsec_" + public])
    with pytest.raises(SignatureRefused):
        verify(BODY, forged, [PUBLIC], now=NOW)
    relabelled = {name: value.replace("v1,", "v1a,") for name, value in forged.items()}
    with pytest.raises(SignatureRefused):
        verify(BODY, relabelled, [PUBLIC, SECRET], now=NOW)


SIGN_NOT = {
    "a public key": (PUBLIC, "the whsk_ that was made with it signs"),
    "a short private key": (key("whsk_", 31), r"a signing key \(whsk_\) has 32 bytes, or 64"),
    "a private key of 33 bytes": (key("whsk_", 33), "has 32 bytes, or 64"),
    "another's public half": (key("whsk_", 64), "is that of another one"),
    "no base64": ("whsk_!!!", "a signing key is whsk_ and base64"),
    "a short secret": (key("whsec_", 23), "a webhook secret has 24 to 64 bytes"),
    "nothing": ("", "a webhook secret has 24 to 64 bytes"),
}


@pytest.mark.parametrize(("secret", "said"), SIGN_NOT.values(), ids=list(SIGN_NOT))
def test_what_cannot_sign(secret: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refusal:
        signing_key(secret)
    assert not secret or secret.partition("_")[2] not in str(refusal.value)


VERIFY_NOT = {
    "a private key": (SIGNING, "a receiver has the whpk_ made with it"),
    "a short public key": (key("whpk_", 31), r"a public key \(whpk_\) has 32 bytes"),
    "a public key with more": (key("whpk_", 64), r"a public key \(whpk_\) has 32 bytes"),
    "no base64": ("whpk_!!!", "a public key is whpk_ and base64"),
    "another prefix": ("whxx_" + "A" * 40, "a webhook secret is whsec_ and base64"),
}


@pytest.mark.parametrize(("secret", "said"), VERIFY_NOT.values(), ids=list(VERIFY_NOT))
def test_what_cannot_verify(secret: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        verifying_key(secret)
    with pytest.raises(SignatureRefused, match=said) as refusal:
        verify(BODY, sign("d", NOW, BODY, [SECRET]), [secret], now=NOW)
    assert refusal.value.reason is RefusalReason.UNUSABLE_SECRET
    assert secret.partition("_")[2] not in str(refusal.value)


def test_without_the_extra_v1_works_and_v1a_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    both = sign("d", NOW, BODY, [SIGNING, SECRET])
    really = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "cryptography":
            raise ModuleNotFoundError(f"No module named {name!r}", name="cryptography")
        return really(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    verify(BODY, both, [SECRET, PUBLIC], now=NOW)
    for call in (lambda: verify(BODY, both, [PUBLIC], now=NOW), lambda: sign("d", NOW, BODY, [SIGNING]), new_key_pair):
        with pytest.raises(ModuleNotFoundError, match=r"pip install 'tocsin\[ed25519\]'"):
            call()
