"""Why there is no reply: what Web5 calls a rejected promise (docs/requirements.md#w2).

Web5Failed               no answer to report on; `advice` says what to do, `code` is the problem code it is published as
|- TransportFailed       the request did not get through, or its answer did not come back
|  |- ConnectionFailed   the transport raised: network down, refused, lost; its exception is the cause
|  |- NoAnswerInTime     our own time limit struck: some servers leave the connection open for ever
|  `- NotAnAnswer        HTTP answered with something else: an error page, nothing (`case` says which)
|- MalformedAnswer       JSON came, but neither JSON-RPC nor a DWN reply
|- RequestRefused        only by `Reply.require_completed`: the server answered that it could not carry out the request
|  `- RequestMalformed   ... because it could not read the request
`- Unresolvable          for transports and resolvers to raise: the DID is of no use (`why`)

A DWN status, 404 or 500 as well, is never an exception: the request was completed. No message quotes the answer: it
holds DIDs and values.
"""

from __future__ import annotations

from enum import StrEnum

from tocsin.schemas.errors import TocsinError
from tocsin.schemas.problem import Problem


class AnswerCase(StrEnum):
    """What HTTP said instead of an answer: a closed set, safe as a metric label (docs/requirements.md#b4-4)."""

    HEADERS_TOO_LARGE = "headers-too-large"
    BODY_TOO_LARGE = "body-too-large"
    BAD_REQUEST_PAGE = "bad-request-page"
    NO_SUCH_ENDPOINT = "no-such-endpoint"
    ACCESS_REFUSED = "access-refused"
    RATE_LIMITED = "rate-limited"
    REDIRECTED = "redirected"
    SERVER_FAILED = "server-failed"
    NO_CONTENT = "no-content"
    EMPTY = "empty"
    NOT_JSON = "not-json"


CASE_OF_STATUS = {
    400: AnswerCase.BAD_REQUEST_PAGE,
    401: AnswerCase.ACCESS_REFUSED,
    403: AnswerCase.ACCESS_REFUSED,
    404: AnswerCase.NO_SUCH_ENDPOINT,
    413: AnswerCase.BODY_TOO_LARGE,
    204: AnswerCase.NO_CONTENT,
    205: AnswerCase.NO_CONTENT,
    429: AnswerCase.RATE_LIMITED,
    431: AnswerCase.HEADERS_TOO_LARGE,
}
"""The case of an HTTP status whose body is no answer; 3xx, 5xx and the rest: `case_of`."""
ADVICE_OF_CASE = {
    AnswerCase.HEADERS_TOO_LARGE: "the message travels in a request header and is too large for it: make it smaller",
    AnswerCase.BODY_TOO_LARGE: "the server takes no body of this size: send less data",
    AnswerCase.BAD_REQUEST_PAGE: "the HTTP request itself was not understood: check the URL and how it is sent",
    AnswerCase.NO_SUCH_ENDPOINT: "no DWN answers at this URL: check the service endpoint of the DID document",
    AnswerCase.ACCESS_REFUSED: "something in front of the DWN refuses access: check registration and proxies",
    AnswerCase.RATE_LIMITED: "wait as long as Retry-After says, then try again",
    AnswerCase.REDIRECTED: "no DWN redirects: check the service endpoint of the DID document",
    AnswerCase.SERVER_FAILED: "the server, or a proxy before it, is failing: try again later",
    AnswerCase.NO_CONTENT: "what answers says that it has nothing to say, as no DWN does: check the service endpoint",
    AnswerCase.EMPTY: "try again; if it stays empty, what answers is no DWN",
    AnswerCase.NOT_JSON: "what answers is no DWN: check the service endpoint of the DID document",
}
"""What to do about each case."""


class MalformedCase(StrEnum):
    """What about a JSON answer is not understood: a closed set, safe as a metric label."""

    STATUS_CODE = "status-code-not-an-integer"
    STATUS_IS_NO_OBJECT = "status-is-no-object"
    NO_STATUS = "no-status"
    NULL = "null"
    MISPLACED_STATUS = "misplaced-status"
    CONTRADICTION = "contradiction"
    OTHER = "other"


class Unfit(StrEnum):
    """Why a DID is of no use for the request (Web5 JS Error Handling, transport errors)."""

    INVALID = "invalid"
    NOT_RESOLVED = "not-resolved"
    NO_SERVICE = "no-dwn-service"
    NO_KEY = "no-encryption-key"


ADVICE_OF_UNFIT = {
    Unfit.INVALID: "correct the DID",
    Unfit.NOT_RESOLVED: "check that the DID is anchored and its method supported, then try again",
    Unfit.NO_SERVICE: "the DID document needs a DWN service entry",
    Unfit.NO_KEY: "the DID document needs recordEncryptionKeys, or name a key id",
}
"""What to do about each."""


class Web5Failed(TocsinError):
    """There is no reply; nothing else is raised. `report` is what came of publishing it, None if nobody asked."""

    code = "e.p.xfer"

    def __init__(self, message: str, advice: str) -> None:
        super().__init__(message, advice)
        self.message = message
        self.advice = advice
        self.report: object = None

    def __str__(self) -> str:
        return f"{self.message}: {self.advice}"


class TransportFailed(Web5Failed):
    """The request did not get through, or its answer not back."""


class ConnectionFailed(TransportFailed):
    """The transport raised `cause` (the name of its exception, which is chained)."""

    code = "e.p.xfer.connection-failed"

    def __init__(self, cause: str) -> None:
        super().__init__(
            f"the transport failed with {cause}",
            "try again; a write may have been stored, then its repetition is answered 409",
        )
        self.cause = cause


class NoAnswerInTime(TransportFailed):
    """Our time limit of `seconds` struck before an answer came; whether the request was carried out is unknown."""

    code = "e.p.xfer.no-answer"

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"no answer within our own limit of {seconds:g} s",
            "the outcome is unknown; try again if the server is slow; it never answers an unknown method, a batch, "
            "missing params or null",
        )
        self.seconds = seconds


class NotAnAnswer(TransportFailed):
    """HTTP answered `status` with something that is no answer of a DWN; `case` names it. `status` is None for bare
    bytes, `problem` the problem document (RFC 9457) if that is what came."""

    def __init__(self, case: AnswerCase, status: int | None, problem: Problem | None = None) -> None:
        super().__init__(
            f"not an answer of a DWN: {case}" + ("" if status is None else f" (HTTP {status})"), ADVICE_OF_CASE[case]
        )
        self.case = case
        self.status = status
        self.problem = problem
        self.code = f"e.p.xfer.{case}"


class MalformedAnswer(Web5Failed):
    """JSON came that is neither JSON-RPC nor a DWN reply; `case` names what is wrong, `pointer` (RFC 6901) says where,
    `expected` what should stand there."""

    code = "e.p.msg.malformed-answer"

    def __init__(self, pointer: str, expected: str, case: MalformedCase = MalformedCase.OTHER) -> None:
        super().__init__(
            f"the answer is malformed at {pointer or 'its root'}, expected {expected}",
            "check that the URL is a DWN's; if it is, report it to its makers with the answer's bytes",
        )
        self.pointer = pointer
        self.expected = expected
        self.case = case


class RequestRefused(Web5Failed):
    """The server answered with the JSON-RPC error `rpc_code`: the request was not carried out."""

    code = "e.p.req.not-completed"

    def __init__(self, rpc_code: int, advice: str) -> None:
        super().__init__(f"the request was not completed: JSON-RPC error {rpc_code}", advice)
        self.rpc_code = rpc_code


class RequestMalformed(RequestRefused):
    """The server could not read the request: repeating it unchanged is of no use."""

    code = "e.p.msg.malformed-request"


class Unresolvable(Web5Failed):
    """The DID of a request cannot be used; `why` says in which of four ways. The DID is not quoted."""

    def __init__(self, why: Unfit) -> None:
        super().__init__(f"the DID cannot be used: {why}", ADVICE_OF_UNFIT[why])
        self.why = why
        self.code = f"e.p.did.{why}"


def case_of(status: int | None, empty: bool) -> AnswerCase:
    """The case of an HTTP answer whose body is no JSON."""
    if status in CASE_OF_STATUS:
        return CASE_OF_STATUS[status]
    if status is not None and 300 <= status <= 399:
        return AnswerCase.REDIRECTED
    if status is not None and status >= 500:
        return AnswerCase.SERVER_FAILED
    return AnswerCase.EMPTY if empty else AnswerCase.NOT_JSON
