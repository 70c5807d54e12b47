"""The bus' address and credentials: TLS, passwords, credentials files; secrets are not shown."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from bus_scene import Nats, grew, nats_buses, said
from nats_credentials import signed_users
from nats_server import PASSWORD, NatsServer
from threadcast.bus.nats import look
from threadcast.bus.nats.endpoint import NatsEndpoint, Server
from threadcast.cli import main
from threadcast.errors import ConfigurationError
from threadcast.settings import Settings, risks

SHARED = "postgresql://u@h/d"
SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture
async def buses() -> AsyncIterator[Nats]:
    async with nats_buses() as nats:
        yield nats


@pytest.fixture
def serving() -> Iterator[Callable[..., NatsServer]]:
    """Starts servers that are ended with the test."""
    running: list[NatsServer] = []

    def start(**settings: Any) -> NatsServer:
        running.append(NatsServer(**settings))
        running[-1].start()
        return running[-1]

    yield start
    for server in running:
        server.close()


class Authority:
    """Signs the certificate of a server on this machine."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.path = str(folder / "ca.pem")
        authority.cert_pem.write_to_path(self.path)
        held = authority.issue_cert("127.0.0.1")
        held.private_key_pem.write_to_path(folder / "key.pem")
        for part in held.cert_chain_pems:
            part.write_to_path(folder / "cert.pem", append=True)
        self.tls = f'tls {{ cert_file: "{folder}/cert.pem", key_file: "{folder}/key.pem" }}'


@pytest.mark.parametrize("more", ["", "allow_non_tls: true"])
async def test_tls_is_checked_against_the_authority_that_is_named(
    tmp_path: Path, buses: Nats, serving: Callable[..., NatsServer], more: str
) -> None:
    authority = Authority(tmp_path)
    server = serving(configuration=f"{authority.tls}\n{more}")
    url = server.url().replace("nats://", "tls://")
    here = await buses.end(url, bus_ca_file=authority.path)
    there = await buses.end(url, "node_b", bus_ca_file=authority.path)
    await there.follow("ann")
    here.bus.publish(grew("ann", 50, data="x" * 1_000))
    (heard,) = await there.next()

    assert said(heard) == said(grew("ann", 50, data="x" * 1_000))
    facts, problems = await look(
        NatsEndpoint.of(Settings(database_url=SHARED, bus_url=url, bus_ca_file=authority.path))
    )
    assert "with TLS" in facts[f"bus 127.0.0.1:{server.port}"]
    assert problems == []


async def test_an_unknown_authority_is_not_trusted(
    tmp_path: Path, buses: Nats, serving: Callable[..., NatsServer]
) -> None:
    server = serving(configuration=Authority(tmp_path).tls)
    end = await buses.opened(server.url().replace("nats://", "tls://"))

    assert not end.bus.connected


async def test_tls_that_is_asked_for_cannot_be_taken_away_by_who_stands_between(
    buses: Nats,
) -> None:
    """The server's first words are not protected; before TLS nothing that signs in is said."""
    told = bytearray()
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","max_payload":1048576,"auth_required":true}\r\n')
        told.extend(await reader.read(65_536))
        writer.transport.abort()
        gone.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        end = await buses.opened(f"tls://user:hunter2@127.0.0.1:{port}")
        await gone.wait()

    assert told == b""
    assert not end.bus.connected


async def test_a_credentials_file_signs_in(
    tmp_path: Path, buses: Nats, serving: Callable[..., NatsServer]
) -> None:
    path = tmp_path / "node.creds"
    server = serving(authenticate=False, configuration=signed_users(path))
    end = await buses.end(server.url(), bus_credentials_file=str(path))
    stranger = await buses.opened(server.url(), "node_b")

    assert end.bus.connected
    assert not stranger.bus.connected


@pytest.mark.parametrize(
    ("key", "content", "told"),
    [
        ("bus_credentials_file", None, "no such file"),
        ("bus_credentials_file", b"", "expected a NATS credentials file"),
        ("bus_credentials_file", b"\xff\xfe", "it is no text"),
        (
            "bus_credentials_file",
            b"BEGIN NATS USER JWT\nx\nBEGIN USER NKEY SEED\nSUhunter2\n",
            "its NKEY seed cannot be used",
        ),
        ("bus_ca_file", None, "no such file"),
        ("bus_ca_file", b"hunter2", "expected a file in PEM"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_and_not_quoted(
    tmp_path: Path, key: str, content: bytes | None, told: str
) -> None:
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
    changes: dict[str, Any] = {key: str(path)}
    with pytest.raises(ConfigurationError) as caught:
        NatsEndpoint.of(Settings(database_url=SHARED, bus_url="nats://h", **changes))

    assert str(caught.value).startswith(f"{key}: cannot use {path}: ")
    assert told in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "address", "user", "password", "token"),
    [
        ("nats://h", "nats://h:4222", None, None, None),
        ("tls://u:p%2F%40@h:1", "nats://h:1", "u", "p/@", None),
        ("nats://a%20token@h", "nats://h:4222", None, None, "a token"),
        ("nats://u:@[::1]:7", "nats://[::1]:7", "u", "", None),
    ],
)
def test_a_url_is_taken_apart(
    url: str, address: str, user: str | None, password: str | None, token: str | None
) -> None:
    server = Server.of(url)

    assert (server.address, server.user) == (address, user)
    assert (server.password, server.token) == (password, token)
    assert server.must_encrypt is url.startswith("tls")
    assert "p/@" not in repr(server)
    assert "a token" not in repr(server)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "h:4222",
        "http://h",
        "nats://",
        "nats:///h",
        "nats://h/x",
        "nats://h:0",
        "nats://h:99999",
        "nats://h:x",
        "nats://h:",
        "nats://:p@h",
        "nats://u:hunter2/@h",
        "nats://u:hunter2@x@h",
        "nats://u:hunter2 @h",
        "nats://u:hunter2@h?x",
        "nats://h, nats://h",
        "nats://h,",
        "ws://h",
        "nats://h," * 16 + "nats://h",
    ],
)
def test_c2_a_bus_url_of_another_form_is_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^bus_url: got ") as caught:
        Settings(database_url=SHARED, bus_url=url)

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "blamed"),
    [
        ({"bus_url": "nats://h"}, "bus_url"),
        ({"bus_ca_file": "x"}, "bus_ca_file"),
        ({"bus_credentials_file": "x"}, "bus_credentials_file"),
        (
            {"database_url": SHARED, "bus_url": "nats://u:p@h", "bus_credentials_file": "x"},
            "bus_credentials_file",
        ),
    ],
)
def test_c11_settings_of_the_bus_do_not_contradict(changes: Any, blamed: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{blamed}: got it "):
        Settings(**changes)


@pytest.mark.parametrize(
    ("url", "more", "told"),
    [
        ("nats://127.0.0.1", {}, []),
        ("tls://u:p@nats.example.com", {}, []),
        ("tls://token@nats.example.com", {}, []),
        ("tls://nats.example.com", {"bus_credentials_file": "x"}, []),
        ("tls://nats.example.com", {}, ["nobody signs in"]),
        ("tls://u:p@a.example.com,tls://b.example.com", {}, ["nobody signs in"]),
        ("nats://u:p@nats.example.com", {}, ["unencrypted"]),
        ("nats://10.0.0.1", {}, ["nobody signs in", "unencrypted"]),
    ],
)
def test_b7_a_bus_that_strangers_can_reach_is_a_risk(url: str, more: Any, told: list[str]) -> None:
    lines = risks(Settings(database_url=SHARED, jwt_secret=SECRET, bus_url=url, **more))

    assert len(lines) == len(told)
    for line, part in zip(lines, told, strict=True):
        assert line.startswith("bus_url: ")
        assert part in line


def test_b7_strict_refuses_what_else_is_a_warning(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THREADCAST_JWT_SECRET", SECRET)
    where = ("--database", SHARED, "--bus", "nats://nats.example.com", "--port", "0")
    status = main(["serve", "--strict", *where])

    assert status == 78
    assert capsys.readouterr().err == (
        "threadcast: bus_url: nobody signs in to a bus on another machine, so whoever reaches it "
        "can read events: put a user into bus_url, or set bus_credentials_file (and 1 more; see "
        "threadcast doctor); --strict allows none\n"
    )


def test_config_show_masks_every_password_of_the_bus(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THREADCAST_DATABASE_URL", SHARED)
    monkeypatch.setenv("THREADCAST_BUS_URL", "nats://u:hunter2@a:1,tls://hunter2@b")
    monkeypatch.setenv("COLUMNS", "400")
    assert main(["config", "show"]) == 0

    out = capsys.readouterr().out
    assert "nats://***@a:1,tls://***@b" in out
    assert "hunter2" not in out


def test_without_the_package_it_says_how_to_install_it() -> None:
    program = (
        "import sys; sys.modules['nats'] = None\n"
        "from threadcast.cli import main\n"
        "sys.exit(main(['serve', '--port', '0', '--dev', '--database', 'postgresql://u@127.0.0.1/x',"
        " '--bus', 'nats://u:hunter2@127.0.0.1']))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.returncode == 78
    assert done.stderr.splitlines()[-1] == (
        "threadcast: bus_url: NATS needs the package nats-py: pip install 'threadcast[nats]'"
    )


async def test_doctor_looks_at_each_server(nats_server: NatsServer) -> None:
    away = NatsServer()
    url = f"{nats_server.url()},{away.url()},{nats_server.url(password='wrong')}"
    facts, problems = await look(NatsEndpoint.of(Settings(database_url=SHARED, bus_url=url)))
    away.close()

    assert facts[f"bus 127.0.0.1:{away.port}"] == "not reached"
    assert len(problems) == 2
    assert f"cannot use the bus at 127.0.0.1:{away.port}: connect" in problems[0].lower()
    assert "the user, password or token was not accepted" in problems[1]
    assert PASSWORD not in str((facts, problems))
