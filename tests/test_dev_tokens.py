"""Minted tokens are accepted, and the secret's file stays private."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from threadcast.auth.authenticator import Authenticator, StaticKey
from threadcast.auth.dev_tokens import load_or_make_secret, mint
from threadcast.auth.identity import TokenPolicy
from threadcast.auth.token_keys import key_from_secret
from threadcast.errors import ConfigurationError
from token_forge import NOW, SECRET


async def test_minted_token_is_accepted() -> None:
    policy = TokenPolicy(audience="threadcast", issuer="dev", lifetime_max_s=60)
    authenticator = Authenticator(policy, StaticKey(key_from_secret(SECRET)))
    token = mint(
        SECRET,
        "u-17",
        now=NOW,
        lifetime_s=60,
        plan="premium",
        scopes=("read", "write"),
        audience="threadcast",
        issuer="dev",
        token_id="token-1",
    )
    identity = await authenticator.verify(token, now=NOW)
    assert identity.user_id == "u-17"
    assert identity.expires_at == NOW + 60
    assert identity.plan == "premium"
    assert identity.scopes == {"read", "write"}
    assert identity.token_id == "token-1"


async def test_smallest_token_is_accepted() -> None:
    authenticator = Authenticator(TokenPolicy(), StaticKey(key_from_secret(SECRET)))
    identity = await authenticator.verify(mint(SECRET, "é", now=NOW, lifetime_s=1), now=NOW)
    assert (identity.user_id, identity.plan, identity.scopes) == ("é", None, frozenset())


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": "canary" * 4},
        {"secret": "a-string-secret-at-least-256-bits-long"},
        {"user_id": ""},
        {"user_id": "a\nb"},
        {"user_id": "x" * 256},
        {"lifetime_s": 0},
        {"lifetime_s": -1},
        {"lifetime_s": float("inf")},
        {"lifetime_s": float("nan")},
    ],
    ids=str,
)
def test_what_cannot_be_minted(changes: dict[str, Any]) -> None:
    arguments = {"secret": SECRET, "user_id": "u-17", "now": NOW, "lifetime_s": 60.0, **changes}
    with pytest.raises(ValueError, match=r"user_id|lifetime_s|secret") as caught:
        mint(**arguments)
    assert "canary" not in str(caught.value)


def test_secret_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    before = os.umask(0)
    try:
        secret = load_or_make_secret(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert key_from_secret(secret)
    assert load_or_make_secret(path) == secret
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret"]
    assert load_or_make_secret(tmp_path / "other") != secret


def test_many_at_once_get_one_secret(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    with ThreadPoolExecutor(8) as pool:
        secrets = set(pool.map(load_or_make_secret, [path] * 32))
    assert len(secrets) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret"]


def test_interrupted_making_leaves_no_half_secret(tmp_path: Path) -> None:
    (tmp_path / ".secret.k3x9").write_bytes(b"half")
    assert len(load_or_make_secret(tmp_path / "secret")) == 64


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o602], ids=oct)
def test_file_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secret"
    path.write_text(SECRET)
    path.chmod(mode)
    with pytest.raises(ConfigurationError, match=f"expected mode 0600, got {mode:04o}") as caught:
        load_or_make_secret(path)
    assert str(path) in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"canary", b"canary" * 1_000, b"change-me-canary-" + b"0" * 32],
    ids=["empty", "blank", "short", "long", "placeholder"],
)
def test_file_without_a_usable_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match="secret file") as caught:
        load_or_make_secret(path)
    assert "canary" not in str(caught.value)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("folder", "pipe", "missing/secret"):
        with pytest.raises(ConfigurationError, match="secret file"):
            load_or_make_secret(tmp_path / name)
    with pytest.raises(ConfigurationError, match=r"the folder .*missing is not there or cannot be"):
        load_or_make_secret(tmp_path / "missing" / "secret")


def test_link_to_a_private_file_is_followed(tmp_path: Path) -> None:
    secret = load_or_make_secret(tmp_path / "real")
    (tmp_path / "link").symlink_to("real")
    assert load_or_make_secret(tmp_path / "link") == secret


def test_link_to_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nothing")
    with pytest.raises(ConfigurationError, match="secret file"):
        load_or_make_secret(tmp_path / "link")
