"""The assistant's settings, with defaults and bounds.

It may not know the `openai` package, so that settings can be checked without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ..errors import ConfigurationError

__all__ = ["AssistantSettings"]

INSTRUCTIONS_MAX_CHARACTERS = 32_768
_INSTRUCTIONS = (
    "You are a helpful assistant in a chat. Answer in Markdown, briefly and honestly, in the "
    "language of the person. Use the tools where they help: calculate for every calculation, "
    "current_time for what day or time it is, search_history for what the person said earlier, "
    "in this conversation or another. Say so when you do not know."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssistantSettings:
    """Settings of one assistant.

    Attributes:
        api_key: the endpoint's credential; None for endpoints that want none.
        base_url: where the OpenAI-compatible API is, `http://` or `https://`, with its `/v1`.
        model: the model's name.
        instructions: the system message, 1..32,768 characters.
        silence_max_s: the longest silence of the endpoint, in seconds, 1..3600.
        retries_max: how often a request that gave no text is retried, 0..10.
        rounds_max: how many rounds of tool calls one run may have, 0..50.
        history_max_messages: how many earlier messages the model is given, 0..1000.
        history_max_characters: and how many characters of them at most, 0..1,000,000.

    Raises:
        ConfigurationError: one of them is out of bounds.
    """

    api_key: str | None = field(default=None, repr=False)
    base_url: str = field(default="https://api.openai.com/v1", repr=False)
    model: str = "gpt-5-mini"
    instructions: str = _INSTRUCTIONS
    silence_max_s: float = 120.0
    retries_max: int = 4
    rounds_max: int = 8
    history_max_messages: int = 40
    history_max_characters: int = 24_000

    def __post_init__(self) -> None:
        _check_url(self.base_url)
        _check("OPENAI_MODEL: its length", len(self.model), 1, 256)
        length = len(self.instructions)
        _check("the instructions' length", length, 1, INSTRUCTIONS_MAX_CHARACTERS)
        _check("silence_max_s", self.silence_max_s, 1, 3_600)
        _check("retries_max", self.retries_max, 0, 10)
        _check("rounds_max", self.rounds_max, 0, 50)
        _check("history_max_messages", self.history_max_messages, 0, 1_000)
        _check("history_max_characters", self.history_max_characters, 0, 1_000_000)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> AssistantSettings:
        """Read OPENAI_API_KEY, OPENAI_BASE_URL, OPENAI_MODEL, THREADCAST_ASSISTANT_INSTRUCTIONS.

        An empty one counts as not given.

        Raises:
            ConfigurationError: one of them is unusable.
        """
        default = cls()
        given = {key: environ.get(key, "").strip() for key in _KEYS}
        return cls(
            api_key=given["OPENAI_API_KEY"] or None,
            base_url=given["OPENAI_BASE_URL"] or default.base_url,
            model=given["OPENAI_MODEL"] or default.model,
            instructions=given["THREADCAST_ASSISTANT_INSTRUCTIONS"] or default.instructions,
        )


_KEYS = (
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_MODEL",
    "THREADCAST_ASSISTANT_INSTRUCTIONS",
)


def _check(what: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise ConfigurationError(f"{what}: expected {least:,} to {most:,}, got {value:,}")


def _check_url(base_url: str) -> None:
    # The URL itself is not repeated: it may hold a password.
    expected = "OPENAI_BASE_URL: expected http://host/v1 or https://host/v1"
    try:
        parts = urlsplit(base_url)
        has_host = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        raise ConfigurationError(f"{expected}, got something that is no URL") from None
    if parts.scheme not in ("http", "https") or not has_host:
        raise ConfigurationError(f"{expected}, got the scheme {parts.scheme!r}")
