"""Failures of the NATS bus: forged messages, silence, faulty servers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from bus_scene import SECRET, End, Nats, grew, nats_buses, said
from eventually import until
from nats_server import PASSWORD, USER, NatsServer
from patience import WAIT_S
from tcp_relay import Relay, relaying
from threadcast.bus import RunsWaiting, SessionsRevoked
from threadcast.bus.nats.messages import Messages
from threadcast.testing.clock import ManualClock

ALIVE_S = 0.2  # a heartbeat for tests in which a server is silent
ANN = Messages(SECRET).user_subject("ann")


@pytest.fixture
async def buses() -> AsyncIterator[Nats]:
    async with nats_buses() as nats_:
        yield nats_


@pytest.fixture
def own_server() -> Iterator[NatsServer]:
    """A server that a test may end; it does not run yet."""
    server = NatsServer()
    yield server
    server.close()


@asynccontextmanager
async def stranger(server: NatsServer) -> AsyncIterator[tuple[Client, list[Msg]]]:
    """Somebody who may use the bus and is no node; hears everything."""
    heard: list[Msg] = []

    async def hear(message: Msg) -> None:
        heard.append(message)

    client = await nats.connect(
        f"nats://127.0.0.1:{server.port}", user=USER, password=PASSWORD, allow_reconnect=False
    )
    try:
        await client.subscribe("tc.>", cb=hear)
        await client.flush()
        yield client, heard
    finally:
        await client.close()


async def published_until(heard: list[Msg], end: End) -> None:
    """Publish until a stranger has heard it: a busy machine loses links, and hints with them."""

    def published_and_heard() -> bool:
        end.bus.publish(grew("ann"))
        return bool(heard)

    await until(published_and_heard)


# --- who is not trusted --------------------------------------------------------------------


async def test_b2_what_strangers_send_is_counted_and_heard_by_nobody(
    nats_server: NatsServer, buses: Nats
) -> None:
    end = await buses.end(nats_server.url())
    await end.follow("ann")
    sealed = Messages(SECRET)
    sent = {
        b"": "version",
        b"\xff" * 100: "version",
        b"\x01": "forged",
        b"\x01" * 1_000_000: "forged",
        b'{"user_id":"ann","seq":1}': "version",
        Messages(b"?" * 32).encode(ANN, grew("ann"), max_bytes=1_000): "forged",
        sealed.encode(sealed.user_subject("bob"), grew("bob"), max_bytes=1_000): "forged",
        sealed.sealed(ANN, b"not msgpack"): "schema",
        sealed.encode(ANN, grew("bob"), max_bytes=1_000): "foreign",
    }
    async with stranger(nats_server) as (client, _):
        for message in sent:
            await client.publish(ANN, message)
        await client.publish(ANN, sealed.encode(ANN, grew("ann"), max_bytes=1_000))

        (heard,) = await end.next()

    assert said(heard) == said(grew("ann"))
    reasons = list(sent.values())
    for reason in set(reasons):
        assert buses.count("node_a", "ignored", reason=reason) == reasons.count(reason)


async def test_b2_a_message_of_ten_mebibytes_is_ignored(buses: Nats) -> None:
    server = NatsServer(configuration="max_payload: 16MB")
    server.start()
    try:
        end = await buses.end(server.url())
        await end.follow("ann")
        async with stranger(server) as (client, _):
            await client.publish(ANN, b"\x01" * (10 * 1_048_576))
            await client.flush()
            await until(lambda: buses.count("node_a", "ignored", reason="too_large") == 1)
        assert end.bus.connected
        assert end.heard == []
    finally:
        server.close()


async def test_b3_a_message_that_is_sent_again_is_the_same_hint(
    nats_server: NatsServer, buses: Nats
) -> None:
    """Whoever listens may repeat what was said; a cursor ignores what it has."""
    here = await buses.end(nats_server.url())
    there = await buses.end(nats_server.url(), "node_b")
    await there.follow("ann")
    async with stranger(nats_server) as (client, heard):
        await published_until(heard, here)
        for _ in range(3):
            await client.publish(heard[0].subject, heard[0].data)

        hints = await there.next(4)

    assert [said(hint) for hint in hints] == [said(grew("ann"))] * 4


async def test_no_user_id_is_in_a_subject(nats_server: NatsServer, buses: Nats) -> None:
    end = await buses.end(nats_server.url())
    async with stranger(nats_server) as (_, heard):
        await published_until(heard, end)

    assert "ann" not in heard[0].subject


async def test_deployments_on_one_bus_do_not_hear_each_other(
    nats_server: NatsServer, buses: Nats
) -> None:
    here = await buses.end(nats_server.url())
    other = await buses.end(nats_server.url(), "node_b", secret=SECRET + b"!")
    same = await buses.end(nats_server.url(), "node_c")
    beside = await buses.end(nats_server.url(), "node_d", secret=SECRET + b"!")
    for end in (other, same):
        await end.follow("ann")
    here.bus.publish(grew("ann"))
    here.bus.publish(RunsWaiting(1))
    await same.next(2)
    beside.bus.publish(SessionsRevoked("ann"))  # it is heard after all that came before

    assert await other.next() == [SessionsRevoked("ann")]
    assert other.heard == []
    assert buses.count("node_b", "received") == 1


async def test_users_whom_nobody_follows_here_cost_nothing(
    nats_server: NatsServer, buses: Nats
) -> None:
    here = await buses.end(nats_server.url())
    there = await buses.end(nats_server.url(), "node_b")
    await there.follow("ann")
    there.bus.follow("bob")
    there.bus.unfollow("bob")
    for user_id in ("bob", "carol", "ann"):
        here.bus.publish(grew(user_id))
    await there.next()

    assert buses.count("node_b", "received") == 1
    assert buses.count("node_b", "ignored", reason="foreign") == 0


async def test_hints_are_on_their_way_before_this_node_hears_the_first(
    nats_server: NatsServer, buses: Nats
) -> None:
    here = await buses.end(nats_server.url())
    sent: list[float] = []
    here.bus.listen(lambda _: sent.append(buses.count("node_a", "published")))
    here.bus.publish(grew("ann"), grew("bob"), SessionsRevoked("ann"))

    assert sent == [3, 3, 3]


# --- a server that is away ------------------------------------------------------------------


async def test_b4_a_bus_that_is_down_at_the_start_is_found_later(
    own_server: NatsServer, buses: Nats
) -> None:
    end = await buses.opened(own_server.url())
    end.bus.follow("ann")
    end.bus.publish(grew("ann"))
    assert not end.bus.connected
    assert buses.count("node_a", "dropped", reason="disconnected") == 1

    own_server.start()

    await end.until(lambda: "ann" in end.missed)
    assert end.bus.connected


@pytest.mark.parametrize("kill", [False, True])
async def test_b4_after_a_restart_all_are_heard_again_and_doubted_once(
    own_server: NatsServer, buses: Nats, *, kill: bool
) -> None:
    own_server.start()
    here = await buses.end(own_server.url())
    there = await buses.end(own_server.url(), "node_b")
    users = [f"user-{number}" for number in range(1_200)]
    for user_id in users:
        there.bus.follow(user_id)
    await there.until(lambda: len(there.missed) >= len(users))
    there.missed.clear()

    own_server.stop(kill=kill)
    await until(lambda: not here.bus.connected and not there.bus.connected)
    own_server.start()

    await there.until(lambda: len(there.missed) >= len(users))
    await until(lambda: here.bus.connected)
    assert sorted(there.missed) == sorted(users)
    for user_id in users[::100]:
        here.bus.publish(grew(user_id))
    assert len(await there.next(12)) == 12


async def test_b4_a_server_that_says_nothing_any_more_is_left(
    nats_server: NatsServer, buses: Nats
) -> None:
    async with relaying(lambda: [nats_server.port]) as relay:
        end = await buses.end(nats_server.url(port=relay.port), heartbeat_s=ALIVE_S)
        relay.freeze()
        await until(lambda: not end.bus.connected)
        relay.mend()
        await until(lambda: end.bus.connected)


async def test_b4_a_bus_that_flaps_is_not_stormed(nats_server: NatsServer, buses: Nats) -> None:
    clock = ManualClock()
    pauses_s: list[float] = []

    async def pause(pause_s: float) -> None:
        pauses_s.append(pause_s)
        await asyncio.sleep(0)

    async with relaying(lambda: [nats_server.port]) as relay:
        url = nats_server.url(port=relay.port)
        end = await buses.end(url, clock=clock, sleep=pause)

        async def flap() -> float:
            """Lose the link and make a new one; the first pause before that."""
            before = len(pauses_s)
            await relay.cut()
            relay.mend()
            await until(lambda: len(pauses_s) > before and end.bus.connected)
            return pauses_s[before]

        for _ in range(8):
            await flap()
        for number, pause_s in enumerate(pauses_s):
            longest_s = min(5.0, 0.1 * 2**number)
            assert longest_s / 2 <= pause_s <= longest_s
        clock.advance(5.5)  # a link that holds for a while is not flapping any more
        assert await flap() <= 0.1


async def test_a_server_that_takes_nothing_costs_a_bounded_buffer_and_no_wait(
    nats_server: NatsServer, buses: Nats
) -> None:
    async with relaying(lambda: [nats_server.port]) as relay:
        url = nats_server.url(port=relay.port)
        end = await buses.end(url, bus_buffer_max_bytes=65_536)
        relay.freeze()
        hint = grew("ann", data="x" * 50_000)
        for _ in range(1_000):
            end.bus.publish(hint)

        assert len(end.heard) == 1_000
        assert buses.count("node_a", "dropped", reason="full") > 0
        assert buses.count("node_a", "published") < 1_000
        relay.mend()


async def test_another_of_several_servers_is_taken(
    nats_server: NatsServer, own_server: NatsServer, buses: Nats
) -> None:
    end = await buses.end(f"{own_server.url()},{nats_server.url()}")

    assert end.bus.connected


# --- servers that are none ------------------------------------------------------------------


@asynccontextmanager
async def saying(answer: bytes) -> AsyncIterator[tuple[int, bytearray]]:
    """A server that says this to whoever comes; its port, and what it was told."""
    told = bytearray()
    done: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        done.append(writer)
        writer.write(answer)
        try:
            while piece := await reader.read(65_536):
                told.extend(piece)
        except OSError:
            return
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], told
    finally:
        server.close()
        for writer in done:
            writer.transport.abort()
        await server.wait_closed()


INFO = b'INFO {"server_id":"x","version":"2.15.0","max_payload":1048576}\r\n'


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"INFO {\r\n",
        b"INFO []\r\n",
        b"INFO " + b"x" * 100_000 + b"\r\n",
        b"\xff\xfe\x00\r\n",
        INFO + b"-ERR 'Authorization Violation'\r\n",
        INFO + b"PONG\r\nMSG tc 1 99999999999999999999\r\n",
        INFO + b"PONG\r\nMSG tc 1 x\r\n" + b"\x00" * 5_000,
        INFO.replace(b"1048576", b'"many"') + b"PONG\r\nPONG\r\n",
    ],
    ids=lambda answer: answer[:24].decode("ascii", "backslashreplace"),
)
async def test_a_server_that_lies_is_no_bus_and_breaks_nothing(
    answer: bytes, buses: Nats, nats_server: NatsServer
) -> None:
    async with saying(answer) as (port, _), relaying(lambda: [port]) as relay:
        end = await buses.opened(f"nats://127.0.0.1:{relay.port}", heartbeat_s=ALIVE_S)
        await until(lambda: relay.served.get(port, 0) >= 2)  # it has not given up
        end.bus.publish(grew("ann"))
        end.bus.publish(grew("ann", data="x" * 100_000))

        assert not end.bus.connected
        assert len(end.heard) == 2


async def test_a_wrong_password_is_said_and_never_shown(
    nats_server: NatsServer, buses: Nats, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        end = await buses.opened(nats_server.url(password="not the password"))

    assert not end.bus.connected
    why = "the user, password or token was not accepted"
    assert f"127.0.0.1:{nats_server.port} is away: {why}" in caplog.text
    assert "not the password" not in caplog.text
    assert "not%20the" not in caplog.text


async def test_a_bus_that_lets_anybody_in_is_said(
    buses: Nats, caplog: pytest.LogCaptureFixture
) -> None:
    server = NatsServer(authenticate=False)
    server.start()
    try:
        end = await buses.end(server.url())
    finally:
        server.close()

    assert "asks nobody to sign in" in caplog.text
    assert end.heard == []


async def test_a_bus_that_forbids_our_subjects_says_so(
    buses: Nats, caplog: pytest.LogCaptureFixture
) -> None:
    permissions = '{ publish: "other.>", subscribe: "other.>" }'
    user = f'{{ user: "u", password: "{PASSWORD}", permissions: {permissions} }}'
    server = NatsServer(authenticate=False, configuration=f"authorization: {{ users: [ {user} ] }}")
    server.start()
    try:
        url = server.url().replace("//", "//u:a%20password%20with%20%2F%20and%20%40@")
        await buses.end(url)
        await until(lambda: "does not allow all" in caplog.text)
    finally:
        server.close()


async def test_a_bus_for_smaller_messages_is_told_heads(buses: Nats) -> None:
    server = NatsServer(configuration="max_payload: 2000")
    server.start()
    try:
        here, there = await buses.end(server.url()), await buses.end(server.url(), "node_b")
        await there.follow("ann")
        here.bus.publish(grew("ann", 100))
        (heard,) = await there.next()
        assert getattr(heard, "head", None) == 100
        assert here.bus.connected
    finally:
        server.close()


async def test_a_node_that_reads_too_slowly_is_cut_off_and_learns_that_it_missed_hints(
    buses: Nats,
) -> None:
    server = NatsServer(configuration="max_pending: 65536\nmax_payload: 65536")
    server.start()
    try:
        here = await buses.end(server.url())
        async with relaying(lambda: [server.port]) as relay:
            there = await buses.end(server.url(port=relay.port), "node_b", heartbeat_s=WAIT_S)
            await there.follow("ann")
            there.missed.clear()
            relay.freeze(requests=False)
            log = server.folder / "log"
            async with asyncio.timeout(WAIT_S):
                while "Slow Consumer" not in log.read_text():
                    here.bus.publish(grew("ann", data="x" * 50_000))
                    await asyncio.sleep(0.001)
            relay.mend()

            await there.until(lambda: "ann" in there.missed)
            await until(lambda: there.bus.connected)
            there.heard.clear()
            here.bus.publish(grew("ann", first=9))
            await there.until(lambda: said(grew("ann", first=9)) in map(said, there.heard))
        assert here.bus.connected
    finally:
        server.close()


async def test_closing_while_a_server_is_silent_does_not_wait_for_it(
    nats_server: NatsServer, buses: Nats
) -> None:
    relay = Relay(lambda: [nats_server.port])
    await relay.open()
    end: End = await buses.end(nats_server.url(port=relay.port))
    relay.freeze()
    async with asyncio.timeout(WAIT_S):
        await end.bus.close()
    assert not end.bus.connected
    await relay.close()
