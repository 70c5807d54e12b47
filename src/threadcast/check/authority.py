"""Credentials: bad ones are refused at both entrances, and good ones expire in time."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from time import perf_counter
from typing import Any

from ..client import ClientRefused
from ..client.link import ConnectionFailed
from .person import Person
from .raw import RawClient, upgrade_request
from .scene import Scene
from .verdict import Broken, Finding, NotTried
from .wire import Wire

_GRACE_S = 1.0
_TRIES = 6
_PAUSE_S = 1.0
_PATH = "/v1/threads?limit=1"
_REFUSED = (401, 403)
_CREDENTIAL = 4401


async def judge_credentials(scene: Scene) -> Finding:
    """Whether a missing credential, and every invalid one, is refused."""
    person, tried = scene.first, 0
    faults = []
    for what, token in _crooked(scene).items():
        tried += 1
        answer = await person.ask("GET", _PATH, token=token)
        if answer.status not in _REFUSED:
            faults.append(f"HTTP with {what}: expected 401, got {answer.status}")
        if "." in token and (fault := await _accepted_by_socket(scene, token)):
            faults.append(f"WebSocket with {what}: {fault}")
    answer = await person.ask("GET", f"{_PATH}&token={person.token}", token="")
    if answer.status not in (400, *_REFUSED):
        faults.append(f"HTTP with a token in the URL: expected 400, got {answer.status}")
    if await _upgrade_with_token_in_url(person) == 101:
        faults.append("WebSocket with a token in the URL: expected 400, it was opened")
    return Finding.judged(f"{tried + 1} kinds refused, at both entrances", faults)


def _crooked(scene: Scene) -> dict[str, str]:
    """Invalid tokens, by what is wrong with them."""
    tokens = {"no token": "", "a word for a token": "threadcast-check"}
    parts = scene.first.token.split(".")
    if len(parts) == 3:
        tokens["an altered signature"] = ".".join([*parts[:2], _altered(parts[2])])
        tokens["another's name in it"] = ".".join(
            [parts[0], _renamed(scene.first.token, scene.second.user_id), parts[2]]
        )
        unsigned = urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
        tokens["no signature"] = f"{unsigned}.{parts[1]}."
    if scene.target.auth is not None:
        tokens["another key's signature"] = scene.target.auth.wrong_key_token(scene.first.user_id)
    return tokens


def _altered(signature: str) -> str:
    middle = len(signature) // 2
    other = "A" if signature[middle] != "A" else "B"
    return signature[:middle] + other + signature[middle:][1:]


def _renamed(token: str, user_id: str) -> str:
    """The token with another user's name in its claims."""
    text = json.dumps({**_claims_in(token), "sub": user_id}).encode()
    return urlsafe_b64encode(text).rstrip(b"=").decode()


def _claims_in(token: str) -> dict[str, Any]:
    """A token's claims; empty if it cannot be read."""
    payload = token.split(".")[1]
    try:
        found = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


async def _accepted_by_socket(scene: Scene, token: str) -> str:
    """Empty if the WebSocket entrance refuses this token, else what it did.

    Servers accept few bad tokens a second from one address, so it may have to retry.
    """
    said = ""
    for _ in range(_TRIES):
        try:
            wire = await scene.first.wire(token=token)
        except ClientRefused as refused:
            if refused.close_code in (4401, 4403):
                return ""
            said = f"expected a close with 4401, got {refused.close_code}"
        except ConnectionFailed as failed:
            if failed.drop.status in _REFUSED:
                return ""
            said = f"expected a close with 4401, got {failed.drop.text}"
        else:
            await wire.close()
            return f"expected a close with 4401, it was greeted as {wire.user_id}"
        await asyncio.sleep(_PAUSE_S)
    return said


async def _upgrade_with_token_in_url(person: Person) -> int:
    async with await RawClient.open(person.endpoint) as raw:
        request = upgrade_request(raw.endpoint, query=f"?token={person.token}")
        return (await raw.exchange(request)).status


async def judge_expiry(scene: Scene) -> Finding:
    """Whether an expired token is refused, and one that expires ends its connection in time."""
    auth, person = scene.target.auth, scene.second
    if auth is None or not auth.signs:
        raise NotTried("it needs a token that is about to end: give the server's secret")
    faults = []
    expired = auth.expired_token(person.user_id, ago_s=scene.options.leeway_s + 60.0)
    answer = await person.ask("GET", _PATH, token=expired)
    if answer.status not in _REFUSED:
        faults.append(f"HTTP with an expired token: expected 401, got {answer.status}")
    if fault := await _accepted_by_socket(scene, expired):
        faults.append(f"WebSocket with an expired token: {fault}")
    ending = auth.almost_expired_token(person.user_id, lifetime_s=scene.options.lifetime_s)
    allowed_s = scene.options.leeway_s + _GRACE_S * scene.options.time_factor
    wire = await person.wire(token=ending)
    try:
        late_s, fault = await _end_of(wire, _claims_in(ending)["exp"], allowed_s)
    finally:
        await wire.close()
    faults += [fault] if fault else []
    return Finding.judged(f"closed {late_s:.1f} s after the token's end", faults)


async def _end_of(wire: Wire, expires_at: float, allowed_s: float) -> tuple[float, str]:
    """Wait for a connection to end by its token: how late, in seconds, and what was wrong."""
    began = perf_counter()
    told = wire.ready.get("expires_at")
    if not isinstance(told, int | float) or abs(told - expires_at) > 1.0:
        return 0.0, f"connection_ready should say that the token ends at {expires_at}, got {told}"
    left_s = expires_at - wire.events[0].timestamp  # by the server's own clock
    await wire.attach()
    try:
        code = await wire.ending(max_s=max(left_s, 0.0) + allowed_s)
    except Broken as broken:
        return 0.0, f"the token ended, and {broken}"
    late_s = perf_counter() - began - left_s
    return late_s, "" if code == _CREDENTIAL else f"expected close code 4401, got {code}"
