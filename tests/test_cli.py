"""The program's frame: help, unknown commands, exit statuses; row L1 of the table of bad input."""

from __future__ import annotations

import errno
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from threadcast.cli import COMMANDS, exits, main
from threadcast.cli.groups import Invocation, LazyCommand, LazyGroup
from threadcast.cli.options import settings_options
from threadcast.errors import ConfigurationError, ThreadcastError
from threadcast.settings import SETTINGS


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-v"], ["config"], ["config", "--help"]])
def test_l1_no_command_is_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    assert capsys.readouterr().out.startswith("Usage: threadcast")


def test_l1_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    shown = capsys.readouterr().out
    assert [name for name in COMMANDS if name not in shown] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["serv"], 'got the unknown command "serv", did you mean "serve"?'),
        (["config", "shwo"], 'got the unknown command "shwo", did you mean "show"?'),
        (["qqqqqq"], 'got the unknown command "qqqqqq" ('),
        (["--jsno"], 'got the unknown option "--jsno" ('),
        (["serve", "--prot", "1"], 'got the unknown option "--prot", did you mean "--port"?'),
        (["config", "show", "--jsno"], 'did you mean "--json"?'),
        (["\x1b[31m"], 'got the unknown command "\\x1b[31m"'),
    ],
)
def test_l1_a_wrong_command_or_option_is_64(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == exits.USAGE
    line = capsys.readouterr().err
    assert message in line
    assert line.count("\n") == 1


def test_the_frame_imports_no_server_and_help_imports_no_command() -> None:
    code = (
        "import sys; from threadcast.cli import main; main(['--help']); "
        "heavy = {'uvicorn', 'starlette', 'apsw', 'threadcast.settings', 'threadcast.cli.serve'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConfigurationError("port: got 5"), 78),
        (exits.CommandFailed("in use by pid 5", exits.CANNOT_CREATE), 73),
        (click.UsageError("no"), 64),
        (ThreadcastError("token_expired"), 77),
        (ThreadcastError("forbidden"), 77),
        (ThreadcastError("not_found"), 64),
        (ThreadcastError("unavailable"), 69),
        (ThreadcastError("rate_limited"), 69),
        (ThreadcastError("internal"), 70),
        (PermissionError(errno.EACCES, "Permission denied", "x.db"), 77),
        (OSError(errno.EADDRINUSE, "Address already in use"), 73),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), 69),
        (TimeoutError(), 69),
        (KeyError("secret"), 70),
    ],
)
def test_each_error_has_its_status_and_one_line(error: Exception, status: int) -> None:
    assert exits.status_of(error) == status
    assert exits.message_of(error)
    assert "secret" not in exits.message_of(error)


def test_verbose_may_stand_before_and_after_the_command() -> None:
    seen = []
    target = f"{__name__}:_remembering"
    group = LazyGroup("group", {"it": LazyCommand(target, "It.")}, help="Group.")
    for arguments in (["-v", "it"], ["it", "--verbose"], ["it"]):
        invocation = Invocation()
        assert CliRunner().invoke(group, arguments, obj=invocation).exit_code == 0
        seen.append(invocation.verbose)
    assert seen == [True, True, False]


@click.command("it")
def _remembering() -> None:
    """Do nothing."""


def test_options_are_made_of_settings_and_say_only_what_was_said() -> None:
    collected: list[dict[str, object]] = []

    @click.command()
    @settings_options
    def serve(overrides: dict[str, object], config_path: object) -> None:
        assert config_path is None
        collected.append(overrides)

    arguments = ["--database", "sqlite:///x.db", "--agent", "a:b", "--agent", "c:d", "--dev"]
    arguments += ["--lease-s", "15s", "--allowed-origins", "https://a,https://b"]
    runner = CliRunner()
    assert runner.invoke(serve, arguments, catch_exceptions=False).exit_code == 0
    assert runner.invoke(serve, [], catch_exceptions=False).exit_code == 0
    assert collected == [
        {
            "database_url": "sqlite:///x.db",
            "agents": ("a:b", "c:d"),
            "dev": True,
            "lease_s": "15s",
            "allowed_origins": ("https://a", "https://b"),
        },
        {},
    ]


def test_every_setting_but_secrets_has_an_option() -> None:
    @click.command()
    @settings_options
    def serve(**_values: object) -> None:
        """Do nothing."""

    shown = CliRunner().invoke(serve, ["--help"]).output
    for setting in SETTINGS:
        assert (f"{setting.option} " in shown or f"{setting.option} /" in shown) is not (
            setting.note.secret
        ), setting.key
