"""The Helm chart, rendered by Helm's own engine: valid, and held against the program.

It is not installed into a cluster here.
"""

from __future__ import annotations

import platform
import sys
from typing import Any

import kubernetes_validate
import pytest
import yaml

from deploy_facts import DEPLOY, PATHS, PORT, ending_max_s, is_command, unknown_variables

CHART = DEPLOY / "helm" / "threadcast"
KUBERNETES = ("1.30", "1.33", "1.36")
EVERYTHING: dict[str, Any] = {
    "workers": {"replicas": 2},
    "autoscaling": {"enabled": True},
    "ingress": {"enabled": True, "className": "nginx", "tlsSecret": "chat-tls"},
    "networkPolicy": {"enabled": True, "from": [{"podSelector": {"matchLabels": {"a": "b"}}}]},
    "podMonitor": {"enabled": True},
    "settings": {"allowed_hosts": "chat.example.com, other.example.com", "drain_s": 5},
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "chat", "operator": "Exists"}],
}

pytestmark = pytest.mark.skipif(
    sys.platform == "linux" and platform.machine() != "x86_64",
    reason="Helm's engine has no wheel for this machine",
)


def rendered(**values: Any) -> list[dict[str, Any]]:
    """Every manifest that the chart makes of these values."""
    import helm_python

    with helm_python.Chart.load(CHART) as chart:
        chart.validate_schema(values)
        texts = chart.render(values, name="chat", namespace="prod")
    manifests = [text for name, text in texts.items() if name.endswith(".yaml")]
    return [one for text in manifests for one in yaml.safe_load_all(text) if one]


def of_kind(kind: str, manifests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in manifests if one["kind"] == kind]


def pods(manifests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The pods' specifications of everything that runs."""
    return [
        one["spec"]["template"]["spec"] for one in manifests if one["kind"] in ("Deployment", "Job")
    ]


def environment(pod: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one for one in pod["containers"][0]["env"]}


def test_helm_finds_nothing_to_say() -> None:
    import helm_python

    found = helm_python.lint(CHART, strict=True)
    assert found["errors"] == []
    assert [one for one in found["messages"] if one["severity"] > 1] == []


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["as it comes", "everything"])
@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_knows_every_field(values: dict[str, Any], version: str) -> None:
    ours = [one for one in rendered(**values) if "monitoring.coreos.com" not in one["apiVersion"]]
    assert len(ours) > 3
    for manifest in ours:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_what_is_optional_is_there_when_it_is_asked_for() -> None:
    plain = {one["kind"] for one in rendered()}
    assert plain == {"Deployment", "Job", "PodDisruptionBudget", "Service"}
    assert {one["kind"] for one in rendered(**EVERYTHING)} - plain == {
        *("HorizontalPodAutoscaler", "Ingress", "NetworkPolicy", "PodMonitor")
    }


def test_every_variable_is_a_setting_and_secrets_are_references() -> None:
    for pod in pods(rendered(**EVERYTHING)):
        variables = environment(pod)
        assert unknown_variables(variables) == []
        by_reference = {name for name, one in variables.items() if "valueFrom" in one}
        secret = {"THREADCAST_DATABASE_URL", "THREADCAST_BUS_URL", "THREADCAST_JWT_SECRET"}
        assert by_reference == secret
        assert pod["enableServiceLinks"] is False  # THREADCAST_PORT would be a link


def test_pods_run_as_nobody_and_write_nowhere() -> None:
    for pod in pods(rendered(**EVERYTHING)):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001  # as in the Dockerfile
        assert pod["automountServiceAccountToken"] is False
        container = pod["containers"][0]["securityContext"]
        assert container["readOnlyRootFilesystem"] is True
        assert container["allowPrivilegeEscalation"] is False
        assert container["capabilities"] == {"drop": ["ALL"]}


def test_commands_exist_and_the_database_is_migrated_first() -> None:
    manifests = rendered()
    assert all(is_command(pod["containers"][0]["args"]) for pod in pods(manifests))
    [job] = of_kind("Job", manifests)
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert job["spec"]["template"]["spec"]["containers"][0]["args"] == ["migrate"]


def test_a_node_has_time_to_drain() -> None:
    for deployment in of_kind("Deployment", rendered(**EVERYTHING)):
        pod = deployment["spec"]["template"]["spec"]
        waits_s = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert pod["terminationGracePeriodSeconds"] > waits_s + ending_max_s()


def test_probes_ask_what_is_answered_and_name_a_host_that_is_allowed() -> None:
    for values, host in (({}, None), (EVERYTHING, "chat.example.com")):
        for deployment in of_kind("Deployment", rendered(**values)):
            [container] = deployment["spec"]["template"]["spec"]["containers"]
            assert container["ports"] == [{"name": "http", "containerPort": PORT}]
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                asked = container[probe]["httpGet"]
                assert asked["path"] in PATHS
                assert asked["port"] == "http"
                headers = [{"name": "Host", "value": host}] if host else None
                assert asked.get("httpHeaders") == headers
            assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_with_workers_the_nodes_that_serve_users_run_nothing() -> None:
    roles = {
        one["metadata"]["name"]: environment(one["spec"]["template"]["spec"])["THREADCAST_ROLE"]
        for one in of_kind("Deployment", rendered(**EVERYTHING))
    }
    assert {name: one["value"] for name, one in roles.items()} == {
        "chat-threadcast-node": "gateway",
        "chat-threadcast-worker": "worker",
    }
    [alone] = of_kind("Deployment", rendered())
    assert environment(alone["spec"]["template"]["spec"])["THREADCAST_ROLE"]["value"] == "all"


def test_every_selector_finds_the_pods_that_it_is_for() -> None:
    manifests = rendered(**EVERYTHING)
    labels = {
        one["metadata"]["name"]: one["spec"]["template"]["metadata"]["labels"]
        for one in of_kind("Deployment", manifests)
    }

    def found(selector: dict[str, str]) -> list[str]:
        return [name for name, own in labels.items() if selector.items() <= own.items()]

    [service] = of_kind("Service", manifests)
    assert found(service["spec"]["selector"]) == ["chat-threadcast-node"]
    for one in of_kind("Deployment", manifests) + of_kind("PodDisruptionBudget", manifests):
        assert found(one["spec"]["selector"]["matchLabels"]) == [one["metadata"]["name"]]
    [policy] = of_kind("NetworkPolicy", manifests)
    assert len(found(policy["spec"]["podSelector"]["matchLabels"])) == 2


def test_the_autoscaler_alone_counts_the_nodes() -> None:
    nodes, workers = of_kind("Deployment", rendered(**EVERYTHING))
    assert "replicas" not in nodes["spec"]
    assert workers["spec"]["replicas"] == 2


@pytest.mark.parametrize(
    "values",
    [
        {"settings": {"database_url": "postgresql://u:p@h/d"}},  # a secret, by value
        {"settings": {"Drain": 1}},
        {"replicas": 3},
        {"nodes": {"replicas": "three"}},
        {"existingSecret": ""},
        {"settings": {"drain_s": 60}},  # killed before it has ended
    ],
)
def test_values_that_cannot_be_right_are_refused(values: dict[str, Any]) -> None:
    import helm_python

    with pytest.raises(helm_python.HelmError):
        rendered(**values)
