"""Who asks, and what they may do: API keys, JSON Web Tokens, callers and what is told of them on the topic `audit`
(docs/access.md).

What is decided here is synchronous, and is told the time; where keys are kept and tokens' keys are fetched is the
shell's.
"""

from __future__ import annotations

from tocsin.connectors.access.api_keys import ApiKeys, KeyState, NewKey, id_of_key, new_key
from tocsin.connectors.access.audit import Audit, AuditBook, network_of
from tocsin.connectors.access.caller import EVERY_TENANT, Caller, CredentialRefused, RefusedFor, Scope
from tocsin.connectors.access.tokens import ALGORITHMS, KeysUnusable, TokenKeys, TokenRules, caller_of_token

__all__ = [
    "ALGORITHMS",
    "EVERY_TENANT",
    "ApiKeys",
    "Audit",
    "AuditBook",
    "Caller",
    "CredentialRefused",
    "KeyState",
    "KeysUnusable",
    "NewKey",
    "RefusedFor",
    "Scope",
    "TokenKeys",
    "TokenRules",
    "caller_of_token",
    "id_of_key",
    "network_of",
    "new_key",
]
