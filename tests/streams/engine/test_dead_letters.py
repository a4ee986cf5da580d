"""A dead letter can be written whatever the record was: null headers, megabytes, a hundred thousand headers."""

from __future__ import annotations

import hashlib

import pytest

from tests.streams.engine.tallying import Tallying, reasons, sums
from tocsin.streams.engine.dead import CUT_HEADER, LARGEST_LETTER, dead_letter
from tocsin.streams.engine.outbox import OutboxRecord, decode_outbox, encode_outbox
from tocsin.streams.engine.record import Headers, Record
from tocsin.streams.topology import LARGEST_BATCH, RECORD_LIMIT

MIB = 1024 * 1024
BAD, GOOD = b"{", b'{"name": "a", "add": 1}'

POISON: dict[str, tuple[bytes | None, bytes | None, Headers]] = {
    "headers without a value": (b"key", BAD, (("a", None), ("b", b""))),
    "a value of 6 MiB": (b"key", b"x" * (6 * MIB), ()),
    "a value of 16 MiB": (None, b"x" * (16 * MIB), ()),
    "a key of 6 MiB": (b"x" * (6 * MIB), BAD, ()),
    "a header of 6 MiB": (b"key", BAD, (("a", b"x" * (6 * MIB)),)),
    "a name of 6 MiB": (b"key", BAD, (("x" * (6 * MIB), b""),)),
    "a hundred thousand headers": (b"key", BAD, tuple((f"header {n}", b"x" * 40) for n in range(100_000))),
    "names that are no ASCII": (b"key", BAD, tuple(("\u6f22" * 20, None) for n in range(60_000))),
    "a bit of everything": (b"x" * MIB, b"x" * MIB, (("a", b"x" * MIB), ("b", None))),
    "the largest record that a topic takes": (b"key", b"x" * (RECORD_LIMIT - 100), (("a", b"1"),)),
}


@pytest.mark.parametrize(("key", "value", "headers"), POISON.values(), ids=POISON.keys())
def test_poison_is_buried_and_what_stands_behind_it_is_folded(
    key: bytes | None, value: bytes | None, headers: Headers
) -> None:
    tally = Tallying()
    records = [Record("in", 0, 0, 1, key, value, headers), Record("in", 0, 1, 2, b"key", GOOD)]
    outputs, taken = [], 0
    while taken < len(records):
        folded = tally.folder.fold(records[taken:], 0)
        written = encode_outbox(folded.outputs)
        assert len(written) <= LARGEST_BATCH - 64 * 1024, "it does not fit the changelog"
        assert decode_outbox(written) == folded.outputs, "it cannot be recovered"
        outputs += folded.outputs
        taken += folded.taken
    folded.outputs = outputs
    assert (reasons(folded), sums(folded)) == (["not_json"], [("a", 1)])


def test_a_record_that_an_input_topic_takes_is_kept_whole() -> None:
    headers: Headers = (("a", None), ("b", b"2"))
    letter = dead_letter(Record("in", 0, 0, 0, b"key", b"x" * RECORD_LIMIT, headers), "decode", "why")
    assert (letter.key, letter.value, letter.headers[:2]) == (b"key", b"x" * RECORD_LIMIT, headers)
    assert CUT_HEADER not in dict(letter.headers)


def test_what_is_cut_is_named_with_its_size_and_hash() -> None:
    value, header = b"v" * (3 * MIB), b"h" * MIB
    letter = dead_letter(Record("in", 3, 7, 0, b"key", value, (("kept", None), ("cut", header))), "decode", "why")
    headers = dict(letter.headers)
    assert letter.key == b"key"
    assert letter.value == value[:MIB]
    assert (headers["kept"], "cut" in headers, headers["__connect.errors.offset"]) == (None, False, b"7")
    whole = b"kept\0\0cut\0" + header + b"\0"
    assert (headers[CUT_HEADER] or b"").decode() == (
        f"value: {3 * MIB} bytes, sha256 {hashlib.sha256(value).hexdigest()}; "
        f"headers (2): {len(whole)} bytes, sha256 {hashlib.sha256(whole).hexdigest()}"
    )


@pytest.mark.parametrize("kept", [LARGEST_LETTER, 256 * 1024])
def test_a_letter_is_never_larger_than_it_may_be(kept: int) -> None:
    for key, value, headers in POISON.values():
        letter = dead_letter(Record("in", 0, 0, 0, key, value, headers), "decode", "why", "x" * 9000, kept=kept)
        assert OutboxRecord.of(letter, 0).size() <= kept + 8192 + 64 * 1024
