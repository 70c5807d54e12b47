"""`threadcast token`: a token that the server takes, and no secret made where there was none."""

from __future__ import annotations

from pathlib import Path

import jwt
import pytest

from threadcast.auth.dev_tokens import load_or_make_secret
from threadcast.cli import exits, main

SECRET = "0123456789abcdef0123456789abcdeX"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("THREADCAST_JWT_SECRET", raising=False)


def claims_of(token: str, secret: str) -> dict[str, object]:
    decoded: dict[str, object] = jwt.decode(
        token.strip(), secret, algorithms=["HS256"], options={"verify_aud": False}
    )
    return decoded


def test_the_secret_beside_the_database_is_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = load_or_make_secret(tmp_path / "x.db.dev-secret")
    arguments = ["token", "alice", "--database", f"sqlite:///{tmp_path}/x.db"]
    assert main([*arguments, "--lifetime", "15min", "--plan", "free"]) == 0
    claims = claims_of(capsys.readouterr().out, secret)
    assert (claims["sub"], claims["plan"]) == ("alice", "free")
    assert isinstance(claims["exp"], float)
    assert isinstance(claims["iat"], float)
    assert claims["exp"] - claims["iat"] == 900


def test_the_variable_and_a_file_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("THREADCAST_JWT_SECRET", SECRET)
    monkeypatch.setenv("THREADCAST_JWT_AUDIENCE", "here")
    assert main(["token", "alice"]) == 0
    assert claims_of(capsys.readouterr().out, SECRET)["aud"] == "here"
    secret = load_or_make_secret(tmp_path / "other")
    assert main(["token", "alice", "--secret-file", "other"]) == 0
    assert claims_of(capsys.readouterr().out, secret)["sub"] == "alice"


def test_scopes_are_put_into_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("THREADCAST_JWT_SECRET", SECRET)
    assert main(["token", "alice", "--scope", "metrics", "--scope", "ops"]) == 0
    captured = capsys.readouterr()
    assert claims_of(captured.out, SECRET)["scope"] == "metrics ops"
    assert captured.err == ""
    for scope in ("", "metrics ops"):
        assert main(["token", "alice", "--scope", scope]) == exits.USAGE
        assert "one word" in capsys.readouterr().err


def test_a_scope_that_nothing_here_asks_for_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("THREADCAST_JWT_SECRET", SECRET)
    assert main(["token", "alice", "--scope", "opps", "--scope", "opps"]) == 0
    captured = capsys.readouterr()
    assert claims_of(captured.out, SECRET)["scope"] == "opps"
    told = 'Threadcast asks for no scope "opps"; it asks for content, ingest, metrics, ops'
    assert captured.err == f"warning: {told}\n"


def test_no_secret_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "alice"]) == exits.CONFIGURATION
    assert "serve --dev" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["token"],
        ["token", "a\nb"],
        ["token", ""],
        *(
            ["token", "a", "--lifetime", text]
            for text in ("1", "h", "-1h", "0s", "367d", "1h1h", "١h")
        ),
    ],
)
def test_unusable_arguments_are_64(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == exits.USAGE
    assert capsys.readouterr().err.count("\n") == 1
