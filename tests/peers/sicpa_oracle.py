"""Runs in the environment of SICPA's `didcomm` (0.3.2), which cannot stand beside pydantic 2: one line of JSON in, one
out. `{"do": "pack" | "sign" | "unpack", "documents": [...], "secrets": [...], ...}`."""

from __future__ import annotations

import asyncio
import json
import sys
import warnings
from typing import Any

warnings.simplefilter("ignore")

from didcomm.common.algorithms import AnonCryptAlg  # type: ignore[import-not-found]  # noqa: E402
from didcomm.common.resolvers import ResolversConfig  # type: ignore[import-not-found]  # noqa: E402
from didcomm.common.types import (  # type: ignore[import-not-found]  # noqa: E402
    VerificationMaterial,
    VerificationMaterialFormat,
    VerificationMethodType,
)
from didcomm.did_doc.did_doc import DIDDoc  # type: ignore[import-not-found]  # noqa: E402
from didcomm.message import Message  # type: ignore[import-not-found]  # noqa: E402
from didcomm.pack_encrypted import PackEncryptedConfig, pack_encrypted  # type: ignore[import-not-found]  # noqa: E402
from didcomm.pack_signed import pack_signed  # type: ignore[import-not-found]  # noqa: E402
from didcomm.secrets.secrets_resolver import Secret, SecretsResolver  # type: ignore[import-not-found]  # noqa: E402
from didcomm.unpack import unpack  # type: ignore[import-not-found]  # noqa: E402


class Documents:
    def __init__(self, documents: list[dict[str, Any]]) -> None:
        self.found = {one["id"]: DIDDoc.deserialize(one) for one in documents}

    async def resolve(self, did: str) -> Any:
        return self.found.get(did)


class Secrets(SecretsResolver):  # type: ignore[misc]
    def __init__(self, secrets: list[dict[str, Any]]) -> None:
        kind, form = VerificationMethodType.JSON_WEB_KEY_2020, VerificationMaterialFormat.JWK
        self.found = {
            jwk["kid"]: Secret(jwk["kid"], kind, VerificationMaterial(form, json.dumps(jwk))) for jwk in secrets
        }

    async def get_key(self, kid: str) -> Any:
        return self.found.get(kid)

    async def get_keys(self, kids: list[str]) -> list[str]:
        return [kid for kid in kids if kid in self.found]


async def answer(asked: dict[str, Any]) -> dict[str, Any]:
    resolvers = ResolversConfig(Secrets(asked["secrets"]), Documents(asked["documents"]))
    if asked["do"] == "unpack":
        result = await unpack(resolvers, asked["content"])
        told = result.metadata
        return {
            "message": result.message.as_dict(),
            "authenticated": told.authenticated,
            "signed": told.non_repudiation,
            "from": told.encrypted_from or told.sign_from,
        }
    message = Message.from_dict(asked["message"])
    if asked["do"] == "sign":
        return {"content": (await pack_signed(resolvers, message, asked["from"])).packed_msg}
    config = PackEncryptedConfig(forward=False, protect_sender_id=asked.get("protect", False))
    if "anon" in asked:
        config.enc_alg_anon = AnonCryptAlg[asked["anon"]]
    packed = await pack_encrypted(
        resolvers, message, asked["to"], frm=asked.get("from"), sign_frm=asked.get("signed_by"), pack_config=config
    )
    return {"content": packed.packed_msg}


def main() -> None:
    for line in sys.stdin:
        try:
            told = asyncio.run(answer(json.loads(line)))
        except Exception as error:
            told = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
