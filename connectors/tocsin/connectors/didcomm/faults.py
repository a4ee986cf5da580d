"""What DIDComm may raise.

TocsinError
|- Unpackable     bytes that are no genuine envelope for us (reason: Fault); lasting, whatever is tried again
|- Unresolvable   a DID without a document (reason: ResolutionFault; `retry`: it may have one later)
|- NoKey          we do not have the key, or the document of the peer has none that fits
|- MessageUnfit   what we were to send contradicts itself; nothing was packed
`- KeysUnusable   our keys cannot be opened; never quotes one
"""

from __future__ import annotations

from enum import StrEnum

from tocsin.schemas.errors import TocsinError


class Fault(StrEnum):
    """Why an envelope was not opened: a closed set, safe as a metric label. The first that applies is named."""

    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    """JSON nested too deep, outside or inside."""
    TOO_MANY_RECIPIENTS = "too_many_recipients"
    WRONG_LAYERS = "wrong_layers"
    """Other layers, or in another order, than anoncrypt of authcrypt of signed."""
    NOT_JSON = "not_json"
    NOT_AN_ENVELOPE = "not_an_envelope"
    """JSON, but none of encrypted, signed and Aries v1."""
    PLAINTEXT = "plaintext"
    """A message that nothing protects: anybody may have written it."""
    MALFORMED = "malformed"
    """An envelope of which a member is missing, or cannot be decoded."""
    UNSUPPORTED_ALGORITHM = "unsupported_algorithm"
    UNPROTECTED_HEADER = "unprotected_header"
    """A header that must be protected stands where anybody could change it."""
    WRONG_TYP = "wrong_typ"
    """`typ` says that it is something else."""
    RECIPIENTS_CHANGED = "recipients_changed"
    """`apv` does not fit the recipients."""
    NOT_FOR_US = "not_for_us"
    """None of the recipients is a key of ours."""
    SENDER_KEY_UNKNOWN = "sender_key_unknown"
    """The sender's document has no such key, or not for this purpose."""
    UNDECRYPTABLE = "undecryptable"
    """It was changed on its way, or made with other keys."""
    BAD_SIGNATURE = "bad_signature"
    NOT_A_MESSAGE = "not_a_message"
    """Genuine and decrypted, but inside is no message (a JSON object with its type)."""
    SENDER_MISMATCH = "sender_mismatch"
    """`from`, `skid`, `apu` and the layers do not all name one sender, or `from` is missing where it must be."""
    SIGNER_MISMATCH = "signer_mismatch"
    """It is signed by a key that is not one of the message's `from`."""
    RECIPIENT_MISMATCH = "recipient_mismatch"
    """`to` does not name the DID for whose key it was encrypted."""


class ResolutionFault(StrEnum):
    """Why a DID has no document: a closed set, safe as a metric label."""

    MALFORMED = "malformed"
    METHOD_UNSUPPORTED = "method_unsupported"
    NOT_FOUND = "not_found"
    """Its host says that there is none; or it is the short form of a did:peer:4 whose long form was never seen."""
    REFUSED = "refused"
    """The egress guard does not let us ask (docs/reliability.md#webhooks)."""
    UNREACHABLE = "unreachable"
    """Its host does not answer, or not in time: it may later."""
    BAD_DOCUMENT = "bad_document"
    """What was found is not the document of this DID."""


class Unpackable(TocsinError):
    """Bytes that are no genuine envelope for us. The message never quotes them."""

    def __init__(self, reason: Fault, detail: str = "", sha256: str = "") -> None:
        super().__init__(reason, detail, sha256)
        self.reason = reason
        self.detail = detail
        self.sha256 = sha256
        """Of the whole envelope, as in `Unpacked`."""

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else str(self.reason)


class Unresolvable(TocsinError):
    """A DID without a document."""

    def __init__(self, did: str, reason: ResolutionFault, detail: str = "") -> None:
        super().__init__(did, reason, detail)
        self.did = did
        self.reason = reason
        self.detail = detail

    @property
    def retry(self) -> bool:
        """Whether it may have a document later."""
        return self.reason in (ResolutionFault.UNREACHABLE, ResolutionFault.NOT_FOUND)

    def __str__(self) -> str:
        return f"{self.did[:100]}: {self.reason}{': ' * bool(self.detail)}{self.detail}"


class NoKey(TocsinError):
    """A key that is needed is not there: ours (`own`), or one of the peer that fits."""

    def __init__(self, who: str, why: str, *, own: bool) -> None:
        super().__init__(who, why)
        self.who = who
        self.why = why
        self.own = own

    def __str__(self) -> str:
        return f"{self.who[:100]}: {self.why}"


class MessageUnfit(TocsinError, ValueError):
    """A message that must not be sent as it is: it names another sender or recipient than it is packed for, or ends
    larger than MAX_ENVELOPE. Nothing was packed."""


class KeysUnusable(TocsinError):
    """Our keys cannot be opened or changed; says which file and what to do, never a key. Exit code 78."""

    exit_code = 78
