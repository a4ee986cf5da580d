"""What to do about a status: as data (REQUIREMENTS b.4 5)."""

from __future__ import annotations

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
MALFORMED_REQUEST = frozenset({-32700, -32600, -32601, -32602, -50400})
"""The JSON-RPC errors by which a server says that it could not read the request."""


def advice_for(status: int) -> str | None:
    """What to do about a status; None for a success, or a status about which nothing is known."""
    return ADVICE_OF_STATUS.get(status)
