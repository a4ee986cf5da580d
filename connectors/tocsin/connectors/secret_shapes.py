"""What a secret looks like: the names that its value stands under, and one regular expression for those in a text.

Each part reads on from where it began and never again, or looks a bounded way ahead: a hostile text costs what its
length does.
"""

from __future__ import annotations

import re
from typing import Literal

Kind = Literal["bearer", "jwt", "private-key", "webhook-secret", "api-key", "url-password", "card", "named"]
"""bearer: the credentials of Authorization headers. api-key: what is known by its form (`ghp_`, `AKIA`, `tocsin_`), and
what signs an address. private-key: in PEM, or as a JWK.
named: the value of a member, of `name=value` or the like, whose name ends in password, secret, token, api_key..."""

WHOLE_NAMES = frozenset(("authorization", "proxyauthorization", "xauthorization", "pwd", "seed", "mnemonic"))
NAME_ENDINGS = (
    "password", "passwd", "passphrase", "dbpwd", "userpwd", "secret", "token", "cookie", "apikey", "accesskey",
    "privatekey", "secretkey", "accountkey", "storagekey", "walletkey", "signingkey", "encryptionkey", "masterkey",
    *(f"{kind}key{form}" for kind in ("private", "secret") for form in ("multibase", "base58", "jwk", "hex", "pem")),
    "didseed", "walletseed",
)  # fmt: skip
"""How names of members end whose value is secret, in small letters without `_` and `-`."""


def is_secret_name(name: str) -> bool:
    """Whether the value of a member of this name is secret: by its last word, in snake, kebab or camel case."""
    folded = name.rpartition(".")[2].casefold().replace("_", "").replace("-", "")
    return folded.endswith(NAME_ENDINGS) or folded in WHOLE_NAMES


PRIVATE_OF_JWK = frozenset(("d", "k", "p", "q", "dp", "dq", "qi", "oth"))
"""Members of a JWK (what has a `kty`) that nobody else may know."""

_KEY = r"[_-]?key(?:[_-]?(?:multibase|base58|jwk|hex|pem))?"
# By first letters, in a set: where none of them stands nothing else is tried, which it is at each place of a text.
_NAMED = (
    rf"(?:[pP](?i:ass(?:w(?:or)?d|phrase)|wd|rivate{_KEY})|[sS](?i:ecret(?:{_KEY})?|(?:torage|igning){_KEY}"
    r"|eed(?:(?<![a-z]seed)|(?<=(?:did|let)seed)))"
    rf"|[aA](?i:(?:pi|ccess|ccount){_KEY})|[wW](?i:allet{_KEY})|[eE](?i:ncryption{_KEY})"
    rf"|[mM](?i:nemonic|aster{_KEY})|[tT](?i:oken))"
)
_NO_MARK = r"(?!\[redacted)"
_WORD = r"[^\s\"'&;,<>\\]"
_CREDENTIAL = r"[A-Za-z0-9._~+/-]"


def _made(each: str) -> str:
    """Looks ahead for what is made by a machine, as opposed to a word (`Basic authentication`, `token: expired`)."""
    return rf"(?={each}{{32}}|{each}{{0,31}}[0-9]|{each}(?={each}{{0,30}}[a-z]){each}{{0,30}}[A-Z])"


def _quoted(number: int) -> tuple[str, str]:
    """The opening quote of a value, which may stand in a text that is quoted itself, and what follows up to its end: a
    quote with more backslashes before it than the first does not end it."""
    back, quote = f"(?P=back{number})", f"(?P=quote{number})"
    return (
        rf"(?:[bBrRuUfF]{{0,2}}(?P<back{number}>\\*+)(?P<quote{number}>[\"']))",
        rf"(?:[^\\\"'\r\n]++|\\++(?!{quote}|\\)|(?!{quote})[\"']|{back}\\++{quote})++",
    )


_OPEN, _INSIDE = _quoted(1)
_LOOSELY_OPEN, _LOOSELY_INSIDE = _quoted(2)
# a header in a list of pairs; other lists have names side by side
_PAIRED = r"[ \t]{0,4},[ \t]{0,4}(?=b?\\{0,8}[\"'][^\"'\\\r\n]{0,64}[0-9])"
_FOLDED = r"(?:[ \t]{0,4}\r?\n[ \t]{1,32})"
"""Where a line goes on in the next one."""


def _brackets(levels: int) -> str:
    """A list or an object to its end, with so many levels in it. What is quoted where a value begins may hold brackets,
    and is gone through to its own end; also in a text that is quoted itself."""
    quoted = "|".join(
        rf"{quote}(?:[^{quote}\\\r\n]++|\\.)*+{quote}?|\\{quote}(?:[^\\\r\n]++|\\\\\\{quote}|\\(?!{quote}))*+(?:\\{quote})?"
        for quote in "\"'"
    )
    inside = rf"[^\[\](){{}}\"'\\]++|(?:(?<=[\[({{,:\s])|(?<=[\[({{,:\s]b))(?:{quoted})|[\"'\\]"
    deeper = "" if levels == 0 else f"|{_brackets(levels - 1)}"
    return rf"[\[({{](?:{inside}{deeper})*+[\])}}]?"


_BRACKETS = _brackets(2)

SECRET = re.compile(
    r"(?P<private_key>-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]{1,60}-----|\Z))"
    r"|(?P<webhook_secret>(?<![A-Za-z0-9])whs(?:ec|k)_[A-Za-z0-9+/_=-]{8,})"
    # from the start of a word, and only if two dots follow: each `eyJ` in a long word would scan it to its end again
    r"|(?P<before>(?<![A-Za-z0-9_-])(?=[A-Za-z0-9_-]*+\.[A-Za-z0-9_-]*+\.)[A-Za-z0-9_-]*?)"
    r"(?P<jwt>(?<![A-Za-z])eyJ[A-Za-z0-9_-]{5,}+(?:\.[A-Za-z0-9_-]*+){2,4}+(?:~[A-Za-z0-9_.-]*+)*+)"
    r"|(?P<api_key>(?<![A-Za-z0-9])(?:gh[oprsu]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,}"
    r"|[rs]k_(?:live|test)_[A-Za-z0-9]{8,}|xox[abeoprs]-[A-Za-z0-9-]{8,}|npm_[A-Za-z0-9]{24,}|glpat-[A-Za-z0-9_-]{16,}"
    r"|AIza[A-Za-z0-9_-]{30,}|sk-(?:[a-z0-9]{1,16}-){0,3}[A-Za-z0-9_]{20,}[A-Za-z0-9_-]*"
    r"|hooks\.slack\.com/services/[A-Za-z0-9/_-]{16,}|tocsin_[a-z0-9]{4,32}_[A-Za-z0-9_-]{16,}"
    # an id of AWS, and the secret beside it
    r"|A(?:KI|SI)A[A-Z0-9]{16}(?![A-Za-z0-9])(?:[\s:,;/\"'=]{1,4}[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+]))?))"
    # what may be the first of a header's two words names a scheme
    r"|(?P<authorization>[aA](?i:uthorization)\\{0,8}[\"']?[ \t]{0,4}[:=][ \t]{0,4}b?\\{0,8}[\"']?"
    rf"(?:(?:(?i:api-?key|dpop|oauth|aws4-hmac-sha256)|[A-Za-z][a-z-]{{0,20}}|[A-Z-]{{1,20}})[ \t]{{1,4}})?)"
    rf"{_NO_MARK}(?!{_WORD}{{1,24}}[ \t]{{1,4}}\[redacted){_made(_WORD)}{_WORD}{{4,}}"
    rf"|(?P<bearer>[bB](?i:(?<![a-z]b)(?:earer|asic))(?:[ \t]+|{_FOLDED})){_made(_CREDENTIAL)}{_CREDENTIAL}{{8,}}=*"
    r"|(?P<url_password>(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s/?#@:\"'<>]*:)"
    r"[^\s/?#@\"'<>]+(?:@[^\s/?#@\"'<>,;]+)*(?=@)"
    r"|(?P<signed>[?&](?i:sig|(?:x-amz-|x-goog-)?signature)=)[A-Za-z0-9%/+_-]{16,}=*"
    rf"|(?P<named>(?:{_NAMED}[ \t]?(?:=>?|:=)[ \t]?"
    rf"|(?:{_NAMED}|[cC](?i:ookie2?))\\*[\"'](?:\s{{0,8}}(?::|=>?)\s{{0,32}}|{_PAIRED}))"
    rf"{_OPEN}?){_NO_MARK}(?(quote1){_INSIDE}|(?:{_BRACKETS}[^\s\"'&;,<>\\)\]}}]*|{_WORD}{{3,}}))"
    # a colon, or a blank behind an option, is of sentences too
    rf"|(?P<said>(?:(?<!unexpected )(?<!unknown ){_NAMED}[ \t]?:(?:{_FOLDED}|[ \t]{{0,4}})"
    rf"|(?<![\w-])--(?:[A-Za-z0-9]{{1,20}}-){{0,3}}{_NAMED}[ \t]{{1,4}}){_LOOSELY_OPEN}?){_NO_MARK}"
    rf"(?(quote2){_LOOSELY_INSIDE}|(?!did:|https?:|urn:){_made(_WORD)}{_WORD}{{4,}})"
    rf"|(?P<element>{_NAMED}>){_NO_MARK}[^<>\r\n]++(?=</)"
    rf"|(?P<user>(?<!\S)-(?:u|-user)[ =]{{1,2}}[\"']?[^\s:\"'/]{{1,64}}:){_NO_MARK}[^\s\"'/:]{{3,}}"
    r"|(?P<cookie>[cC](?i:(?<![a-z]c)ookie2?[ \t]*:[ \t]*)(?=[^\s=;]{1,200}=))(?!\[redacted)[^\r\n]+"
    r"|(?P<card>(?<![\w.+])[2-6](?:[ -]?[0-9]){12,18}(?![\w]))",
    re.DOTALL,
)
JWK = re.compile(
    r"(?P<before>[\"'](?:d|k|p|q|dp|dq|qi)\\{0,8}[\"']\s{0,8}:\s{0,32}[bBuU]?\\{0,8}[\"'])[A-Za-z0-9_-]{20,}=*"
)
"""Private members of a JWK, in a text that speaks of one (`kty`)."""
SHOWN: dict[str, tuple[Kind, str]] = {
    "private_key": ("private-key", "[redacted private key]"),
    "webhook_secret": ("webhook-secret", "[redacted webhook secret]"),
    "jwt": ("jwt", "[redacted JWT]"),
    "api_key": ("api-key", "[redacted API key]"),
    "authorization": ("bearer", "[redacted credentials]"),
    "bearer": ("bearer", "[redacted credentials]"),
    "url_password": ("url-password", "***"),
    "signed": ("api-key", "[redacted value]"),
    "named": ("named", "[redacted value]"),
    "said": ("named", "[redacted value]"),
    "element": ("named", "[redacted value]"),
    "user": ("named", "[redacted value]"),
    "cookie": ("named", "[redacted cookie]"),
    "card": ("card", "[redacted card number]"),
}
"""By the group of SECRET: its kind, and what stands in its place."""
WHOLE = frozenset(("private_key", "webhook_secret", "jwt", "api_key", "card"))
"""The groups that are the secret themselves; the others stand before it, and stay."""
