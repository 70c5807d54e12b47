"""An OpenAI-compatible endpoint: one streamed reply at a time, with retries.

A request is retried only as long as none of its text was shown. Every failure becomes
`model_error`, with words for users; the log has the reason. Neither quotes anything from the
endpoint, because that may contain a part of the credential. The only module that knows the `openai`
package.
"""

from __future__ import annotations

import logging
import math
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from email.utils import parsedate_to_datetime
from typing import Any, Protocol, cast

import httpx2
from openai import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AsyncOpenAI,
    AsyncStream,
    BaseModel,
    DefaultAsyncHttpxClient,
    Timeout,
)
from openai.types.chat import (
    ChatCompletionChunk,
    ChatCompletionFunctionToolParam,
    ChatCompletionMessageParam,
)

from ..clock import Clock
from ..errors import ThreadcastError
from .assistant_settings import AssistantSettings
from .model_reply import MalformedReply, ModelReply, Piece

__all__ = ["Audience", "ModelEndpoint", "ModelSession"]

CONNECT_TIMEOUT_S = 10.0
BACK_OFF_FIRST_S = 0.5
BACK_OFF_MAX_S = 8.0
RETRY_AFTER_MAX_S = 60.0

log = logging.getLogger(__name__)

Sleep = Callable[[float], Awaitable[None]]


class Audience(Protocol):
    """Receives a reply while it streams."""

    async def show(self, piece: Piece) -> None:
        """Show the next piece."""
        ...

    async def wait(self, reason: str, wait_s: float) -> None:
        """Report a retry in `wait_s` seconds, and why, as a sentence for users."""
        ...


class ModelEndpoint:
    """Opens sessions with the endpoint.

    Args:
        settings: the endpoint, its credential and the bounds.
        clock: for `Retry-After` with a date.
        sleep: waits for some seconds.
    """

    def __init__(self, settings: AssistantSettings, clock: Clock, sleep: Sleep) -> None:
        self._settings = settings
        self._clock = clock
        self._sleep = sleep
        # Loaded once: that takes longer than opening a connection.
        self._tls = httpx2.create_ssl_context()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[ModelSession]:
        """A session for one run; leaving the block closes its connections."""
        settings = self._settings
        client = AsyncOpenAI(
            api_key=settings.api_key or "none",
            base_url=settings.base_url,
            timeout=Timeout(settings.silence_max_s, connect=CONNECT_TIMEOUT_S),
            max_retries=0,
            http_client=DefaultAsyncHttpxClient(verify=self._tls),
        )
        async with client:
            yield ModelSession(client, settings, self._clock, self._sleep)


class ModelSession:
    """Sends requests to the endpoint, one after the other."""

    def __init__(
        self, client: AsyncOpenAI, settings: AssistantSettings, clock: Clock, sleep: Sleep
    ) -> None:
        self._client = client
        self._settings = settings
        self._clock = clock
        self._sleep = sleep

    async def reply(
        self,
        messages: Iterable[ChatCompletionMessageParam],
        tools: Iterable[ChatCompletionFunctionToolParam],
        audience: Audience,
        *,
        may_use_tools: bool,
    ) -> ModelReply:
        """Request the next reply and show it while it streams.

        Args:
            messages: the conversation so far.
            tools: what the model may call; none is offered when empty.
            audience: is shown the text and the reasoning.
            may_use_tools: False if the model has to answer now.

        Raises:
            ThreadcastError: `model_error`: retries failed, are useless, or text was already shown.
        """
        options: dict[str, Any] = {"messages": list(messages)}
        if offered := list(tools):
            options["tools"] = offered
            options["tool_choice"] = "auto" if may_use_tools else "none"
        for attempt in range(self._settings.retries_max + 1):
            reply = ModelReply()
            try:
                await self._stream(options, reply, audience)
            except (APIError, MalformedReply) as error:
                wait_s = self._wait_s(error, attempt)
                if reply.text or wait_s is None or attempt == self._settings.retries_max:
                    raise self._failure(error, reply) from error
                log.info("the model endpoint failed: %s", self._reason(error))
                await audience.wait(_for_users(error), wait_s)
                await self._sleep(wait_s)
            else:
                return reply
        raise AssertionError("the last attempt returns or raises")

    async def _stream(
        self, options: Mapping[str, Any], reply: ModelReply, audience: Audience
    ) -> None:
        stream: AsyncStream[ChatCompletionChunk] = await self._client.chat.completions.create(
            model=self._settings.model,
            stream=True,
            stream_options={"include_usage": True},
            **options,
        )
        async with stream, aclosing(_payloads(stream)) as payloads:
            async for payload in payloads:
                piece = reply.add(payload)
                if piece.text or piece.thinking:
                    await audience.show(piece)
        reply.end()

    def _wait_s(self, error: APIError | MalformedReply, attempt: int) -> float | None:
        """How long to wait before the next attempt; None if retrying is useless."""
        if isinstance(error, APIStatusError):
            status = error.status_code
            is_passing = status in (408, 409, 429) or status >= 500
            if not is_passing or error.code == "insufficient_quota":
                return None
            asked_s = _retry_after_s(error.response.headers, self._clock.now())
            if asked_s is not None:
                return asked_s if asked_s <= RETRY_AFTER_MAX_S else None
        back_off_s = min(BACK_OFF_FIRST_S * 2.0**attempt, BACK_OFF_MAX_S)
        # So that runs that failed together do not retry together.
        return back_off_s * random.uniform(0.75, 1.0)  # noqa: S311

    def _failure(self, error: APIError | MalformedReply, reply: ModelReply) -> ThreadcastError:
        log.warning("the model endpoint failed: %s", self._reason(error))
        said = "The model stopped in the middle of its answer."
        return ThreadcastError("model_error", said if reply.text else _for_users(error))

    def _reason(self, error: APIError | MalformedReply) -> str:
        match error:
            case MalformedReply():
                return str(error)
            case APIStatusError(status_code=401 | 403 as status):
                return f"it refuses the credential ({status})"
            case APIStatusError(status_code=404):
                return f"it has no model {self._settings.model!r} at this address (404)"
            case APIStatusError(status_code=429):
                return "it limits the rate of requests (429)"
            case APIStatusError(status_code=status):
                return f"it answered with status {status}"
            case APITimeoutError():
                return f"it was silent for {self._settings.silence_max_s:g} s"
            case APIConnectionError():
                return "the connection failed or was lost"
        return "it reported an error instead of an answer"


def _for_users(error: APIError | MalformedReply) -> str:
    match error:
        case APIStatusError(status_code=429):
            return "The model is too busy at the moment."
        case APIStatusError(status_code=status) if status < 500 and status != 408:
            return "The model cannot be used at the moment."  # as it is set up
        case APIConnectionError() | APIStatusError():
            return "The model cannot be reached at the moment."
    return "The model gave an unusable answer."


async def _payloads(stream: AsyncStream[ChatCompletionChunk]) -> AsyncGenerator[object, None]:
    """The chunks as plain data; invalid JSON is a `MalformedReply`."""
    try:
        async for chunk in stream:
            data = cast(object, chunk)  # whatever the endpoint sent: the package does not check it
            yield data.to_dict(warnings=False) if isinstance(data, BaseModel) else data
    except (ValueError, RecursionError):
        raise MalformedReply("it sent something that is no JSON") from None


def _retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """`Retry-After` in seconds from now; None if it is missing or unusable."""
    value = headers.get("retry-after", "")
    try:
        wait_s = float(value)
    except ValueError:
        try:
            wait_s = float(parsedate_to_datetime(value).timestamp()) - now
        except (ValueError, OverflowError):
            return None
    return None if math.isnan(wait_s) else max(0.0, wait_s)
