"""The manifests for Kubernetes: valid, and true to what the processes do."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from tests.harness.extras import needs
from tocsin.streams.settings import Settings, load_settings
from tocsin.streams.topology import TOPICS

KUBERNETES = Path(__file__).parents[2] / "deploy" / "kubernetes"
VARIANTS = ("base", "overlays/small", "overlays/keda")
OLDEST, NEWEST = "1.29", "1.37"
KEDA = "keda.sh/v1alpha1"
GROUPS = {"tocsin.worker": {"inbox", "deliveries"}, "tocsin.dispatch": {"attempts"}}
"""The consumer groups, and the topics of which they commit offsets."""


@cache
def built(variant: str) -> list[dict[str, Any]]:
    """What kustomize makes of a variant."""
    done = subprocess.run(
        [needs("kubectl", by="install kubectl 1.27 or later"), "kustomize", KUBERNETES / variant],
        capture_output=True,
        check=True,
    )
    return [document for document in YAML(typ="safe").load_all(done.stdout) if document]


def of_kind(variant: str, *kinds: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in built(variant) if one["kind"] in kinds}


def pods(variant: str) -> dict[str, dict[str, Any]]:
    """The pods' specifications, by name."""
    found = of_kind(variant, "Deployment", "StatefulSet", "Job")
    return {name: one["spec"]["template"]["spec"] for name, one in found.items()}


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_document_is_valid(variant: str, version: str) -> None:
    for document in built(variant):
        if document["apiVersion"] != KEDA:
            kubernetes_validate.validate(document, version, strict=True)


def test_what_is_misspelt_is_seen() -> None:
    wrong = {**of_kind("base", "StatefulSet")["worker"], "spec": {"replica": 2}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, NEWEST, strict=True)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_pod_is_restricted(variant: str) -> None:
    """As the namespace demands: no root, nothing written but its own folders, no rights."""
    assert set(pods(variant)) == {"topics", "worker", "dispatch", "project", "gateway"}
    for name, pod in pods(variant).items():
        [container] = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"], name
        assert container["securityContext"]["readOnlyRootFilesystem"], name
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}, name
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]}, name
        assert "memory" in container["resources"]["limits"], name


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_process_says_how_it_is(variant: str) -> None:
    for name, pod in pods(variant).items():
        [container] = pod["containers"]
        paths = {kind: container.get(kind, {}).get("httpGet", {}).get("path") for kind in
                 ("startupProbe", "livenessProbe", "readinessProbe")}  # fmt: skip
        wanted = ("/healthz", "/healthz", "/readyz") if name != "topics" else (None,) * 3
        assert tuple(paths.values()) == wanted, name


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_settings_are_taken(variant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [name] = [one for one in of_kind(variant, "ConfigMap") if one.startswith("tocsin-settings")]
    for variable, value in of_kind(variant, "ConfigMap")[name]["data"].items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("TOCSIN_HOME", str(tmp_path))
    settings = load_settings()
    [port] = {one["containerPort"] for pod in pods(variant).values() for one in pod["containers"][0].get("ports", ())
              if one["name"] == "metrics"}  # fmt: skip
    assert {settings.metrics_port, settings.gateway_metrics_port} == {port}
    assert settings.port == 8700


def test_a_disruption_takes_one_at_a_time() -> None:
    budgets = of_kind("base", "PodDisruptionBudget")
    assert set(budgets) == {"worker", "dispatch", "project", "gateway"}
    for name, budget in budgets.items():
        assert budget["spec"]["selector"] == {"matchLabels": {"tocsin-process": name}}
        assert of_kind("base", "Deployment", "StatefulSet")[name]["spec"]["replicas"] > 1


def test_only_the_dispatcher_and_the_gateway_reach_outside() -> None:
    egress = [one for one in of_kind("base", "NetworkPolicy").values() if "Egress" in one["spec"]["policyTypes"]]
    outside = [
        one for one in egress if any("ipBlock" in to for rule in one["spec"].get("egress", ()) for to in rule["to"])
    ]
    [policy] = outside
    assert policy["spec"]["podSelector"]["matchExpressions"][0]["values"] == ["dispatch", "gateway"]
    assert "169.254.0.0/16" in policy["spec"]["egress"][0]["to"][0]["ipBlock"]["except"]
    assert any(one["spec"]["podSelector"] == {} and "egress" not in one["spec"] for one in egress), "nobody, by default"


def test_scaling_follows_topics_that_the_groups_read() -> None:
    """One trigger for each topic of a group, never more processes than partitions."""
    named: dict[str, set[str]] = {}
    for scaled in of_kind("overlays/keda", "ScaledObject").values():
        assert scaled["spec"]["maxReplicaCount"] <= Settings.model_fields["partitions"].default
        for trigger in scaled["spec"]["triggers"]:
            metadata = trigger["metadata"]
            named.setdefault(metadata["consumerGroup"], set()).add(metadata["topic"].removeprefix("tocsin."))
    assert named == GROUPS
    assert set().union(*named.values()) <= {spec.name for spec in TOPICS}
