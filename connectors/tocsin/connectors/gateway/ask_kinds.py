"""The refusals of those who ask for what the store knows."""

from __future__ import annotations

from tocsin.connectors.gateway.kind import Kind

NOT_KNOWN = Kind(
    "not-known",
    404,
    "Nothing is known of that",
    "The tenant has nothing of this name; or it was taken in a moment ago, and the store does not have it yet.",
)
BAD_PARAMETER = Kind("bad-parameter", 400, "Not a parameter", "A parameter is not known, or has a value it cannot be.")
NOT_SAYABLE = Kind("not-sayable", 406, "Not in that form", "It cannot be said in a form that you accept: see forms.")
STORE_AWAY = Kind(
    "store-away",
    503,
    "What was stored cannot be read now",
    "Problems are still taken in. `tocsin project` writes the store, and `tocsin doctor` says what is wrong with it.",
    retry_after=5,
)

LETTERS_AWAY = Kind(
    "letters-away",
    503,
    "The dead letters cannot be read now",
    "Kafka does not answer, or there are too many letters behind this one to look through them in ten seconds: "
    "`tocsin dead show` has longer.",
    retry_after=10,
)
NOT_REPLAYED = Kind("not-replayed", 409, "Nothing was replayed", "The letter is as it was: see detail.")
RULES_AWAY = Kind(
    "rules-away",
    503,
    "The rules are not known here",
    "The rules file cannot be used by this gateway: `tocsin rules check` says why. Problems are taken in all the same.",
    retry_after=5,
)

ASK_KINDS = (NOT_KNOWN, BAD_PARAMETER, NOT_SAYABLE, STORE_AWAY, LETTERS_AWAY, NOT_REPLAYED, RULES_AWAY)
