"""Writes `docs/reference`, `deploy` and the TypeScript types from the source.

`scripts/reference` writes them; `tests/test_docs.py` fails if they are not current.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from python_page import python_parts
from threadcast.agent import Run, ToolCall
from threadcast.alerts.grafana import dashboard
from threadcast.alerts.prometheus import rules_file
from threadcast.alerts.rules import thresholds
from threadcast.audit.rules import RULES, Rule
from threadcast.cli import exits, program
from threadcast.errors import ERRORS
from threadcast.events import DATA_OF_EVENT, EventType
from threadcast.metrics import CLOSED_SETS, Metrics
from threadcast.schemas.operations import ANYWHERE, OPERATIONS, PARAMETERS, SECURED, Operation
from threadcast.settings import SETTINGS
from threadcast.settings.notes import Kind, Setting, grouped
from threadcast.wire.commands import COMMANDS
from threadcast.wire.connection_data import ANSWER_OF_COMMAND, DATA_OF_CONNECTION_EVENT
from threadcast.wire.http_models import PAGE_LIMIT_MAX
from typescript_types import console_types, protocol_types

ROOT = Path(__file__).parents[2]
DEPLOY_FOLDER = ROOT / "deploy"
FOLDER = ROOT / "docs" / "reference"
NOTE = "<!-- Written by scripts/reference from the source. Change the source, then run it. -->"

_Schema = Mapping[str, Any]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _code(value: object) -> str:
    return f"`{value}`"


def page(title: str, *parts: str) -> str:
    """A whole page."""
    return "\n\n".join([f"# {title}", NOTE, *parts]) + "\n"


# --- settings ---------------------------------------------------------------------------------


def settings_page() -> str:
    """Every setting."""
    rows = [
        (_code(one.key), _default(one), _allowed(one), _yes(one.note.live), one.note.help)
        for one in SETTINGS
    ]
    others = [one for one in SETTINGS if one.note.option]
    names = ", ".join(f"`{one.option}` for `{one.key}`" for one in others)
    secrets = ", ".join(_code(one.key) for one in SETTINGS if one.note.secret)
    return page(
        "Settings",
        "Every setting has a key in `threadcast.toml`, a variable and an option. For the key"
        " `max_runs` these are `THREADCAST_MAX_RUNS` and `--max-runs`. A later source wins: the"
        " defaults, then the file, then variables, then options. `threadcast config show` prints"
        " each value and its source.",
        f"Two options have shorter names: {names}. There is no option for {secrets}: a command"
        " line is visible to everybody on the machine.",
        "A key that ends in `_s` is in seconds, one that ends in `_bytes` in bytes. Where a number"
        ' is written as text, it may have a unit: `"15min"`, `"256KiB"`. Bounds are inclusive.',
        "A change of a setting that is *live* is taken by a running server on `SIGHUP`, which reads"
        " the file again; the others need a restart.",
        table(("key", "default", "allowed", "live", "what it is"), rows),
    )


def _yes(flag: bool) -> str:
    return "yes" if flag else ""


def _default(setting: Setting) -> str:
    default: object = setting.default
    match default:
        case None | () | {}:
            return "(none)"
        case bool() as flag:
            return _code("true" if flag else "false")
        case float() as number:
            return _code(f"{number:.15g}")
        case value:
            return _code(value)


def _allowed(setting: Setting) -> str:
    note = setting.note
    if note.names:
        names = (
            f"`{name}` ({low:.15g} to {high:.15g})" for name, (low, high) in note.names.items()
        )
        return f"{setting.kind.value}: {', '.join(names)}"
    if setting.kind is Kind.FLAG:
        return "`true`, `false`"
    if note.choices:
        several = "some of " if setting.kind is Kind.LIST else ""
        return several + ", ".join(map(_code, note.choices))
    if note.least is not None and note.most is not None:
        least, most = (grouped(bound, ",") for bound in (note.least, note.most))
        return f"{setting.kind.value}, {least} to {most}"
    return str(setting.kind.value)


# --- errors, metrics --------------------------------------------------------------------------


def errors_page() -> str:
    """Every error code."""
    rows = [
        (
            _code(kind.code),
            str(kind.status),
            str(kind.close or ""),
            "yes" if kind.retryable else "",
            kind.text,
        )
        for kind in ERRORS.values()
    ]
    return page(
        "Error codes",
        "A code is stable: programs compare it. The same code means the same on every entrance: as"
        " the `code` of an HTTP problem document (with this status), as the `code` of"
        " `command_rejected`, and, where a close code is given, as the `error` of"
        " `connection_closing` when it ends the connection. `agent_failed` uses the same table.",
        "Retryable means: the same request can succeed later without a change. New codes may be"
        " added; treat an unknown one by its status and by `retryable`.",
        table(("code", "HTTP", "close", "retryable", "text"), rows),
    )


def metrics_page() -> str:
    """Every metric."""
    registry = Metrics().registry
    rows = []
    for metric in sorted(registry.collect(), key=lambda one: one.name):
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        labels, values = _labels_and_values(metric.name)
        rows.append((_code(name), metric.type, labels, values, metric.documentation))
    return page(
        "Metrics",
        "`GET /metrics` answers in the Prometheus text format: to this machine, and to tokens with"
        " the scope `metrics` or `ops`. A label's values come from closed sets; no user, thread or"
        " text ever becomes one. Times are in seconds.",
        table(("metric", "type", "labels", "values", "what it is"), rows),
        "`threadcast_foreign_deliveries_total` must stay 0. Anything else is a bug: please"
        " [report it](../../SECURITY.md).",
    )


def _labels_and_values(name: str) -> tuple[str, str]:
    """A metric's labels, and the values of those whose values are few."""
    for attribute, metric in vars(Metrics()).items():
        if getattr(metric, "_name", None) == name:
            both = getattr(metric, "_labelnames", ()), CLOSED_SETS.get(attribute, ())
            labels, values = (", ".join(map(_code, words)) for words in both)
            return labels, values
    return "", ""


# --- events, commands -------------------------------------------------------------------------


def events_page() -> str:
    """Every event and its data."""
    parts = []
    for kind in EventType:
        parts += _struct_section(f"`{kind.value}`", DATA_OF_EVENT[kind])
    said = []
    for spoken, data in DATA_OF_CONNECTION_EVENT.items():
        if spoken.value == "command_accepted":
            said += [
                f"### `{spoken.value}`",
                "A command was carried out and what it did is committed. `data` has `id`,"
                " `command` and what [the command's answer](commands.md) says.",
            ]
        else:
            said += _struct_section(f"`{spoken.value}`", data)
    return page(
        "Events",
        "This page lists the `data` of every event. The envelope, order and cursors are in"
        " [PROTOCOL.md](../../PROTOCOL.md). Clients ignore types and fields that they do not know.",
        "## Journal events",
        *parts,
        "## Connection events",
        "These have no `seq` and are not in the journal.",
        *said,
    )


def commands_page() -> str:
    """Every command, its fields and its answer."""
    parts: list[str] = []
    for name, kind in COMMANDS.items():
        fields = _fields(kind, leave_out=("command", "version"), takes_defaults=True)
        parts += [f"## `{name}`", _first_line(kind), table(_FIELD_HEAD, fields)]
        answer = ANSWER_OF_COMMAND[name]
        rows = list(_fields(answer, leave_out=("id", "command")))
        parts.append(f"Answer: {_first_line(answer)}")
        if rows:
            parts.append(table(_FIELD_HEAD, rows))
    return page(
        "Commands",
        'A command is one JSON object in one text frame: `{"command": "ping", "id": "c1"}`. The'
        " field `version` may say `1`; another version is refused. Unknown fields are ignored. Of"
        " two equal keys the last one counts.",
        "An answer is a connection event: `command_accepted`, or `command_rejected` with a code of"
        " [the table](errors.md). It carries the command's `id`.",
        *parts,
    )


_FIELD_HEAD = ("field", "", "type", "what it is")


def _struct_section(title: str, kind: object) -> list[str]:
    rows = list(_fields(kind))
    section = [f"### {title}", _first_line(kind)]
    return [*section, table(_FIELD_HEAD, rows)] if rows else section


def _first_line(kind: object) -> str:
    return " ".join((inspect.getdoc(kind) or "").split("\n\n", 1)[0].split())


def _fields(
    kind: Any, *, leave_out: Sequence[str] = (), takes_defaults: bool = False
) -> Iterator[tuple[str, str, str, str]]:
    """A struct's fields: name, whether optional, type, meaning.

    Args:
        kind: the struct.
        leave_out: names of fields to leave out.
        takes_defaults: clients may omit fields with a default.
    """
    (schema,), components = msgspec.json.schema_components([kind])
    own = _resolved(schema, components)
    is_sent_whole = not takes_defaults and not kind.__struct_config__.omit_defaults
    always = own["properties"] if is_sent_whole else own.get("required", ())
    for name, field in own["properties"].items():
        if name not in leave_out:
            required = "" if name in always else "optional"
            yield _code(name), required, _type(field, components), _meaning(field)


def _meaning(field: _Schema) -> str:
    told = (one.get("description", "") for one in (field, *field.get("anyOf", ())))
    return next(filter(None, told), "")


def _resolved(schema: _Schema, components: Mapping[str, Any]) -> Any:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    return components.get(reference.rsplit("/", 1)[1], {"type": "string"})


def _type(schema: _Schema, components: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_type(one, components) for one in schema["anyOf"])
    if choices := _resolved(schema, components).get("enum"):
        return "one of " + ", ".join(map(_code, choices))
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        inner = f"object ({_inner(schema, components)})" if name in components else "object"
        return "[error code](errors.md)" if name == "ErrorCode" else inner
    words = {"integer": "integer", "number": "number", "string": "text", "boolean": "true or false"}
    kind = str(schema.get("type", "any JSON"))
    return words.get(kind, kind) + _bounds(schema)


def _inner(schema: _Schema, components: Mapping[str, Any]) -> str:
    return ", ".join(_code(name) for name in _resolved(schema, components)["properties"])


def _bounds(schema: _Schema) -> str:
    for least, most, unit in (
        ("minLength", "maxLength", " characters"),
        ("minimum", "maximum", ""),
        ("minProperties", "maxProperties", " keys"),
    ):
        low, high = schema.get(least), schema.get(most)
        if low is not None and high is not None:
            return f", {low:,} to {high:,}{unit}"
        if high is not None:
            return f", at most {high:,}{unit}"
        if low is not None:
            return f", at least {low:,}{unit}"
    return ""


# --- HTTP, command line -----------------------------------------------------------------------


def http_page() -> str:
    """Every operation over HTTP."""
    parts: list[str] = []
    for one in OPERATIONS:
        parts += _operation(one)
    return page(
        "HTTP",
        "`/openapi.json` has the same with every body's schema, and `/docs` shows it.",
        "Bodies are JSON (`Content-Type: application/json`). Errors are problem documents"
        " (RFC 9457) with a stable `code`; see [the table](errors.md). Query keys that are not"
        " listed, or that come twice, are refused. Lists are paged: `limit` is"
        f" 1 to {PAGE_LIMIT_MAX}, and `next` of a page is the `before` of the following one.",
        "Every snapshot carries the `seq` at which it is true: events up to that seq are in it,"
        " later ones are not.",
        f"Any request can be refused with {_codes(ANYWHERE)}; one that needs a token also with"
        f" {_codes(SECURED)}.",
        *parts,
    )


def _operation(one: Operation) -> Iterator[str]:
    yield f"## `{one.method.upper()} {one.path}`"
    yield one.summary
    facts = [f"Answer: {one.status}{_answer(one)}."]
    names = {"none": "No token is needed.", "optional": "A token is needed from elsewhere."}
    if one.security in names:
        facts.append(names[one.security])
    if one.body is not None:
        facts.append(f"Body: {_body(one.body)}.")
    parameters = [PARAMETERS[name] for name in one.parameters]
    outside = [f"`{found.name}` ({found.place})" for found in parameters if found.place != "path"]
    if outside:
        facts.append(f"Parameters: {', '.join(outside)}.")
    if one.errors:
        facts.append(f"Errors of its own: {_codes(one.errors)}.")
    yield " ".join(facts)


def _answer(one: Operation) -> str:
    if one.answer is None:
        return ", empty"
    if isinstance(one.answer, str):
        return f", {_code(one.answer)}"
    return f", {_body(one.answer)}"


def _body(kind: Any) -> str:
    (schema,), components = msgspec.json.schema_components([kind])
    own = _resolved(schema, components)
    required = own.get("required", ())
    return ", ".join(_code(name) + ("" if name in required else "?") for name in own["properties"])


def _codes(codes: Iterable[str]) -> str:
    return ", ".join(map(_code, codes))


def cli_page() -> str:
    """Every command of the command line."""
    parts: list[str] = []
    with click.Context(program, info_name="threadcast") as root:
        for name in program.list_commands(root):
            command = program.get_command(root, name)
            if command is not None:
                parts += _command(root, name, command)
    return page(
        "Command line",
        "`threadcast` alone prints its commands. Every command takes `--help` and `-v` (the detail"
        " of an error).",
        table(
            ("exit status", "what it means"),
            (
                (str(exits.OK), "done"),
                (
                    "1",
                    "`doctor` found a problem, `audit` has findings, `check` a broken promise, or a"
                    " sink did not take what `alerts test` sent",
                ),
                (
                    str(exits.USAGE),
                    "the command line is wrong (a `--url` that is no URL, too), or what it names"
                    " does not exist",
                ),
                (
                    str(exits.UNAVAILABLE),
                    "there is no Threadcast server at the URL, or it cannot answer now",
                ),
                (str(exits.SOFTWARE), "an error of the program itself, or of the run in `chat`"),
                (
                    str(exits.CANNOT_CREATE),
                    "the database or the port is in use, or the port cannot be taken",
                ),
                (str(exits.NO_PERMISSION), "no permission: a token, a file, a privileged port"),
                (
                    str(exits.CONFIGURATION),
                    "a setting cannot be used; the line names it. So is a database that is a"
                    " directory or no database, or whose folder is missing or read-only",
                ),
                (str(exits.INTERRUPTED), "ended by Ctrl-C"),
                (str(exits.BROKEN_PIPE), "nobody reads the output any more"),
            ),
        ),
        *parts,
    )


def _command(parent: click.Context, name: str, command: click.Command) -> Iterator[str]:
    with click.Context(command, info_name=name, parent=parent) as context:
        yield (
            f"## `threadcast {name}`"
            if parent.parent is None
            else f"### `threadcast {parent.info_name} {name}`"
        )
        yield inspect.cleandoc(command.help or "")
        if isinstance(command, click.Group):
            for inner in command.list_commands(context):
                found = command.get_command(context, inner)
                if found is not None:
                    yield from _command(context, inner, found)
            return
        keys = {one.key for one in SETTINGS}
        yield f"`{' '.join([context.command_path, *command.collect_usage_pieces(context)])}`"
        own = [one for one in command.get_params(context) if one.name not in keys]
        rows = [row for one in own if (row := one.get_help_record(context)) is not None]
        yield table(("option", "what it does"), [(_code(what), text) for what, text in rows])
        if len(own) < len(command.get_params(context)):
            yield "Every [setting](settings.md) but the secrets is an option, too."


# --- audit ------------------------------------------------------------------------------------


def audit_page() -> str:
    """Every rule of the audit."""
    rows = (
        (f"[{rule.code}](#{rule.code.lower()}-{rule.name})", _code(rule.name), rule.severity.value)
        for rule in RULES.values()
    )
    return page(
        "Audit rules",
        "What `threadcast audit` finds. [The guide](../guides/auditing-a-code-base.md) says how to"
        " begin. Code and name are equally good in the configuration and in suppressions.",
        table(("code", "name", "severity"), rows),
        *(part for rule in RULES.values() for part in _rule(rule)),
    )


def _rule(rule: Rule) -> Iterator[str]:
    yield f"## {rule.code} {rule.name}"
    yield f"{rule.finds} {rule.why}"
    yield f"{rule.advice}" + ("" if rule.in_tests else " Tests are left out.")
    yield f"```text\n{rule.bad}\n```"
    yield "becomes"
    yield f"```text\n{rule.good}\n```"


def run_page() -> str:
    """Every member of what an agent and its tool calls are given."""
    return page(
        "What an agent can call",
        "The members of `Run`, the one argument of an [agent](../guides/agents.md).",
        table(("member", "what it is"), _members(Run)),
        "The block of `run.tool` gives a `ToolCall`:",
        table(("member", "what it is"), _members(ToolCall)),
    )


def _members(kind: type) -> Iterator[tuple[str, str]]:
    for name, member in vars(kind).items():
        if not name.startswith("_"):
            yield _code(_signature(name, member)), _first_line(member)


def _signature(name: str, member: object) -> str:
    if isinstance(member, property):
        return f"{name}: {inspect.signature(member.fget).return_annotation}"  # type: ignore[arg-type]
    if not inspect.isfunction(member):
        raise AssertionError(f"{name} is neither a property nor a method")
    signature = inspect.signature(member)
    own = signature.replace(parameters=list(signature.parameters.values())[1:])
    return f"{'await ' if inspect.iscoroutinefunction(member) else ''}{name}{own}".replace("'", "")


def python_page() -> str:
    """Every public name."""
    return page(
        "Python",
        "The names of `threadcast`, from their docstrings. `import threadcast` is quick: a name is"
        " imported when it is first used. What begins with an underscore, or is not here, may"
        " change in any version.",
        *python_parts(),
    )


PAGES: Mapping[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "errors.md": errors_page,
    "metrics.md": metrics_page,
    "events.md": events_page,
    "run.md": run_page,
    "python.md": python_page,
    "commands.md": commands_page,
    "http.md": http_page,
    "cli.md": cli_page,
    "audit-rules.md": audit_page,
}


DEPLOY: Mapping[str, Callable[[], str]] = {
    "prometheus-rules.yml": lambda: rules_file(thresholds({})),
    "grafana-dashboard.json": lambda: json.dumps(dashboard(thresholds({})), indent=2) + "\n",
}
"""Files for operators, with the thresholds that hold where nothing is set."""


TYPES: Mapping[str, Callable[[], str]] = {
    "clients/typescript/src/protocol.ts": protocol_types,
    "web/src/console/ops.ts": console_types,
}


def main() -> None:
    """Write every page and every file."""
    for name, make in TYPES.items():
        (ROOT / name).write_text(make(), encoding="utf-8")
    for name, make in DEPLOY.items():
        (DEPLOY_FOLDER / name).write_text(make(), encoding="utf-8")
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        (FOLDER / name).write_text(make(), encoding="utf-8")
    sys.stdout.write(f"wrote {len(PAGES)} pages into {FOLDER}\n")


if __name__ == "__main__":
    main()
