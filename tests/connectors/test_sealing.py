"""Secrets sealed for Kafka: opened only with the key, and only where they belong."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.connectors.sealing import SealKeys, SealKeyUnusable, Unsealable, new_seal_key, seal_keys_of

OLD, NEW = bytes(range(32)), bytes(range(32, 64))


def test_what_is_sealed_opens_and_shows_nothing() -> None:
    keys = SealKeys([NEW])
    sealed = keys.seal(b"whsec_secret", "acme/hook")
    assert keys.unseal(sealed, "acme/hook") == b"whsec_secret"
    assert sealed != keys.seal(b"whsec_secret", "acme/hook"), "the same twice is not to be seen"
    assert "secret" not in sealed
    assert "secret" not in repr(keys)


def test_the_first_key_seals_and_any_opens() -> None:
    sealed = SealKeys([OLD]).seal(b"x", "a")
    rotated = SealKeys([NEW, OLD])
    assert rotated.unseal(sealed, "a") == b"x"
    with pytest.raises(Unsealable, match="TOCSIN_SEAL_KEY"):
        SealKeys([OLD]).unseal(rotated.seal(b"x", "a"), "a")


@given(st.binary(max_size=200), st.integers(0, 300), st.integers(1, 255))
def test_a_changed_or_moved_text_does_not_open(plain: bytes, place: int, change: int) -> None:
    keys = SealKeys([NEW])
    sealed = keys.seal(plain, "acme/hook")
    with pytest.raises(Unsealable):
        keys.unseal(sealed, "acme/other")
    head, _, text = sealed.rpartition(".")
    data = bytearray(base64.urlsafe_b64decode(text))
    data[place % len(data)] ^= change
    with pytest.raises(Unsealable):
        keys.unseal(f"{head}.{base64.urlsafe_b64encode(data).decode()}", "acme/hook")


@given(st.text(max_size=80))
def test_whatever_is_no_sealed_text_is_refused(text: str) -> None:
    with pytest.raises(Unsealable):
        SealKeys([NEW]).unseal(text, "a")
    with pytest.raises(Unsealable):
        SealKeys([NEW]).unseal("s1." + SealKeys([NEW]).seal(b"", "a").split(".")[1] + "." + text, "a")


def test_where_keys_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new, old = new_seal_key(), new_seal_key()
    file = tmp_path / "seal.key"
    file.write_text(f"{new}\n{old}\n")
    monkeypatch.setenv("THE_KEY", new)
    from_file, from_environment = seal_keys_of(f"file:{file}"), seal_keys_of("env:THE_KEY")
    itself = seal_keys_of(f"{new},{old}")
    assert from_file
    assert from_environment
    assert itself
    assert seal_keys_of(None) is None
    sealed = from_file.seal(b"x", "a")
    assert from_environment.unseal(sealed, "a") == itself.unseal(sealed, "a") == b"x"


@pytest.mark.parametrize(
    "given", ["env:NOBODY_SET_THIS", "file:/nowhere/at/all", "short", "ä", base64.b64encode(b"x").decode()]
)
def test_a_key_that_is_none_is_refused_without_being_quoted(given: str) -> None:
    with pytest.raises(SealKeyUnusable) as refused:
        seal_keys_of(given)
    assert refused.value.exit_code == 78
    assert os.sep in given or given.startswith("env:") or given not in str(refused.value)
