"""What the statuses of a Decentralized Web Node mean, operation by operation, and what to do about them: as data.

The tables of the Web5 documentation, corrected by what the SDK does (docs/requirements.md#w7); where
versions differ, the row says so in `profile`. What a server answered is reported as it is: nothing is decided here.
"""

from __future__ import annotations

from msgspec import Struct

WEB5 = "Web5 JS Error Handling"
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
    source: str = WEB5


def _row(
    operation: str, code: int, title: str, *causes: str, profile: str | None = None, source: str = WEB5
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
        profile="the last two are answered 202 by that document and the servers of 2023, 404 since",
    ),
    _row("RecordsDelete", 400, "Bad Request", _PARSING),
    _row("RecordsDelete", 401, "Unauthorized", _AUTHENTICATION, "authorization failed: the author is not the tenant"),
    _row(
        "RecordsDelete", 404, "Not Found", "the record was deleted before", "there never was one", source=SDK,
        profile="that document says 202; the same delete again was answered 409 in 2023, 404 since",
    ),
    _row("RecordsDelete", 409, "Conflict", _NOT_NEWEST, profile="the same delete again: 409 in 2023, 404 since"),
)  # fmt: skip
"""Every known row; an operation answers each code once."""

_BY_OPERATION = {(row.operation, row.code): row for row in STATUS_MEANINGS}


def status_meaning(operation: str, code: int) -> StatusMeaning | None:
    """The row for an answer, None if the tables have none."""
    return _BY_OPERATION.get((operation, code))


ADVICE_OF_STATUS = {
    400: "the message is at fault: correct it before sending it again",
    401: "one of several causes, which only the detail tells apart: no authorization, a signature that does not "
    "verify, a signer whose DID cannot be resolved, or an author who may not do this",
    403: "the author may not do this",
    404: "there is no such record, or it was deleted; servers of 2023 answered such a delete with 202",
    409: "a newer message is stored, or this very one: if an answer was lost before, the write may have succeeded; "
    "read the record back before sending again",
    413: "send less data",
    429: "wait, then try again",
    500: "the server failed: try again later",
    502: "the server could not reach another: try again later",
    503: "the server is short of something: try again later",
}
"""What to do about a failing status."""
ADVICE_OF_RPC = {
    -32700: "the server could not parse the request: correct it before sending it again",
    -32600: "the request is no JSON-RPC request of this server: correct it before sending it again",
    -32601: "the server does not know the method: check the method's name, and which version the server has",
    -32602: "the parameters are at fault: correct them before sending the request again",
    -32300: "the request did not get through to the server: try again later",
}
"""What to do about an error by which the server says that it did not carry out the request, whatever HTTP status is
said to mean the same: a method that is not known is no missing record."""
MALFORMED_REQUEST = frozenset({-32700, -32600, -32601, -32602, -50400})
"""The JSON-RPC errors by which a server says that it could not read the request."""


def advice_for(status: int, rpc_code: int | None = None) -> str | None:
    """What to do about a status, or about the JSON-RPC error in which no status was stated; None for a success, or
    where nothing is known."""
    return ADVICE_OF_RPC.get(rpc_code or 0) or ADVICE_OF_STATUS.get(status)
