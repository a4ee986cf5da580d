"""What looks like a secret in a text or by its name, and what does not."""

from __future__ import annotations

import pytest

from tests.connectors.secret_vectors import LEAKS, OTHER_NAMES, SECRET_NAMES, STAYS
from tocsin.connectors.redaction import gone_through, might_hold_secret, redact_text, redact_value
from tocsin.connectors.secret_shapes import is_secret_name


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_name_that_ends_in_a_secrets_word_is_one(name: str) -> None:
    assert is_secret_name(name)
    assert redact_value({name: "x"}) == {name: "[redacted value]"}


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_a_name_that_only_holds_such_a_word_is_none(name: str) -> None:
    assert not is_secret_name(name)
    assert redact_value({name: "x"}) == {name: "x"}


@pytest.mark.parametrize("row", LEAKS)
def test_a_secret_is_taken_out(row: str) -> None:
    text, wanted = LEAKS[row]
    found = redact_text(text)
    assert "S3kret" not in found
    assert "5ecret" not in found
    assert wanted in (None, found)
    assert redact_text(found) == found
    assert might_hold_secret(text.encode())


@pytest.mark.parametrize("text", STAYS)
def test_what_is_said_of_secrets_stays(text: str) -> None:
    assert gone_through(text) is text


BEGINNINGS = (
    "token:", "token: ", "password='", 'password="\\', "password=[", "password=[(", "password=['",
    'password=["\\', 'password=[\\"', "password=[[[' ", "--a-a-a-", "--token ", "-u a",
    " -u a:", "authorization:", "Authorization: a ", "token>", "<password>a", "ghp_", "AKIA", "xoxb-", "'\\",
    "tocsin_a_",
        "token'", "token=\\", "token='\\\\", "token','", "token', 'a\\", "://a@", "a://b:c@", "&sig=",
    "sk-a-", "AIza", "kty'd':'", "kty'd'\\:", "password:\n ", "bearer\n ", "hooks.slack.com/services/", "seed",
)  # fmt: skip


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_a_text_that_begins_many_secrets_is_gone_through_once(beginning: str) -> None:
    """A scan to the end for each beginning would stand for an hour: `tests/connectors/test_redaction.py`."""
    gone_through(f"{beginning * (250_000 // len(beginning))} a")
