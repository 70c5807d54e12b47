"""The pytest plugin: fixtures with a real server, and checks of a live deployment as tests.

Without its options and fixtures it does nothing. It imports the rest of the package only when used,
so that it costs other test runs next to nothing.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

if TYPE_CHECKING:
    from .agent import Agent
    from .check import CheckOptions, Report, Target, Verdict
    from .client import Client
    from .testing import E2EAuthHelper
    from .testing.server import LocalServer

URL_VARIABLE = "THREADCAST_CHECK_URL"
TOKEN_VARIABLES = ("THREADCAST_TOKEN", "THREADCAST_TOKEN_B")
MARKER = "threadcast_check"
_SCOPE_OPTION = "threadcast_server_scope"
_Scope = Literal["session", "package", "module", "class", "function"]
_SCOPES: tuple[_Scope, ...] = ("session", "package", "module", "class", "function")
_report_key = pytest.StashKey["dict[str, Verdict]"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The plugin's options."""
    group = parser.getgroup("threadcast")
    group.addoption(
        "--threadcast-url",
        metavar="URL",
        help=f"Test the promises of this Threadcast deployment (or {URL_VARIABLE}).",
    )
    group.addoption(
        "--threadcast-token",
        metavar="TOKEN",
        action="append",
        default=[],
        help=f"Token of a user; give it for two users (or {' and '.join(TOKEN_VARIABLES)}).",
    )
    group.addoption(
        "--threadcast-secret-file",
        metavar="FILE",
        help="File with the deployment's shared secret, to make tokens with.",
    )
    group.addoption(
        "--threadcast-message",
        metavar="TEXT",
        help="Message that makes the deployment's agent use a tool.",
    )
    group.addoption(
        "--threadcast-time-factor",
        metavar="N",
        type=float,
        default=1.0,
        help="Make the bars of time wider, for a deployment that is far away.",
    )
    parser.addini(_SCOPE_OPTION, f"Scope of threadcast_server: {', '.join(_SCOPES)}.", default=None)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker and check the ini option.

    Raises:
        pytest.UsageError: the ini option names no scope.
    """
    scope = config.getini(_SCOPE_OPTION)
    if scope and scope not in _SCOPES:
        known = ", ".join(_SCOPES)
        raise pytest.UsageError(f"{_SCOPE_OPTION}: expected one of {known}, got {scope!r}")
    config.addinivalue_line("markers", f"{MARKER}: a promise of a live Threadcast deployment")


# --- a live deployment ----------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add one test for each promise if a deployment was named.

    With pytest-xdist it is one test of all promises: otherwise every worker would run the whole
    check at the same time as the same two users, and they would disturb each other.
    """
    url = config.getoption("threadcast_url") or os.environ.get(URL_VARIABLE)
    if not url:
        return
    from .check import PROMISES

    parent = _Deployment.from_parent(session, name="threadcast", nodeid="threadcast")
    if hasattr(config, "workerinput"):  # a worker of pytest-xdist
        items.append(_AllPromisesTest.from_parent(parent, name="promises"))
        return
    items += [_PromiseTest.from_parent(parent, name=promise.name) for promise in PROMISES]


class PromiseBroken(Exception):
    """The deployment does not keep a promise."""


class _Deployment(pytest.Collector):
    """The collector of the promises' tests."""

    def collect(self) -> Sequence[pytest.Item]:
        """Nothing: the plugin adds the tests itself."""
        return ()


class _DeploymentTest(pytest.Item):
    """A test of the deployment."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.add_marker(MARKER)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The failure without the plugin's own stack."""
        if isinstance(excinfo.value, PromiseBroken):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Its name in reports."""
        return self.path, None, f"threadcast promise: {self.name}"


class _AllPromisesTest(_DeploymentTest):
    """All promises in one test; it fails if one is broken."""

    def runtest(self) -> None:
        """Pass or fail by the verdicts."""
        from .check import PROMISES, Outcome

        report = _checked(self.config, [promise.name for promise in PROMISES])
        for verdict in report.verdicts:
            self.user_properties.append((verdict.name, verdict.finding.measured))
        if broken := report.having(Outcome.FAIL):
            raise PromiseBroken("\n".join(map(_broken_text, broken)))


class _PromiseTest(_DeploymentTest):
    """One promise; the first one to run checks all that were selected."""

    def runtest(self) -> None:
        """Pass, skip or fail by the verdict."""
        stash = self.config.stash
        if _report_key not in stash:
            chosen = [item.name for item in self.session.items if isinstance(item, _PromiseTest)]
            report = _checked(self.config, chosen)
            stash[_report_key] = {verdict.name: verdict for verdict in report.verdicts}
        verdict = stash[_report_key][self.name]
        self.user_properties.append(("measured", verdict.finding.measured))
        _conclude(verdict)


def _conclude(verdict: Verdict) -> None:
    from .check import Outcome

    if verdict.outcome is Outcome.FAIL:
        raise PromiseBroken(_broken_text(verdict))
    if verdict.outcome is not Outcome.PASS:
        pytest.skip(f"{verdict.outcome.value}: {'; '.join(verdict.finding.faults)}")


def _broken_text(verdict: Verdict) -> str:
    finding = verdict.finding
    said = [f"{verdict.promise} (bar: {verdict.bar})", *finding.faults]
    if finding.measured:
        said.insert(1, f"measured: {finding.measured}")
    return "\n  ".join(said)


def _checked(config: pytest.Config, names: Sequence[str]) -> Report:
    from .check import Outcome, promises_named, run_check
    from .errors import ThreadcastError

    target, options = _what_is_asked(config)
    try:
        report = asyncio.run(run_check(target, options, promises_named(names)))
    except ThreadcastError as error:
        pytest.exit(f"threadcast: {error}", returncode=pytest.ExitCode.USAGE_ERROR)
    if report.gone and not report.having(Outcome.FAIL):  # skipped tests alone would look green
        pytest.exit("threadcast: the server went away", returncode=pytest.ExitCode.TESTS_FAILED)
    return report


def _what_is_asked(config: pytest.Config) -> tuple[Target, CheckOptions]:
    from .check import CheckOptions, Target

    url = config.getoption("threadcast_url") or os.environ[URL_VARIABLE]
    chosen: dict[str, Any] = {"time_factor": config.getoption("threadcast_time_factor")}
    if (message := config.getoption("threadcast_message")) is not None:
        chosen["message"] = message
    try:
        auth = _helper(config.getoption("threadcast_secret_file"))
        options = CheckOptions(**chosen)
    except (OSError, ValueError) as error:
        pytest.exit(f"threadcast: {error}", returncode=pytest.ExitCode.USAGE_ERROR)
    return Target(url, _tokens(config, auth), auth), options


def _helper(secret_file: str | None) -> E2EAuthHelper | None:
    from .testing import E2EAuthHelper

    if secret_file is None:
        return None
    return E2EAuthHelper(secret=Path(secret_file).read_text(encoding="utf-8").strip())


def _tokens(config: pytest.Config, auth: E2EAuthHelper | None) -> tuple[str, str]:
    tokens = config.getoption("threadcast_token") or [
        os.environ[name] for name in TOKEN_VARIABLES if os.environ.get(name)
    ]
    if not tokens and auth is not None:
        tokens = [auth.token(user) for user in ("threadcast-check-a", "threadcast-check-b")]
    if len(tokens) != 2:
        text = f"expected --threadcast-token twice, for two users, got {len(tokens)}"
        pytest.exit(f"threadcast: {text}", returncode=pytest.ExitCode.USAGE_ERROR)
    return tokens[0], tokens[1]


# --- fixtures -------------------------------------------------------------------------------------


def _scope(fixture_name: str, config: pytest.Config) -> _Scope:
    del fixture_name
    scope = config.getini(_SCOPE_OPTION)
    return next((known for known in _SCOPES if known == scope), "function")


@pytest.fixture(scope="session")
def threadcast_server_factory() -> Iterator[Callable[..., LocalServer]]:
    """Starts servers, `threadcast_server_factory(agents=[...], **settings)`, for the whole run.

    For servers with another scope than `threadcast_server`, and for several at once.
    """
    from .testing.server import LocalServer

    with ExitStack() as stack:

        def start(agents: Sequence[Agent] = (), **settings: Any) -> LocalServer:
            return stack.enter_context(LocalServer(agents, **settings))

        yield start


@pytest.fixture(scope=_scope)
def threadcast_agents() -> Sequence[Agent]:
    """The agents of `threadcast_server`; override it. None means the demonstration agent."""
    return ()


@pytest.fixture(scope=_scope)
def threadcast_settings() -> dict[str, Any]:
    """Settings of `threadcast_server`; override it."""
    return {}


@pytest.fixture(scope=_scope)
def threadcast_server(
    threadcast_agents: Sequence[Agent], threadcast_settings: dict[str, Any]
) -> Iterator[LocalServer]:
    """A real server on a free port, with a database of its own; see `testing.server.LocalServer`.

    Its scope is `function`; the ini option `threadcast_server_scope` chooses another one.
    """
    from .testing.server import LocalServer

    with LocalServer(threadcast_agents, **threadcast_settings) as server:
        yield server


@pytest.fixture(scope=_scope)
def threadcast_auth(threadcast_server: LocalServer) -> E2EAuthHelper:
    """Makes tokens for `threadcast_server`, valid and invalid."""
    return threadcast_server.auth


@pytest.fixture(scope=_scope)
def threadcast_client(
    threadcast_server: LocalServer, threadcast_auth: E2EAuthHelper
) -> Callable[..., Client]:
    """Makes clients of `threadcast_server`: `async with threadcast_client("alice") as client`.

    Further arguments are those of `connect`.
    """
    from .client import connect

    def client(user_id: str = "alice", **options: Any) -> Client:
        return connect(threadcast_server.url, threadcast_auth.source(user_id), **options)

    return client
