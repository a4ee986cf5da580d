"""What the statuses of a Decentralized Web Node mean, operation by operation: the tables of seed 002 as data.

The seed's tables, corrected by what the SDK does (REQUIREMENTS a.2 W7-W11, b.1 29, b.4 5); where versions differ, the
row says so in `profile`. Nothing is decided here: what a server answered is what is reported.
"""

from __future__ import annotations

from msgspec import Struct

SEED = "seed 002"
SDK = "dwn-sdk-js"

_PARSING = "the message could not be parsed"
_AUTHENTICATION = "authentication of the message's authorization failed"
_AUTHORIZATION = "authorization failed: the author may not do this"
_NOT_NEWEST = "the message is not the newest in the node"


class StatusMeaning(Struct, frozen=True, kw_only=True):
    """One row: what `code` means as an answer to `operation`. `title` is the usual detail, `causes` are alternatives
    that the code alone does not tell apart, `profile` tells versions apart, `source` says whose row it is."""

    operation: str
    code: int
    title: str
    causes: tuple[str, ...] = ()
    profile: str | None = None
    source: str = SEED


def _row(
    operation: str, code: int, title: str, *causes: str, profile: str | None = None, source: str = SEED
) -> StatusMeaning:
    return StatusMeaning(operation=operation, code=code, title=title, causes=causes, profile=profile, source=source)


STATUS_MEANINGS: tuple[StatusMeaning, ...] = (
    _row("RecordsWrite", 202, "Accepted"),
    _row("RecordsWrite", 204, "No Content", "an initial write was stored without its data", source=SDK),
    _row(
        "RecordsWrite", 400, "Bad Request", _PARSING, "an immutable property would be modified",
        "the data does not have the stated CID", "the data was not found", "the data does not have the stated size",
    ),
    _row("RecordsWrite", 401, "Unauthorized", _AUTHENTICATION, _AUTHORIZATION),
    _row(
        "RecordsWrite", 409, "Conflict", _NOT_NEWEST, "the same write is stored already",
        profile="the same write again is answered 409, so after a lost answer 409 may mean success",
    ),
    _row("RecordsRead", 200, "OK", profile="over HTTP the answer is in the header dwn-response, the body is the data"),
    _row("RecordsRead", 400, "Bad Request", _PARSING),
    _row("RecordsRead", 401, "Unauthorized", _AUTHENTICATION),
    _row("RecordsRead", 404, "Not Found", "the record is not in the message store", "the record was deleted"),
    _row("RecordsQuery", 200, "OK", profile="a stranger's query is answered 200 with what he may see, perhaps nothing"),
    _row("RecordsQuery", 400, "Bad Request", _PARSING),
    _row("RecordsQuery", 401, "Unauthorized", _AUTHENTICATION, _AUTHORIZATION),
    _row(
        "RecordsDelete", 202, "Accepted", "the record exists", "the record was deleted before", "there never was one",
        profile="the last two are answered 202 by seed 002 and the servers of 2023, 404 since",
    ),
    _row("RecordsDelete", 400, "Bad Request", _PARSING),
    _row("RecordsDelete", 401, "Unauthorized", _AUTHENTICATION, "authorization failed: the author is not the tenant"),
    _row(
        "RecordsDelete", 404, "Not Found", "the record was deleted before", "there never was one", source=SDK,
        profile="not in seed 002, which says 202; the same delete again was answered 409 in 2023, 404 since",
    ),
    _row("RecordsDelete", 409, "Conflict", _NOT_NEWEST, profile="the same delete again: 409 in 2023, 404 since"),
)  # fmt: skip
"""Every known row; an operation answers each code once."""

_BY_OPERATION = {(row.operation, row.code): row for row in STATUS_MEANINGS}


def status_meaning(operation: str, code: int) -> StatusMeaning | None:
    """The row for an answer, None if the tables have none."""
    return _BY_OPERATION.get((operation, code))
