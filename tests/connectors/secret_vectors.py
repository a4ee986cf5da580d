"""What is a secret and what is none, for every program of ours that takes them out: the bus, and the files for Node and
Go."""

from __future__ import annotations

from tocsin.connectors.access.api_keys import new_key

SECRET_NAMES = (
    "db_password", "db_passwd", "DB-Password", "userPassword", "PGPASSWORD", "user_token", "csrf_token", "csrfToken",
    "secretKey", "secret_key", "AccountKey", "AZURE_STORAGE_KEY", "wallet_key", "x-api-key", "Set-Cookie",
    "privateKeyMultibase", "privateKeyBase58", "secretKeyJwk", "signing_key", "wallet_seed", "seed",
    "clientSecret", "aws_secret_access_key", "http.request.Authorization", "pwd", "passphrase",
)  # fmt: skip
OTHER_NAMES = (
    "token_type", "token_count", "tokens", "password_policy", "code_key", "public_key", "key_id", "key", "tokenizer",
    "keyboard", "monkey", "recordKey", "verkey", "secrets_found", "cookie_policy", "cwd", "authorization_server",
    "token.id", "seeded", "random_seed", "publicKeyMultibase", "publicKeyJwk",
)  # fmt: skip

GITHUB, STRIPE, SLACK = "ghp_" + "S3kret" * 6, "sk_live_" + "S3kret" * 4, "xoxb-1234567890-" + "S3kret" * 3
AWS = "AKIA" + "IOSFODNN7EXAMPLE", "S3kret" * 6 + "abcd"
KEY = new_key().text
D = "S3kret_WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
LEAKS = {
    "a header with a key": ("x-api-key: S3kret", "x-api-key: [redacted value]"),
    "a scheme": ("Authorization: Token S3kret-", "Authorization: Token [redacted credentials]"),
    "another scheme": ("Authorization: ApiKey S3kret-!", "Authorization: ApiKey [redacted credentials]"),
    "no scheme": ("Authorization: S3kret", "Authorization: [redacted credentials]"),
    "a header in a dict": ("{'Authorization': 'Token S3kret'}", "{'Authorization': 'Token [redacted credentials]'}"),
    "a cookie in a dict": ("{'Cookie': 'sid=S3kret; a=S3kret'}", "{'Cookie': '[redacted value]'}"),
    "bytes": ("{'password': b'S3kret'}", "{'password': b'[redacted value]'}"),
    "a list": ("{'password': ['S3kret', 'S3kret']}", "{'password': [redacted value]}"),
    "an object": ('{"password":{"value":{"a":"S3kret"}},"n":1}', '{"password":[redacted value],"n":1}'),
    "a bracket within a list": ("{'password': ['a]b', 'S3kret'], 'n': 1}", "{'password': [redacted value], 'n': 1}"),
    "a bracket within an object": ('{"token":{"a":"}","b":["S3kret)"]},"n":1}', '{"token":[redacted value],"n":1}'),
    "a bracket behind a quote within a list": ('password=["a\\"]", "S3kret"] n', "password=[redacted value] n"),
    "a bracket within a list that is quoted": (
        '"{\\"token\\": [\\"a]\\\\\\"]\\", \\"S3kret\\"], \\"n\\": 1}"',
        '"{\\"token\\": [redacted value], \\"n\\": 1}"',
    ),
    "bytes within a list": ("password=[b'a]', b'S3kret']", "password=[redacted value]"),
    "a list within lists": ("password=[[['a'], 'b'], 'S3kret'] n", "password=[redacted value] n"),
    "a list in which a quote does not end": ("password=['a]S3kret, S3kret\n] n", "password=[redacted value] n"),
    "a word with a quote in it": ("password=(don't say S3kret) n", "password=[redacted value] n"),
    "a colon": ("pwd: S3kret", "pwd: [redacted value]"),
    "a colon and no blank": ("token:S3kret", "token:[redacted value]"),
    "a colon and quotes": ("apiKey: 'secretword'", "apiKey: '[redacted value]'"),
    "an option": ("run --db-password S3kret x", "run --db-password [redacted value] x"),
    "an option with quotes": ("run --password 'some words' x", "run --password '[redacted value]' x"),
    "a user of curl": ("curl -u bob:S3kret https://x", "curl -u bob:[redacted value] https://x"),
    "an element": ("<password>some words</password>", "<password>[redacted value]</password>"),
    "an arrow": ("password=>S3kret", "password=>[redacted value]"),
    "a blank in quotes": ("password='S3kret with S3kret' x", "password='[redacted value]' x"),
    "a quote in quotes": ('password="a\\"S3kret" x', 'password="[redacted value]" x'),
    "a text quoted twice": (
        '"{\\"token\\": \\"a\\\\\\"S3kret\\", \\"n\\": 1}"',
        '"{\\"token\\": \\"[redacted value]\\", \\"n\\": 1}"',
    ),
    "a quote that does not end": ("password='S3kret with S3kret", "password='[redacted value]"),
    "a key of storage": ("AccountKey=S3kret==;a", "AccountKey=[redacted value];a"),
    "a key by its name": ("AZURE_STORAGE_KEY=S3kret wallet_key=x12", None),
    "a word before a secret that seems to be its value": ("Authorization: password: S3kret", None),
    "a token of GitHub": (f"token {GITHUB}", "token [redacted API key]"),
    "a fine token of GitHub": ("github_pat_11S3kret_S3kretS3kretS3kret", "[redacted API key]"),
    "a key of Stripe": (f"({STRIPE})", "([redacted API key])"),
    "a token of Slack": (SLACK, "[redacted API key]"),
    "a key of AWS and the secret beside it": (" ".join(AWS), "[redacted API key]"),
    "a token of GitLab": ("glpat-S3kretS3kretS3kret!", "[redacted API key]!"),
    "a token of npm": ("npm_" + "S3kret" * 6, "[redacted API key]"),
    "a key of Google": ("key=AIza" + "S3kret" * 6, "key=[redacted API key]"),
    "a key of OpenAI": ("(sk-proj-S3kretS3kretS3kretS3kret)", "([redacted API key])"),
    "an address of Slack": ("https://hooks.slack.com/services/T000/B000/S3kretS3kret", "https://[redacted API key]"),
    "an address that is signed": (
        "https://a/b?sv=1&sig=S3kretS3kretS3kret%3D&c=1",
        "https://a/b?sv=1&sig=[redacted value]&c=1",
    ),
    "an address that is signed at length": (
        "https://a/b?X-Amz-Signature=" + "5ecret" * 10,
        "https://a/b?X-Amz-Signature=[redacted value]",
    ),
    "a password with an at sign": ("postgres://ann:S3@kr@S3kret@db/x", "postgres://ann:***@db/x"),
    "two passwords": ("postgres://a:S3kret@b,http://c:S3kret@d", "postgres://a:***@b,http://c:***@d"),
    "a header in a pair": (
        "[('x-api-key', 'S3kret9'), (b'cookie', b'sid=S3kret9')]",
        "[('x-api-key', '[redacted value]'), (b'cookie', b'[redacted value]')]",
    ),
    "a header that is folded": (
        "Authorization: Bearer\r\n S3kretS3kret9",
        "Authorization: Bearer\r\n [redacted credentials]",
    ),
    "a value in the next line": ("password:\n  S3kret9\nuser: ann", "password:\n  [redacted value]\nuser: ann"),
    "a member's value in the next line": ('"password":\n  "S3kret"', '"password":\n  "[redacted value]"'),
    "a private JWK": (f'{{"kty":"OKP","d":"{D}","x":"abc"}}', '{"kty":"OKP","d":"[redacted private key]","x":"abc"}'),
    "a private JWK of Python": (f"{{'k': b'{D}', 'kty': 'oct'}}", "{'k': b'[redacted private key]', 'kty': 'oct'}"),
    "a private JWK quoted twice": (
        f'"{{\\"kty\\": \\"OKP\\", \\"d\\": \\"{D}\\"}}"',
        '"{\\"kty\\": \\"OKP\\", \\"d\\": \\"[redacted private key]\\"}"',
    ),
    "a private key of a DID": ("{'privateKeyMultibase': 'z3u2S3kret'}", "{'privateKeyMultibase': '[redacted value]'}"),
    "a seed": ("--wallet-seed S3kret9 seed=S3kret9", "--wallet-seed [redacted value] seed=[redacted value]"),
    "a key of ours": (f"key {KEY}.", "key [redacted API key]."),
}
"""A text with a secret, and the text without it."""

STAYS = (
    "token expired",
    "token: expired",
    "access token: 401 Unauthorized",
    "unexpected token: 'end' at line 3",
    "Authorization failed: scope missing",
    "Authorization: scope missing",
    "Authorization: Bearer missing",
    "password: wrong, and the secret: unknown",
    "the option --password is required, --token must be set",
    "token: did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK",
    "the key did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK is unknown",
    "no private key for did:sov:C805sNYhMrjHiqZDTUASHg#key-1",
    "verkey 8HH5gYEeNc3z7PYXmd54d4x6qAfCNrqQqEB3nS7Zfu7K of the token holder",
    "thread 7c9de639-c51c-4d60-ab95-103fa613c805 has no token",
    "e.p.trust.crypto: no secret, and password e.p.trust",
    "token_type: Bearer7, token_count=12345, public_key=abc123",
    "ghp_ and xoxb- and AKIA are how keys begin",
    "tocsin_gateway_requests_total is a metric",
    "sudo -u root ls a:b",
    "<token/> and <password></password>",
    "missing: ['password', 'email'], ('token', 'is too short')",
    "https://example.org/a?design=modernmodernmodern&assigned=1",
    "task-abcdefghijklmnopqrstuvwxyz and disk-0123456789012345678901234",
    '{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}',
    '{"d": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"} of no key',
    "https://example.org/users/@abcdefghijklmnopqrstuv9@x",
    "the seed of the generator, and a seedling: 12 leaves",
    "password:\nuser: ann",
)
"""What is said of secrets."""
