"""Secrets of every kind, and what must be found of them nowhere."""

from __future__ import annotations

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl"
PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIcanary\n-----END EC PRIVATE KEY-----"
WHSEC = "whsec_TfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WHSK = "whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk="
CANARIES = {
    "jwt": JWT,
    "sd-jwt": f"{JWT}~WyJhIiwiYiJd~WyJjIiwiZCJd~",
    "private key": PEM,
    "webhook secret": WHSEC,
    "webhook key": WHSK,
    "bearer": "Bearer c4n4ry-0123456789",
    "basic": "Basic Y2FuYXJ5OnBhc3M=",
    "url": "https://user:c4n4ry@internal.example/x",
    "card": "4111 1111 1111 1111",
    "form": "user=a&password=c4n4ry&x=1",
    "json in a text": '{"access_token": "c4n4ryc4n4ry"}',
    "cookie": "Cookie: session=c4n4ry; other=1",
}
SECRETS = [
    "eyJzdWIiOiJjYW5hcnkifQ", "MHcCAQEEIcanary", "TfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "VEVTVFNJR05JTkdLRVlET05P",
    "c4n4ry", "Y2FuYXJ5OnBhc3M",
    "1111 1111", "4111111111111111", "WyJhIiwiYiJd",
]  # fmt: skip
