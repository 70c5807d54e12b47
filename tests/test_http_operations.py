"""Health, readiness, metrics, documents and development tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from http_world import NAMED, World, bearer, running
from threadcast.schemas import openapi_document


async def test_health_and_readiness(world: World) -> None:
    async with world.client() as client:
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "ready")
        await world.node.drain()
        draining = await client.get("/readyz")
        assert (draining.status_code, draining.json()["status"]) == (503, "not_ready")
        assert draining.json()["checks"]["draining"] != "ok"
        assert (await client.get("/healthz")).status_code == 200


async def test_probes_need_no_origin(tmp_path: Path) -> None:
    async with running(tmp_path, require_origin=True) as world, world.client() as client:
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/v1/threads")).status_code == 401


async def test_a21_without_signing_keys_the_server_is_degraded(tmp_path: Path) -> None:
    keys: dict[str, Any] = {
        "jwt_secret": None,
        "jwt_jwks_url": "http://127.0.0.1:9/keys",
        "insecure_allow_private_jwks": True,
        "jwt_audience": "a",
        "jwt_issuer": "i",
    }
    async with running(tmp_path, **keys) as world, world.client() as client:
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("203.0.113.7", {}, 401),
        ("127.0.0.1", {"x-forwarded-for": "127.0.0.1"}, 401),
        ("203.0.113.7", bearer("u-1"), 403),
        ("203.0.113.7", bearer("u-1", scopes=("metrics",)), 200),
        ("203.0.113.7", bearer("u-1", scopes=("x", "ops")), 200),
    ],
)
async def test_metrics_are_for_this_machine_and_for_operators(
    world: World, address: str, headers: dict[str, str], status: int
) -> None:
    async with world.client(address=address) as client:
        answer = await client.get("/metrics", headers=headers)
    assert answer.status_code == status
    if status == 200:
        assert answer.headers["content-type"].startswith("text/plain")
        assert "threadcast_connections" in answer.text
        assert "u-1" not in answer.text


async def test_the_documents_are_served_and_every_operation_is_there(tmp_path: Path) -> None:
    async with running(tmp_path, console=True) as world, world.client() as client:
        document = (await client.get("/openapi.json")).json()
        assert document["paths"].keys() == openapi_document("0")["paths"].keys()
        assert (await client.get("/asyncapi.json")).json()["asyncapi"].startswith("3.")
        for path, operations in document["paths"].items():
            for method in operations:
                named = path.replace("{", "").replace("}", "")
                answer = await client.request(method.upper(), named)
                assert answer.status_code in {200, 401}, (method, path)


DEV: dict[str, Any] = {"dev": True}


async def test_a_development_server_mints_tokens_for_this_machine(tmp_path: Path) -> None:
    async with running(tmp_path, **DEV) as world, world.client(address="127.0.0.1") as client:
        made = await client.post("/dev/token", json={"user": "ada"})
        assert made.status_code == 200
        assert made.json()["user_id"] == "ada"
        headers = {"authorization": f"Bearer {made.json()['token']}"}
        assert (await client.get("/v1/threads", headers=headers)).status_code == 200
        made = await client.post("/dev/token", json={"user": "olga", "scopes": ["ops"]})
        headers = {"authorization": f"Bearer {made.json()['token']}"}
        assert (await client.get("/ops/nodes", headers=headers)).status_code == 200
        refused = await client.post("/dev/token", json={"user": "olga", "scopes": ["all"]})
        assert (refused.status_code, refused.json()["code"]) == (400, "bad_field")
        for user in ("", "a\nb", "a" * 256, 5):
            refused = await client.post("/dev/token", json={"user": user})
            assert refused.status_code == 400
        evil = {"origin": "https://evil.example"}
        refused = await client.post("/dev/token", json={"user": "ada"}, headers=evil)
        assert refused.status_code == 403


@pytest.mark.parametrize(
    ("settings", "address", "headers"),
    [
        ({}, "127.0.0.1", {}),
        (DEV, "203.0.113.7", {}),
        (DEV, "127.0.0.1", {"x-forwarded-for": "203.0.113.7"}),
        (DEV, "127.0.0.1", {"forwarded": "for=203.0.113.7"}),
    ],
)
async def test_token_minting_is_hidden_from_everybody_else(
    tmp_path: Path, settings: dict[str, Any], address: str, headers: dict[str, str]
) -> None:
    async with running(tmp_path, **settings) as world, world.client(address=address) as client:
        refused = await client.post("/dev/token", json={"user": "ada"}, headers=headers | NAMED)
        unknown = await client.post("/nothing", headers=NAMED)
    assert refused.status_code == 404
    assert refused.content == unknown.content
