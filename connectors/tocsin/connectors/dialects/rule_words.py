"""What each rule of a dialect says, in a sentence for whoever wrote the document that breaks it.

The sources of the dialects are named by `SOURCES`; a sentence says what is expected, in words of our own.
"""

from __future__ import annotations

from collections.abc import Mapping

SOURCES: Mapping[str, tuple[str, str]] = {
    "didcomm-2.0": ("DIDComm Messaging v2, problem reports", "https://identity.foundation/didcomm-messaging/spec/"),
    "aries-1.0": (
        "Aries RFC 0035, report-problem 1.0",
        "https://github.com/decentralized-identity/aries-rfcs/tree/main/features/0035-report-problem",
    ),
    "hipe": (
        "Indy HIPE, problem-report",
        "https://github.com/hyperledger/indy-hipe/tree/main/text/0035-report-problem",
    ),
    "rfc9457": ("RFC 9457, Problem Details for HTTP APIs", "https://www.rfc-editor.org/rfc/rfc9457"),
    "jsonrpc": ("JSON-RPC 2.0", "https://www.jsonrpc.org/specification"),
    "dwn-status": ("Decentralized Web Node", "https://identity.foundation/decentralized-web-node/spec/"),
}
"""Dialect -> the name of what specifies it, and where that is."""

RULE_WORDS: Mapping[str, str] = {
    "code-sorter": "A code begins with `e` (error) or `w` (warning).",
    "code-whitespace": "A code has no white space around it.",
    "code-too-few-tokens": "A code has a sorter, a scope and a descriptor, with dots between them.",
    "code-descriptor-missing": "Behind the sorter and the scope a code has at least one descriptor.",
    "code-scope-missing": "The second token of a code is its scope: p (protocol), m (message), or a name of a state.",
    "code-empty-token": "There is something between any two dots of a code.",
    "code-not-lower-case": "A code is in lower case.",
    "code-hyphen-at-edge": "A token of a code neither begins nor ends with a hyphen.",
    "code-not-kebab-case": "The tokens of a code are lower-case words with hyphens between them (kebab-case).",
    "code-too-long": "A code is short enough to be compared and counted.",
    "code-too-many-tokens": "A code has few tokens, from the general to the particular.",
    "comment-too-long": "The comment is a text for people, not a dump.",
    "context-contradicted": "What stands beside the report says something else than the report itself.",
    "context-not-usable": "A member of the context is of a kind that cannot be used.",
    "decorator-misspelt": "Decorators are spelt as the RFC spells them, with a tilde: `~thread`.",
    "empty-id": "An id that is given is not empty.",
    "enum-not-lower-case": "Values from a list are written as they stand in it, in lower case.",
    "enum-unknown": "The value is one of those that the specification lists.",
    "escalate-to-not-a-uri": "`escalate_to` is a URI (`mailto:` for an address).",
    "escalation-uri-not-a-uri": "The address for complaints is a URI.",
    "tracking-uri-not-a-uri": "The address of the problem's page is a URI.",
    "id-names-nothing": "An id in `~thread` names a message, so it is not empty.",
    "id-not-an-id": "The id of a request or an answer is a text or a number.",
    "id-too-long": "An id is short enough to be compared.",
    "jsonrpc-version": '`jsonrpc` is exactly "2.0".',
    "member-of-didcomm-v1": "A message of DIDComm v2 has `id`, `thid`, `pthid`, and no member of v1 (`~thread`).",
    "member-of-didcomm-v2": "A message of Aries has no member of DIDComm v2: it has `@id`, `~thread`, `description`.",
    "member-spelling": "Members are spelt as the specification spells them.",
    "not-a-language": "The key of a text is a language tag (BCP 47), such as `en` or `de-CH`.",
    "not-a-list": "The member is a list.",
    "not-a-number": "The member is a whole number.",
    "not-a-string": "The member is a text.",
    "not-a-time": "The member is a time.",
    "not-an-object": "The member is an object.",
    "not-one-pair": "Each problem item is an object with one pair of key and value.",
    "required-member-missing": "The member is required.",
    "result-and-error": "An answer has either `result` or `error`, never both.",
    "status-code-unexpected": "The status code is one that the operation may answer.",
    "status-invalid": "`status` is an HTTP status code from 100 to 599.",
    "status-is-a-number": "`status` is an object with `code` and `detail`.",
    "status-message-for-detail": "The text of a status is called `detail`.",
    "status-not-a-number": "`status` is a number, not a text.",
    "status-not-an-error": "`status` repeats the status code of the answer, which is one of an error (400 to 599).",
    "text-cut": "The text was longer than is kept.",
    "text-too-long": "The text is short enough for a person to read.",
    "time-in-milliseconds": "Times are in seconds since the epoch (UTC), not milliseconds.",
    "time-not-iso-8601": "A time is written as ISO 8601 has it: `2019-05-27T18:23:06Z`.",
    "time-not-utc": "Times are in UTC.",
    "time-without-zone": "A time says its zone.",
    "too-many-args": "There are as many arguments as the comment has places for.",
    "type-of-another-version": "The message type is that of the version in which the rest is written.",
    "where-without-party": "`where` says whose side it is (me, you, other), then the place.",
}
"""Rule -> what it asks for."""


def words_of_rule(rule: str) -> str:
    """The sentence of a rule; its name where there is none (a dialect of another package)."""
    return RULE_WORDS.get(rule, rule)
