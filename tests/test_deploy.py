"""The image and the compose file: linted, and held against the program. They are not run here."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy_facts import (
    DEPLOY,
    PATHS,
    PORT,
    ROOT,
    VARIABLES,
    ending_max_s,
    is_command,
    lint,
    unknown_variables,
)

DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
CADDYFILE = (DEPLOY / "Caddyfile").read_text(encoding="utf-8")
EXAMPLE = (DEPLOY / "env.example").read_text(encoding="utf-8")


def instructions(name: str) -> list[str]:
    """The arguments of an instruction of the Dockerfile, each as it stands there."""
    joined = DOCKERFILE.replace("\\\n", " ")
    return re.findall(rf"^{name}\s+(.*)$", joined, re.MULTILINE)


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE)["services"]
    return found


# --- linters ----------------------------------------------------------------------------------


def test_the_dockerfile_has_no_faults() -> None:
    assert lint("hadolint", "--failure-threshold", "info", "deploy/Dockerfile") == (0, "")


def test_the_compose_file_is_one() -> None:
    status, said = lint(
        *("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "deploy/compose.yaml")
    )
    assert status == 0, said


def test_caddy_takes_its_file() -> None:
    status, said = lint(
        *("caddy", "validate", "--adapter", "caddyfile", "--config", "deploy/Caddyfile")
    )
    assert status == 0, said


def test_nats_takes_its_file() -> None:
    status, said = lint("nats-server", "-t", "-c", "deploy/nats.conf", NATS_PASSWORD="x1")
    assert status == 0, said
    assert lint("nats-server", "-t", "-c", "deploy/nats.conf")[0] != 0


# --- the image --------------------------------------------------------------------------------


def test_what_the_image_copies_is_there_and_reaches_the_builder() -> None:
    let_through = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    from_here = [line for line in instructions("COPY") if not line.startswith("--from=")]
    copied = [source for line in from_here for source in line.split()[:-1]]
    assert copied
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert sorted(copied) == sorted(let_through)


def test_the_image_serves_as_nobody_without_a_shell() -> None:
    assert instructions("USER") == ["10001"]
    program = json.loads(instructions("ENTRYPOINT")[0])
    assert program == ["threadcast"]
    assert is_command(json.loads(instructions("CMD")[-1]))
    assert instructions("EXPOSE") == [str(PORT)]


def test_the_image_asks_for_its_own_health() -> None:
    [asked] = re.findall(r"'127\.0\.0\.1:(\d+)'.*'GET', '(/\w+)'", DOCKERFILE)
    assert (int(asked[0]), asked[1] in PATHS) == (PORT, True)


def test_the_images_variables_and_extras_exist() -> None:
    named = re.findall(r"THREADCAST_\w+", DOCKERFILE)
    assert unknown_variables(named) == []
    extras = {
        name for group in re.findall(r"\[([a-z,]+)\]", DOCKERFILE) for name in group.split(",")
    }
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert extras == {"assistant", "nats", "postgres"}
    assert [name for name in extras if not re.search(rf"^{name} = \[", project, re.MULTILINE)] == []


# --- compose ----------------------------------------------------------------------------------


def nodes_of(services: dict[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in services.items() if name.startswith("node-")}


def test_three_nodes_differ_in_nothing_and_end_in_time(services: dict[str, Any]) -> None:
    nodes = list(nodes_of(services).values())
    assert len(nodes) == 3
    assert all(node == nodes[0] for node in nodes)
    assert float(nodes[0]["stop_grace_period"].removesuffix("s")) > ending_max_s()
    assert nodes[0]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_the_migration_is_a_command_that_ends(services: dict[str, Any]) -> None:
    assert is_command(services["migrate"]["command"])
    assert services["migrate"]["restart"] == "no"


def test_every_variable_of_the_servers_is_a_setting(services: dict[str, Any]) -> None:
    for name in ("migrate", *nodes_of(services)):
        assert unknown_variables(services[name]["environment"]) == []


def test_secrets_come_from_outside_and_are_asked_for() -> None:
    demanded = set(re.findall(r"\$\{(\w+):\?[^}]+\}", COMPOSE))
    assert set(re.findall(r"\$\{(\w+)", COMPOSE)) == demanded
    assert set(re.findall(r"^(\w+)=$", EXAMPLE, re.MULTILINE)) == demanded


def test_only_the_front_is_published_and_on_loopback(services: dict[str, Any]) -> None:
    assert {name: one["ports"] for name, one in services.items() if "ports" in one} == {
        "front": ["127.0.0.1:8080:8080"]
    }


def test_files_that_are_mounted_exist(services: dict[str, Any]) -> None:
    mounts = [one for service in services.values() for one in service.get("volumes", [])]
    files = [mount.split(":")[0] for mount in mounts if mount.startswith("./")]
    assert len(files) == 2
    assert [file for file in files if not (DEPLOY / file).is_file()] == []


def test_the_front_knows_every_node_and_asks_for_readiness(services: dict[str, Any]) -> None:
    [known] = re.findall(r"\{\$THREADCAST_NODES:([^}]+)\}", CADDYFILE)
    assert known.split() == [f"{name}:{PORT}" for name in nodes_of(services)]
    [path] = re.findall(r"health_uri (\S+)", CADDYFILE)
    assert path in PATHS
    assert not VARIABLES & set(re.findall(r"THREADCAST_\w+", CADDYFILE))


@pytest.mark.parametrize("file", ["Dockerfile", "compose.yaml", "Caddyfile", "nats.conf"])
def test_no_secret_is_in_a_file(file: str) -> None:
    text = Path(DEPLOY / file).read_text(encoding="utf-8")
    assert re.findall(r"(?i)(?:password|secret)[=:]\s*[\"']?[a-z0-9]{8,}", text) == []
