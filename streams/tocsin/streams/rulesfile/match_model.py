"""What routes, silences and inhibitions ask of a problem, as pydantic checks it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from tocsin.streams.rulesfile.values import Codes, Severities, Strict, Texts

Expression = Annotated[str, StringConstraints(min_length=1, max_length=1024)]


class MatchModel(Strict):
    """What is asked of a problem. Entries of one list are alternatives; all lists that are given must fit."""

    code: Codes = Field(default=[], description="Code prefixes by whole tokens: e.p.xfer fits e.p.xfer.cant-use.")
    tenant: Texts = Field(default=[], description="Tenants.")
    severity: Severities = Field(default=[], description="error, warning or unknown.")
    protocol: Texts = Field(default=[], description="Protocols: issue-credential, or a PIURI with or without version.")
    category: Texts = Field(default=[], description="Categories, by whole tokens: xfer, me.res.")
    scope: Texts = Field(default=[], description="Scopes: protocol, message, a state, ...")
    trust: Texts = Field(default=[], description="Trust of the connection as last told: low, high, unknown, ...")
    record_type: Texts = Field(default=[], description="Types of the record it is about.")
    connection: Texts = Field(default=[], description="Connections.")
    expr: Expression | None = Field(default=None, description="CEL over the problem, for what is left.")
