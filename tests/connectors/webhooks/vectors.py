"""Writes docs/receivers/vectors/: signed webhooks, good ones and bad ones, and what a receiver must say of each.

A vector has what a receiver has (`secrets`, `now` in seconds since 1970, `headers`, `body` in base64) and its
`verdict`: `accepted`, or `refused` with a `reason`. `signed_with` is what signed it, where it is whole: signing gives
these very headers.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tocsin.connectors.webhooks import MAX_SIGNATURES, TOLERANCE, RefusalReason, for_receivers, sign

FOLDER = Path(__file__).parents[3] / "docs" / "receivers" / "vectors"
NOW = 1_800_000_000
ID = "019e0000-0000-5000-8000-000000000001"
BODY = b'{"type": "problem.opened", "data": {"tenant": "acme", "problem": {"code": "e.p.xfer"}}}'
Vector = dict[str, Any]


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


# Nobody else's: they are printed here for all to see.
SECRET = "whsec_" + _base64(bytes(range(32)))
OLD_SECRET = "whsec_" + _base64(bytes(range(32, 64)))
SHORTEST, LONGEST = "whsec_" + _base64(bytes(24)), "whsec_" + _base64(bytes(range(64)))
SIGNING = "whsk_" + _base64(bytes(range(1, 33)))
OLD_SIGNING = "whsk_" + _base64(bytes(range(101, 133)))
OTHER_SECRET, OTHER_SIGNING = "whsec_" + _base64(b"another!" * 4), "whsk_" + _base64(b"another!" * 4)

# As the Standard Webhooks project and Svix have published them.
OF_THE_PROJECT = {
    "v1 of Standard Webhooks": (
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ),
    "v1a of Standard Webhooks": (
        "whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk=",
        "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag==",
    ),
    "v1a of Svix, whose key has its public half": (
        "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==",
        "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==",
    ),
}


def accepted(name: str, signs: list[str], receives: list[str] | None = None, **changes: Any) -> Vector:
    """A whole webhook, for receivers that have `receives` (if nothing is said: what belongs to `signs`)."""
    body, at, webhook_id = changes.get("body", BODY), changes.get("at", NOW), changes.get("webhook_id", ID)
    return {
        "name": name,
        "secrets": [for_receivers(one) for one in signs] if receives is None else receives,
        "now": changes.get("now", NOW),
        "headers": sign(webhook_id, at * 1_000_000, body, signs),
        "body": _base64(body),
        "verdict": "accepted",
        "signed_with": signs,
    }


def refused(
    name: str, reason: RefusalReason, vector: Vector, headers: Mapping[str, str | None], **changes: Any
) -> Vector:
    """A webhook of which something was changed; a header that is None is left out."""
    mixed = vector["headers"] | headers
    kept = {header: value for header, value in mixed.items() if value is not None}
    rest = {key: value for key, value in vector.items() if key != "signed_with"}
    return rest | {"name": name, "headers": kept, "verdict": "refused", "reason": str(reason)} | changes


def of_one_kind(signs: str, old: str, other: str) -> list[Vector]:
    """What holds of v1 and of v1a alike."""
    receives = for_receivers(signs)
    whole = accepted("whole", [signs])
    signature: str = whole["headers"]["webhook-signature"]
    version, _, encoded = signature.partition(",")
    flipped = ("B" if encoded[9] == "A" else "A").join((encoded[:9], encoded[10:]))
    no_match = RefusalReason.NO_MATCH
    return [
        whole,
        accepted("a body that is not ASCII", [signs], body='{"text": "Prüfung: 失敗"}'.encode()),
        accepted("a body that is no text", [signs], body=bytes(range(256))),
        accepted("an empty body", [signs], body=b""),
        accepted("a body that ends in a line break", [signs], body=BODY + b"\r\n"),
        accepted("an id of one letter", [signs], webhook_id="_"),
        accepted("300 s old", [signs], at=NOW - TOLERANCE),
        accepted("300 s ahead", [signs], at=NOW + TOLERANCE),
        refused("301 s old", RefusalReason.TOO_OLD, accepted("", [signs], at=NOW - TOLERANCE - 1), {}),
        refused("301 s ahead", RefusalReason.TOO_NEW, accepted("", [signs], at=NOW + TOLERANCE + 1), {}),
        refused("another secret", no_match, whole, {}, secrets=[for_receivers(other)]),
        refused("another id", no_match, whole, {"webhook-id": ID[:-1] + "2"}),
        refused("another time", no_match, whole, {"webhook-timestamp": str(NOW - 1)}),
        refused("the same time in another spelling", no_match, whole, {"webhook-timestamp": f"0{NOW}"}),
        refused("another body", no_match, whole, {}, body=_base64(BODY.replace(b"acme", b"acne"))),
        refused("a body with a space more", no_match, whole, {}, body=_base64(BODY + b" ")),
        refused("a body that was cut", no_match, whole, {}, body=_base64(BODY[:-1])),
        refused("no body", no_match, whole, {}, body=""),
        refused("another signature", no_match, whole, {"webhook-signature": f"{version},{flipped}"}),
        refused("a signature that was cut", no_match, whole, {"webhook-signature": signature[:-8]}),
        refused("a signature without its padding", no_match, whole, {"webhook-signature": signature.rstrip("=")}),
        refused("a signature with more", no_match, whole, {"webhook-signature": f"{signature}AAAA"}),
        refused("the same bits in another base64", no_match, whole, {"webhook-signature": other_spelling(signature)}),
        refused("no base64", no_match, whole, {"webhook-signature": f"{version},!{encoded[1:]}"}),
        refused("only a version", no_match, whole, {"webhook-signature": f"{version},"}),
        refused("no version", no_match, whole, {"webhook-signature": encoded}),
        refused("letters that are not ASCII", no_match, whole, {"webhook-signature": f"{version},é"}),
        refused("one version in capitals", no_match, whole, {"webhook-signature": signature.replace("v", "V", 1)}),
        refused("an unknown version", no_match, whole, {"webhook-signature": f"v2,{encoded}"}),
        refused("a version that says more", no_match, whole, {"webhook-signature": f"{version}x,{encoded}"}),
        refused("a tab in between", no_match, whole, {"webhook-signature": f"v2,x\t{signature}"}),
        {**whole, "name": "an unknown version before it", **_with_signature(whole, f"v2,{encoded} v1b,x {signature}")},
        {**whole, "name": "garbage around it", **_with_signature(whole, f" , v1, v1a,= v1a {signature} é")},
        {**accepted("rotation: for a receiver of the old one", [signs, old], [for_receivers(old)])},
        {**accepted("rotation: for a receiver of the new one", [signs, old], [receives])},
        {**accepted("rotation: a receiver that has both", [old], [receives, for_receivers(old)])},
        {
            **accepted(f"{MAX_SIGNATURES} signatures, the last one fits", [signs]),
            **_with_signature(whole, f"{version},AAAA " * (MAX_SIGNATURES - 1) + signature),
        },
        *(
            refused(
                f"{count:,} signatures, the last one fits", no_match, whole,
                {"webhook-signature": f"{version},AAAA " * (count - 1) + signature},
                note=f"a receiver that looks at more than {MAX_SIGNATURES} accepts it",
            )
            for count in (MAX_SIGNATURES + 1, 1000)
        ),
        refused("1,000 wrong signatures", no_match, whole, {"webhook-signature": " ".join([f"{version},AAAA"] * 1000)}),
    ]  # fmt: skip


def of_both_kinds() -> list[Vector]:
    """One header with signatures of both kinds, and what must not pass for the other."""
    public, no_match = for_receivers(SIGNING), RefusalReason.NO_MATCH
    as_secret = "whsec_" + public.removeprefix("whpk_")
    by_public = accepted("", [as_secret])
    relabelled = by_public["headers"]["webhook-signature"].replace("v1,", "v1a,")
    return [
        accepted("both, for a receiver of v1", [SIGNING, SECRET], [SECRET]),
        accepted("both, for a receiver of v1a", [SIGNING, SECRET], [public]),
        accepted("both, for a receiver of both", [SIGNING, SECRET], [SECRET, public]),
        accepted("v1 alone, for a receiver of both", [SECRET], [public, SECRET]),
        accepted("v1a alone, for a receiver of both", [SIGNING], [SECRET, public]),
        refused("v1 alone, for a receiver of v1a", no_match, accepted("", [SECRET]), {}, secrets=[public]),
        refused("v1a alone, for a receiver of v1", no_match, accepted("", [SIGNING]), {}, secrets=[SECRET]),
        refused("v1 signed with the public key", no_match, by_public, {}, secrets=[public]),
        refused(
            "v1 signed with the public key, said to be v1a", no_match, by_public,
            {"webhook-signature": relabelled}, secrets=[SECRET, public],
        ),
        *(
            refused(
                f"ed25519 signature of zeros, said to be {version}", no_match, accepted("", [SIGNING]),
                {"webhook-signature": f"{version}," + _base64(bytes(64))}, secrets=[SECRET, public],
            )
            for version in ("v1", "v1a")
        ),
        accepted("the shortest secret", [SHORTEST]),
        accepted("the longest secret", [LONGEST]),
    ]  # fmt: skip


def of_headers() -> list[Vector]:
    """What is refused before anything is signed."""
    whole = accepted("", [SECRET])
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    ids = {"a dot": "a.b", "a space": "a b", "a comma": f"{ID}, {ID}", "more than 255 letters": "x" * 256, "an é": "é"}
    times = {
        "a sign": f"+{NOW}", "less than nothing": "-1",
        "a fraction": f"{NOW}.5", "an exponent": "18e8", "a word": "now",
        "16 digits": "1" * 16, "a space": f" {NOW}", "other digits": "١٨٠٠٠٠٠٠٠٠",
    }  # fmt: skip
    malformed = RefusalReason.MALFORMED_HEADER
    return [
        *(refused(f"no {name}", RefusalReason.MISSING_HEADER, whole, {name: None}) for name in names),
        *(refused(f"an empty {name}", RefusalReason.MISSING_HEADER, whole, {name: ""}) for name in names),
        *(refused(f"an id with {what}", malformed, whole, {"webhook-id": one}) for what, one in ids.items()),
        *(refused(f"a time with {what}", malformed, whole, {"webhook-timestamp": one}) for what, one in times.items()),
        refused("a time in milliseconds", RefusalReason.TOO_NEW, whole, {"webhook-timestamp": f"{NOW}000"}),
        refused("the first second", RefusalReason.TOO_OLD, whole, {"webhook-timestamp": "0"}),
    ]


def published() -> list[Vector]:
    """The vectors of others."""
    at, webhook_id, body = 1614265330, "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}'
    vectors = []
    for name, (secret, signature) in OF_THE_PROJECT.items():
        vector = accepted(name, [secret], at=at, now=at, webhook_id=webhook_id, body=body)
        assert vector["headers"]["webhook-signature"] == signature
        vectors.append(vector)
    return vectors


def other_spelling(signature: str) -> str:
    """The same bytes in base64 whose last letter has its unused bits set: lenient decoders take it."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    whole, padding = signature.rstrip("="), len(signature) - len(signature.rstrip("="))
    return whole[:-1] + letters[letters.index(whole[-1]) + 1] + "=" * padding


def _with_signature(vector: Vector, signature: str) -> Vector:
    changed: Vector = {"headers": vector["headers"] | {"webhook-signature": signature}}
    return changed | {"signed_with": []}


VECTORS: dict[str, list[Vector]] = {
    "published.json": published(),
    "v1.json": of_one_kind(SECRET, OLD_SECRET, OTHER_SECRET),
    "v1a.json": of_one_kind(SIGNING, OLD_SIGNING, OTHER_SIGNING),
    "both.json": of_both_kinds(),
    "headers.json": of_headers(),
}
"""File -> its vectors."""


def written(vectors: list[Vector]) -> str:
    """A file: a line for each vector, in ASCII."""
    lines = [json.dumps({key: one for key, one in vector.items() if one != []}) for vector in vectors]
    return "[\n" + ",\n".join(lines) + "\n]\n"


if __name__ == "__main__":
    for name, vectors in VECTORS.items():
        (FOLDER / name).write_text(written(vectors), "utf-8")
