"""The sections `limits`, `timeouts`, `escalations` and `tenants` as the policies of the rules: the defaults of
`rules.policies`, with what the file says instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from pydantic import BaseModel

from tocsin.streams.rules.policies import EscalationPolicy, LoopLimits, Step, TenantRules, TimeoutPolicy
from tocsin.streams.rulesfile.finding import Findings, Path
from tocsin.streams.rulesfile.model import RulesModel
from tocsin.streams.rulesfile.naming import check_endpoints, check_name
from tocsin.streams.rulesfile.policy_model import EscalationModel, LimitsModel, StepModel, TimeoutModel


def limits_of(model: LimitsModel, otherwise: LoopLimits) -> LoopLimits:
    """The limits that a section gives; `otherwise` holds where it says nothing."""
    given = _given(model)
    if "identical" in given:
        given["identical"] = tuple(given["identical"])
    return msgspec.structs.replace(otherwise, **given)


def timeouts_of(
    models: list[TimeoutModel], otherwise: tuple[TimeoutPolicy, ...], path: Path, findings: Findings
) -> tuple[TimeoutPolicy, ...]:
    """The policies of a list, and after them `otherwise`, unless the last one takes all messages."""
    policies: list[TimeoutPolicy] = []
    for number, model in enumerate(models):
        here = (*path, number)
        if policies and not policies[-1].messages:
            findings.warning(here, "never used: the entry before it takes all messages", "put it first")
        given = _given(model)
        policy = msgspec.structs.replace(TimeoutPolicy(), **(given | {"messages": tuple(model.messages)}))
        if policy.ceiling < policy.floor:
            findings.error(here, "the ceiling is below the floor", remedy="raise the ceiling (7d if not given)")
        if policy.max_backoff < policy.backoff:
            findings.error(here, "max_backoff is below backoff", remedy="raise max_backoff (1h if not given)")
        policies.append(policy)
    takes_all = any(not policy.messages for policy in policies)
    return tuple(policies) if takes_all else (*policies, *otherwise)


def tenants_of(
    model: RulesModel, limits: LoopLimits, timeouts: tuple[TimeoutPolicy, ...], findings: Findings
) -> Mapping[str, TenantRules]:
    """What holds for each tenant that the file names: its own, and else what holds for all."""
    return {
        name: TenantRules(
            limits=limits_of(own.limits, limits),
            timeouts=timeouts_of(own.timeouts, timeouts, ("tenants", name, "timeouts"), findings),
        )
        for name, own in model.tenants.items()
    }


def escalations_of(model: RulesModel, findings: Findings) -> Mapping[str, EscalationPolicy]:
    """The escalation policies by name."""
    return {name: _policy(name, each, model, findings) for name, each in model.escalations.items()}


def _policy(name: str, model: EscalationModel, file: RulesModel, findings: Findings) -> EscalationPolicy:
    path: Path = ("escalations", name)
    if name == "none":
        findings.error(path, "a policy cannot be named none: it means no policy", remedy="rename it")
    for number, step in enumerate(model.steps):
        check_endpoints(step.endpoints, file.endpoints, (*path, "steps", number, "endpoints"), findings)
    if model.uri_endpoint is not None:
        check_name("endpoint", "endpoints", model.uri_endpoint, file.endpoints, (*path, "uri_endpoint"), findings)
    bare = EscalationPolicy(name=name, steps=tuple(map(_step, model.steps)), uris=tuple(model.uris))
    given = {key: value for key, value in _given(model).items() if key not in ("steps", "uris")}
    given["impact"] = {**bare.impact, **model.impact}
    return msgspec.structs.replace(bare, **given)


def _step(model: StepModel) -> Step:
    every, times = (model.repeat.every, model.repeat.times) if model.repeat else (0, 0)
    return Step(wait=model.wait, endpoints=tuple(model.endpoints), every=every, times=times)


def _given(model: BaseModel) -> dict[str, Any]:
    """What a section says itself."""
    return {name: value for name in model.model_fields_set if (value := getattr(model, name)) is not None}
