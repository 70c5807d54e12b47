"""Loads settings: defaults, threadcast.toml, environment variables, options.

Each source overrides the previous one, and each value remembers its source. This module knows how
settings are written; `settings` defines what they may be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

from ..errors import ConfigurationError
from ..suggestions import did_you_mean
from .checked import SETTINGS, Settings
from .file import FileEntry, read_settings_file
from .notes import Kind, Setting
from .values import as_held, check_value, from_file, from_text, refusal

DEFAULT_CONFIG_PATH = Path("threadcast.toml")
VARIABLE_PREFIX = "THREADCAST_"
CONFIG_VARIABLE = "THREADCAST_CONFIG"
OTHER_VARIABLES = frozenset(
    {
        CONFIG_VARIABLE,
        "THREADCAST_ASSISTANT_INSTRUCTIONS",
        "THREADCAST_CHECK_URL",
        "THREADCAST_TOKEN",
        "THREADCAST_TOKEN_B",
        "THREADCAST_URL",
    }
)
"""Variables that are not settings: the file's path, the assistant's, and those of clients."""

_PEM_MAX_BYTES = 65_536
_BY_KEY = {setting.key: setting for setting in SETTINGS}
_BY_VARIABLE = {setting.variable: setting for setting in SETTINGS}


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Checked settings with the source of each.

    Attributes:
        settings: the result.
        sources: for every key "default", "threadcast.toml:3", "THREADCAST_PORT" or "--port".
    """

    settings: Settings
    sources: dict[str, str]


def read_settings(
    overrides: Mapping[str, object],
    environ: Mapping[str, str],
    config_path: Path | None,
    *,
    source_of: Callable[[Setting], str] = attrgetter("option"),
) -> LoadedSettings:
    """Read and merge all sources; call it again to reload.

    Args:
        overrides: values from the command line by key; None counts as not given.
        environ: the environment's variables.
        config_path: the file, which must then exist; None: what THREADCAST_CONFIG names, else
            ./threadcast.toml if there is one.
        source_of: names where the override of a setting was said.

    Raises:
        ConfigurationError: one line, `source: key: got ..., expected ...`.
    """
    values: dict[str, Any] = {}
    sources = dict.fromkeys(_BY_KEY, "default")
    for key, value, source in (
        *_from_file(settings_file(environ, config_path)),
        *_from_environment(environ),
        *_from_overrides(overrides, source_of),
    ):
        values[key], sources[key] = value, source
    try:
        return LoadedSettings(Settings(**values), sources)
    except ConfigurationError as error:
        said = (sources[key] for key in error.keys if sources.get(key, "default") != "default")
        source = next(said, "default")
        raise ConfigurationError(f"{source}: {error}", keys=error.keys) from None


Read = tuple[str, object, str]


def settings_file(environ: Mapping[str, str], given: Path | None) -> Path | None:
    """The file that `read_settings` reads; None where there is none to read.

    A reload passes this path, found at start: a file that has vanished is then an error, and does
    not silently become the defaults.
    """
    if given is not None:
        return given
    if named := environ.get(CONFIG_VARIABLE):
        return Path(named)
    return DEFAULT_CONFIG_PATH if DEFAULT_CONFIG_PATH.exists() else None


def _from_file(path: Path | None) -> Iterator[Read]:
    for entry in read_settings_file(path) if path is not None else ():
        with _said_by(entry.source):
            setting = _setting_of_entry(entry)
            value = from_file(setting, entry.value)
            yield entry.key, _checked(setting, value), entry.source


def _setting_of_entry(entry: FileEntry) -> Setting:
    if entry.key in _BY_KEY:
        return _BY_KEY[entry.key]
    hint = did_you_mean(entry.key, _BY_KEY)
    name = entry.key if entry.key.isidentifier() and len(entry.key) <= 64 else "(a key)"
    raise ConfigurationError(f"{name}: got an unknown key, expected a setting{hint}")


def _from_environment(environ: Mapping[str, str]) -> Iterator[Read]:
    for name in sorted(environ):
        if not name.startswith(VARIABLE_PREFIX) or name in OTHER_VARIABLES:
            continue
        with _said_by(name):
            if name not in _BY_VARIABLE:
                known = [*_BY_VARIABLE, *OTHER_VARIABLES]
                hint = did_you_mean(name, known, prefix=VARIABLE_PREFIX)
                raise ConfigurationError(f"got an unknown variable, expected a setting{hint}")
            setting = _BY_VARIABLE[name]
            yield setting.key, _checked(setting, from_text(setting, environ[name])), name


def _from_overrides(
    overrides: Mapping[str, object], source_of: Callable[[Setting], str]
) -> Iterator[Read]:
    for key, value in overrides.items():
        if key not in _BY_KEY:
            hint = did_you_mean(key, _BY_KEY)
            raise ConfigurationError(f"{key}: got an unknown key, expected a setting{hint}")
        if value is None:
            continue
        setting = _BY_KEY[key]
        source = source_of(setting)
        with _said_by(source):
            spelled = from_text(setting, value) if isinstance(value, str) else value
            yield key, _checked(setting, as_held(spelled)), source


def _checked(setting: Setting, value: object) -> object:
    """The value, a PEM file's path replaced by its text, refused here where the source is known."""
    if setting.key == "jwt_public_key" and isinstance(value, str):
        value = _pem(setting, value)
    if setting.kind is Kind.NUMBER and type(value) is int:
        value = float(value)
    check_value(setting, value)
    return value


def _pem(setting: Setting, text: str) -> str:
    """PEM as it is, with `\\n` of one-line variables turned into line breaks, or a file's text."""
    if not text or "-----BEGIN" in text:
        return text.replace("\\n", "\n")
    try:
        with Path(text).open("rb") as file:
            return file.read(_PEM_MAX_BYTES).decode("ascii")
    except OSError as error:
        got = f"a path that cannot be read ({error.strerror})"
    except ValueError:
        got = "a file that is not PEM"
    raise refusal(setting, got, "a public key in PEM, or the path of a PEM file")


@contextmanager
def _said_by(source: str) -> Iterator[None]:
    """Put the source in front of a refusal's line."""
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(f"{source}: {error}", keys=error.keys) from None
