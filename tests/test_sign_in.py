"""Authentication and revocation, and the rate limit of strangers."""

from __future__ import annotations

from pathlib import Path

import pytest

from threadcast.auth.authenticator import Authenticator
from threadcast.auth.identity import Identity
from threadcast.auth.sign_in import SignIn, unrevoked_head
from threadcast.context import UserExecutionContext
from threadcast.errors import ThreadcastError
from threadcast.metrics import Metrics
from threadcast.settings import Settings
from threadcast.store.session import RequestScopedSessionFactory
from threadcast.store.sqlite import SqliteStore
from threadcast.store.units import RevokeSessions
from threadcast.testing.clock import ManualClock
from token_forge import NOW, SECRET, token


def sign_in(clock: ManualClock) -> SignIn:
    settings = Settings(
        jwt_secret=SECRET, unauthenticated_per_address=2, unauthenticated_window_s=10.0
    )
    authenticator = Authenticator.from_settings(settings, clock=clock)
    return SignIn(authenticator, settings, clock, Metrics())


def test_w16_an_address_may_visit_so_often_in_a_window() -> None:
    clock = ManualClock()
    door = sign_in(clock)
    door.admit_stranger("a")
    door.admit_stranger("a")
    with pytest.raises(ThreadcastError, match="rate_limited") as refused:
        door.admit_stranger("a")
    assert refused.value.retry_after_ms == 5_001
    door.admit_stranger("b")
    clock.advance(5.0)
    door.admit_stranger("a")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"),
        ("2001:db8:1:2::1", "2001:DB8:1:2:0:0:0:1"),
        ("fe80::1%eth0", "fe80::2%eth0"),
        ("203.0.113.7", "::ffff:203.0.113.7"),
    ],
)
def test_w16_a_host_with_many_addresses_has_one_limit(first: str, second: str) -> None:
    door = sign_in(ManualClock())
    door.admit_stranger(first)
    door.admit_stranger(first)
    with pytest.raises(ThreadcastError, match="rate_limited"):
        door.admit_stranger(second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:3::1"),
        ("203.0.113.7", "203.0.113.8"),
        ("::ffff:203.0.113.7", "::ffff:203.0.113.8"),
        ("", "203.0.113.7"),
    ],
)
def test_w16_other_hosts_have_limits_of_their_own(first: str, second: str) -> None:
    door = sign_in(ManualClock())
    door.admit_stranger(first)
    door.admit_stranger(first)
    door.admit_stranger(second)


async def test_a27_wrong_tokens_count_and_good_ones_do_not() -> None:
    door = sign_in(ManualClock(now=NOW))
    for number in range(2):
        with pytest.raises(ThreadcastError, match="token_invalid"):
            await door.verify(f"wrong{number}", "a")
    with pytest.raises(ThreadcastError, match="rate_limited"):
        await door.verify("wrong", "a")
    for _ in range(3):
        assert (await door.verify(token(), "a")).user_id == "u-17"


@pytest.mark.parametrize(
    ("issued_at", "token_id", "revoked"),
    [
        (NOW - 1, None, True),
        (None, None, True),
        (NOW, None, False),
        (NOW + 1, "kept", False),
        (NOW + 1, "void", True),
    ],
)
async def test_a24_a_credential_counts_until_it_is_revoked(
    tmp_path: Path, issued_at: float | None, token_id: str | None, revoked: bool
) -> None:
    store = SqliteStore(tmp_path / "events.db", clock=ManualClock(now=NOW))
    await store.open()
    try:
        sessions = RequestScopedSessionFactory(store)
        context = UserExecutionContext.create("u-17", "test")
        other = UserExecutionContext.create("u-18", "test")
        units = [
            RevokeSessions(context, before=NOW),
            RevokeSessions(context, before=None, token_id="void"),
            RevokeSessions(other, before=NOW + 100),
        ]
        await store.commit(units, now=NOW)
        identity = Identity(
            user_id="u-17", expires_at=NOW + 9, issued_at=issued_at, token_id=token_id
        )
        async with sessions.open(context) as session:
            if revoked:
                with pytest.raises(ThreadcastError, match="revoked"):
                    await unrevoked_head(session, identity)
            else:
                assert (await unrevoked_head(session, identity)).revoked_before == NOW
    finally:
        await store.close()
