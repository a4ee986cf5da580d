"""The rules file: YAML 1.2, checked whole, every finding with its line, into the RuleBook that the rules use."""

from tocsin.streams.rules.config import default_rulebook
from tocsin.streams.rulesfile.finding import Finding, RulesFileError
from tocsin.streams.rulesfile.loading import (
    check_rulebook,
    endpoint_names,
    json_schema,
    load_mediation,
    load_redactions,
    load_rulebook,
    load_wallets,
    read_content,
    read_rules,
)
from tocsin.streams.rulesfile.mediation import MediationRules

__all__ = [
    "Finding",
    "MediationRules",
    "RulesFileError",
    "check_rulebook",
    "default_rulebook",
    "endpoint_names",
    "json_schema",
    "load_mediation",
    "load_redactions",
    "load_rulebook",
    "load_wallets",
    "read_content",
    "read_rules",
]
