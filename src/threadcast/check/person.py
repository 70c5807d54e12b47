"""One of the two users of a check: credential, requests, and cleanup of created threads."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Self, TypeGuard

import httpx2
import msgspec

from ..client import Client, connect
from ..client.endpoint import Endpoint
from ..client.http import http_client
from ..events import Event
from ..ids import UnifiedIdGenerator
from .verdict import Broken
from .wire import Wire, open_wire
from .witness import Witness

TITLE = "threadcast check"
REQUEST_MAX_S = 10.0
REACHED_MAX_S = 3.0
_FROM_A_PROXY = (502, 504)
_ANSWER_MAX_BYTES = 16_777_216
_TRIES = 6
_PAUSE_MAX_S = 5.0
_LIST_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer.

    Attributes:
        status: of the answer.
        body: as text.
        content_type: without its parameters.
        took_s: seconds from the request to the whole body.
    """

    status: int
    body: str
    content_type: str
    took_s: float

    def json(self) -> Any:
        """The body as JSON; None if it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @property
    def code(self) -> str:
        """The error code of a problem document; empty without one."""
        document = self.json()
        return str(document.get("code", "")) if isinstance(document, dict) else ""


class Person:
    """One user; leaving `async with` deletes their threads and closes their connections.

    Args:
        endpoint: where the deployment is.
        token: the user's credential.
        witness: sees all that this user receives.

    Raises:
        ServerUnreachable: the environment names a proxy that cannot be used.

    Attributes:
        user_id: known once `sign_in` has returned.
        mark: an unguessable word in everything created for this user.
        limits: the limits in `connection_ready`.
        made: threads to delete.
    """

    def __init__(self, endpoint: Endpoint, token: str, witness: Witness) -> None:
        self.endpoint = endpoint
        self.token = token
        self.user_id = ""
        self.mark = UnifiedIdGenerator.generate_base_id("check", random_length=16)
        self.limits: dict[str, Any] = {}
        self.made: list[str] = []
        self._witness = witness
        self._tls = ssl.create_default_context() if endpoint.secure else None
        self._http = http_client(endpoint, timeout_s=REQUEST_MAX_S, tls=self._tls)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_details: object) -> None:
        await self._http.aclose()

    async def sign_in(self) -> None:
        """Find out the user id.

        Raises:
            ConnectionFailed: there is no server.
            ClientRefused: the credential is not accepted.
        """
        wire = await self.wire()
        try:
            self.user_id = wire.user_id
            limits = wire.ready.get("limits")
            self.limits = limits if isinstance(limits, dict) else {}
            self._witness.know(self.user_id, self.mark)
        finally:
            await wire.close()

    async def reaches(self) -> bool:
        """Whether the server is still there, whatever it answers."""
        try:
            answer = await self._http.get("/healthz", timeout=REACHED_MAX_S)
        except (httpx2.ConnectError, httpx2.ConnectTimeout):
            return False
        except (httpx2.HTTPError, OSError):
            return True  # something answers; the promises judge how
        return answer.status_code not in _FROM_A_PROXY

    async def wire(self, *, attempts: int = 4, token: str = "") -> Wire:
        """A connection of this user, or with another token; see `open_wire`."""
        return await open_wire(
            self.endpoint,
            token or self.token,
            self._witness,
            attempts=attempts,
            tls=self._tls,
        )

    def saw(self, event: Event) -> None:
        """Show the witness an event that the public client received."""
        self._witness.saw_event(self.user_id, event, msgspec.json.encode(event).decode())

    def client(self) -> Client:
        """The public client of this user, at the head."""
        return connect(
            self.endpoint.http_url,
            self.token,
            first_attempts=4,
            retry_first_s=0.1,
            command_max_s=REQUEST_MAX_S,
        )

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make a request; retried a bounded number of times if rate-limited.

        Args:
            method: of the request.
            path: below the deployment's URL.
            body: sent as JSON, if any.
            token: replaces this user's; empty for none.
            headers: further ones.

        Raises:
            Broken: there is no answer, or it is too large.
        """
        chosen = self.token if token is None else token
        credential = {"Authorization": f"Bearer {chosen}"} if chosen else {}
        for _ in range(_TRIES):
            answer, wait_s = await self._once(method, path, body, {**credential, **(headers or {})})
            if answer.status != 429 or answer.code != "rate_limited":
                break
            await asyncio.sleep(min(wait_s, _PAUSE_MAX_S))
        self._witness.saw_text(self.user_id, answer.body, f"answer to {method} {path}")
        return answer

    async def _once(
        self, method: str, path: str, body: Any, headers: Mapping[str, str]
    ) -> tuple[Answer, float]:
        began, text = perf_counter(), bytearray()
        try:
            async with self._http.stream(method, path, json=body, headers=headers) as got:
                async for chunk in got.aiter_bytes():
                    text += chunk
                    if len(text) > _ANSWER_MAX_BYTES:
                        raise Broken(f"{method} {path} had an answer without end")
                    if b"\nevent: caught_up\n" in text:
                        break  # an event stream does not end
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise Broken(f"{method} {path}: {str(error) or type(error).__name__}") from None
        kind = got.headers.get("content-type", "").partition(";")[0]
        took_s = perf_counter() - began
        answer = Answer(got.status_code, text.decode("utf-8", "replace"), kind, took_s)
        after = got.headers.get("retry-after", "")
        return answer, float(after) if after.isascii() and after.isdigit() else 1.0

    async def make_thread(self) -> str:
        """A marked thread, to be deleted at the end.

        Raises:
            Broken: it was not made.
        """
        marked = {"title": TITLE, "metadata": {"check": self.mark}}
        answer = await self.ask("POST", "/v1/threads", marked)
        document = answer.json()
        if answer.status != 201 or not isinstance(document, dict):
            raise Broken(f"a thread could not be made: HTTP {answer.status} {answer.code}")
        thread_id = document.get("thread_id")
        if not _is_thread_id(thread_id):
            raise Broken(f"a thread was made under what is no id: {thread_id!r}")
        self.made.append(thread_id)
        return thread_id

    async def tidy_up(self) -> list[str]:
        """Delete every thread of this check; returns those that remain."""
        unknown = [one for one in await self._marked_threads() if one not in self.made]
        left = []
        for thread_id in [*self.made, *unknown]:
            try:
                answer = await self.ask("DELETE", f"/v1/threads/{thread_id}")
            except Broken:
                left.append(thread_id)
                continue
            if answer.status not in (200, 404):
                left.append(thread_id)
        self.made.clear()
        return left

    async def _marked_threads(self) -> list[str]:
        """Threads that were created although the answer was lost."""
        try:
            document = (await self.ask("GET", f"/v1/threads?limit={_LIST_LIMIT}")).json()
        except Broken:
            return []
        rows = document.get("threads") if isinstance(document, dict) else None
        return [
            row["thread_id"]
            for row in (rows if isinstance(rows, list) else ())
            if isinstance(row, dict) and _is_thread_id(row.get("thread_id")) and self._made(row)
        ]

    def _made(self, row: dict[str, Any]) -> bool:
        """Whether a thread in a list has this user's mark."""
        metadata = row.get("metadata")
        return isinstance(metadata, dict) and metadata.get("check") == self.mark


def _is_thread_id(text: object) -> TypeGuard[str]:
    return UnifiedIdGenerator.is_valid_id(text, "thread")
