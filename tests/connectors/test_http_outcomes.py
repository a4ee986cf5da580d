"""What answers mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.connectors.http_outcomes import of_error, of_status, parse_retry_after
from tocsin.connectors.outcomes import Delivered, Reason, Rejected, RetryLater

NOW = 1_700_000_000_000_000  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Delivered(status=200)),
        (204, Delivered(status=204)),
        (299, Delivered(status=299)),
        (302, RetryLater(reason=Reason.REDIRECTED, status=302)),
        (400, RetryLater(reason=Reason.CLIENT_ERROR, status=400)),
        (401, RetryLater(reason=Reason.AUTH_ERROR, status=401)),
        (408, RetryLater(reason=Reason.TIMEOUT, status=408)),
        (410, Rejected(reason=Reason.GONE, status=410)),
        (429, RetryLater(reason=Reason.RATE_LIMITED, status=429)),
        (500, RetryLater(reason=Reason.SERVER_ERROR, status=500)),
        (503, RetryLater(reason=Reason.SERVER_ERROR, status=503)),
        (504, RetryLater(reason=Reason.TIMEOUT, status=504)),
        (101, RetryLater(reason=Reason.BAD_ANSWER, status=101)),
        (999, RetryLater(reason=Reason.BAD_ANSWER, status=999)),
    ],
)
def test_status(status: int, outcome: object) -> None:
    assert of_status(status, None, NOW) == outcome


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("30", 30),
        (" 30 ", 30),
        ("0", 0),
        ("12.5", 12.5),
        ("3600", 3600),
        ("3601", 3600),
        ("9" * 40, 3600),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("1e9", None),
        ("nan", None),
        ("inf", None),
        ("٣٠", None),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30),
        ("Tue, 14 Nov 2023 22:13:50 +0000", 30),
        ("Tue, 14 Nov 2023 22:00:00 GMT", 0),
        ("Tue, 14 Nov 2033 22:13:50 GMT", 3600),
        ("Tue, 99 Nov 2033 22:13:50 GMT", None),
        ("x" * 1000, None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, NOW) == (None if seconds is None else seconds * 1_000_000)


@given(value=st.text(max_size=70) | st.from_regex(r"[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{1,6} [\d:]{1,9} \S{1,6}"))
def test_any_retry_after_is_within_an_hour_or_none(value: str) -> None:
    after = parse_retry_after(value, NOW)
    assert after is None or 0 <= after <= 3600 * 1_000_000


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TimeoutError(), Reason.TIMEOUT),
        (ConnectionResetError(), Reason.CONNECTION_LOST),
        (ValueError("secret"), Reason.SINK_FAILED),
    ],
)
def test_errors(error: Exception, reason: Reason) -> None:
    assert of_error(error) == RetryLater(reason=reason)
