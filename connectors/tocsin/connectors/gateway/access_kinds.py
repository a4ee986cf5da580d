"""The refusals of those who may not do what they ask for. What is there is told to nobody but those who may see it."""

from __future__ import annotations

from tocsin.connectors.gateway.kind import Kind

_ASK = 'Bearer realm="tocsin"'
_INVALID = f'{_ASK}, error="invalid_token"'
_INSUFFICIENT = f'{_ASK}, error="insufficient_scope"'

NO_CREDENTIAL = Kind(
    "no-credential",
    401,
    "Who asks?",
    "Send an API key: -H 'authorization: Bearer tocsin_...'. One is made with: tocsin keys create --help",
    challenge=_ASK,
)
BAD_CREDENTIAL = Kind(
    "bad-credential",
    401,
    "Not a credential that holds",
    "The API key or token is unknown here, has expired or was revoked. Ask who gave it to you for another one.",
    challenge=_INVALID,
)
CREDENTIAL_IN_URL = Kind(
    "credential-in-url",
    401,
    "Not in the URL",
    "URLs are written down everywhere. Revoke that key, and send the next one as: authorization: Bearer tocsin_...",
    challenge=_INVALID,
)
TWO_CREDENTIALS = Kind(
    "two-credentials",
    401,
    "One credential, said once",
    "Send one API key or token, as: authorization: Bearer ...",
    challenge=_INVALID,
)
SCOPE_MISSING = Kind(
    "scope-missing",
    403,
    "Not with this credential",
    "It holds, and is for other things: see scopes. A key has its scopes from its beginning; another one is needed.",
    challenge=_INSUFFICIENT,
)
OTHER_TENANT = Kind(
    "other-tenant",
    403,
    "Not with this credential",
    "It is for one tenant, and another one was named. Leave the tenant away, or use that tenant's credential.",
)
GUESSING = Kind(
    "guessing",
    429,
    "Too many credentials that do not hold",
    "Too many came from that address. One that holds is still taken.",
    retry_after=1,
)
TOKEN_KEYS_AWAY = Kind(
    "token-keys-away",
    503,
    "Tokens cannot be checked now",
    "The issuer's keys could not be read: see TOCSIN_JWT_KEYS. API keys are not concerned.",
    retry_after=10,
)
NO_SUCH_KEY = Kind(
    "no-such-key",
    404,
    "No such key",
    "The tenant has no API key of this id. Who may for every tenant names the key's own: --tenant, ?tenant=.",
)
TOO_MANY_KEYS = Kind("too-many-keys", 409, "Too many keys", "Revoke one before another is made.")
TOO_MANY_STREAMS = Kind(
    "too-many-streams", 429, "Too many open streams", "Close one before another is opened.", retry_after=5
)

ACCESS_KINDS = (
    NO_CREDENTIAL, BAD_CREDENTIAL, CREDENTIAL_IN_URL, TWO_CREDENTIALS, SCOPE_MISSING, OTHER_TENANT, GUESSING,
    TOKEN_KEYS_AWAY, NO_SUCH_KEY, TOO_MANY_KEYS, TOO_MANY_STREAMS,
)  # fmt: skip
