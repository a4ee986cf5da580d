"""Moved to `tocsin.streams.rules.config`."""

from tocsin.streams.rules.config import (
    EscalationPolicy,
    Grouping,
    LoopLimits,
    Step,
    TenantRules,
    TimeOfWeek,
    TimeoutPolicy,
)
from tocsin.streams.rules.values import GroupBy, Identical, Impact

__all__ = [
    "EscalationPolicy",
    "GroupBy",
    "Grouping",
    "Identical",
    "Impact",
    "LoopLimits",
    "Step",
    "TenantRules",
    "TimeOfWeek",
    "TimeoutPolicy",
]
