"""`threadcast config`: the current settings and the source of each. Changes nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from ..settings import SETTINGS
from ..settings.forms import masked_url
from ..settings.notes import Setting
from ..settings.sources import LoadedSettings, read_settings
from .groups import LazyCommand, LazyGroup
from .options import config_option
from .printing import table, width_columns

MASK = "********"

command = LazyGroup(
    "config",
    {"show": LazyCommand("threadcast.cli.config:show", "Print every setting and its source.")},
    help="Show the settings and their sources.",
)


@click.command("show")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(config_path: Path | None, *, as_json: bool) -> None:
    """Print every setting, its value (secrets masked) and its source."""
    loaded = read_settings({}, os.environ, config_path)
    click.echo(as_json_text(loaded) if as_json else as_table(loaded, width_columns()))


def as_table(loaded: LoadedSettings, width: int | None) -> str:
    """One line per setting: key, value, source, whether a running server takes a change.

    Stacked where `width` columns are too few.
    """
    rows = [
        (
            row.key,
            _text(_shown(loaded, row)),
            loaded.sources[row.key],
            "SIGHUP" if row.note.live else "restart",
        )
        for row in SETTINGS
    ]
    return table([("key", "value", "source", "taken at"), *rows], width)


def as_json_text(loaded: LoadedSettings) -> str:
    """One JSON object: by key, `value`, `source` and `live` (a running server takes a change)."""
    document = {
        row.key: {
            "value": _shown(loaded, row),
            "source": loaded.sources[row.key],
            "live": row.note.live,
        }
        for row in SETTINGS
    }
    return json.dumps(document, indent=2)


def _shown(loaded: LoadedSettings, row: Setting) -> object:
    """The value as anybody may see it."""
    value = getattr(loaded.settings, row.key)
    if value is None:
        return None
    if row.note.secret:
        return MASK
    if row.note.multiline:
        return f"(PEM, {len(value)} characters)"
    return masked_url(value) if row.key.endswith("_url") else value


def _text(value: object) -> str:
    if value is None or value in ((), {}):
        return "-"
    match value:
        case bool():
            return "true" if value else "false"
        case tuple():
            return ",".join(value)
        case dict():
            return ",".join(f"{name}={limit}" for name, limit in value.items())
        case float():
            return f"{value:.15g}"
        case _:
            return str(value)
