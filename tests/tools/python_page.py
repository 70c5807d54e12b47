"""The reference page of the public Python names, from their signatures and docstrings."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import threadcast
from threadcast import client

__all__ = ["python_parts"]

_GROUPS: Mapping[str, Sequence[str]] = {
    "A server in your application": (
        "Threadcast",
        "Settings",
        "load_settings",
        "agent",
        "Agent",
        "Run",
    ),
    "A client": ("connect",),
    "Ids, contexts and events": (
        "UnifiedIdGenerator",
        "UserExecutionContext",
        "Event",
        "EventType",
        "normalize_event",
        "migrate_legacy_thread_id",
        "derive_thread_id_from_run_id",
        "validate_cross_component_id_compatibility",
        "SSOTValidationMiddleware",
    ),
    "Parts": (
        "WebSocketManager",
        "AsyncConnectionStateManager",
        "RequestScopedSessionFactory",
        "ThreadRepository",
        "ThreadIDConsistencyTracker",
    ),
    "Tests": ("E2EAuthHelper",),
    "Errors": (
        "ThreadcastError",
        "ConfigurationError",
        "InvalidContextError",
        "EventShapeError",
    ),
}
_CLIENT = ("Client", "Sent", "ClientState", "Phase", "Cursor", "Reset", "Snapshots", "typed")
_TOLD_ELSEWHERE = {
    "Settings": "Its fields are [the settings](settings.md), by their keys.",
    "Run": "[What an agent can call](run.md) has its members.",
    "EventType": "[Events](events.md) has its values, and the data of each.",
}
_LINE_MAX = 100  # characters
_WAYS = {"__aenter__": "async with", "__anext__": "async for ... in"}
_OF_NAMES = ("Args", "Attributes", "Raises", "Raises, every method")
_SECTION = re.compile(rf"({'|'.join((*reversed(_OF_NAMES), 'Returns', 'Yields'))}):$")
_ITEM = re.compile(r"( {4})(\S[^:]*): (.*)")
_MODULE = re.compile(r"\b(?:[a-z_]+\.)+(?=[A-Z])")


def python_parts() -> Iterator[str]:
    """The parts of the page, in order.

    Raises:
        AssertionError: a public name has no place on it, or a place has no public name.
    """
    named = [name for names in _GROUPS.values() for name in names]
    if sorted(named) != sorted(threadcast.__all__):
        odd = (
            Counter(named) - Counter(threadcast.__all__),
            Counter(threadcast.__all__) - Counter(named),
        )
        raise AssertionError(f"expected every public name once, got too many and too few: {odd}")
    for title, names in _GROUPS.items():
        yield f"## {title}"
        for name in names:
            yield from _entry(name, getattr(threadcast, name))
        if "connect" in names:
            yield "The rest of the client is in `threadcast.client`:"
            for name in (*_CLIENT, *_errors_of_client()):
                yield from _entry(name, getattr(client, name))


def _errors_of_client() -> list[str]:
    found = ((name, getattr(client, name)) for name in client.__all__)
    return [name for name, one in found if isinstance(one, type) and issubclass(one, Exception)]


def _entry(name: str, thing: Any) -> Iterator[str]:
    yield f"### `{name}`"
    if name not in _TOLD_ELSEWHERE and (signature := _signature_of(name, thing)) is not None:
        yield f"```text\n{signature}\n```"
    yield from _told(thing)
    if isinstance(thing, type) and issubclass(thing, Exception):
        bases = " and ".join(f"`{base.__name__}`" for base in thing.__bases__)
        yield f"It is a kind of {bases}."
    if name in _TOLD_ELSEWHERE:
        yield _TOLD_ELSEWHERE[name]
    elif isinstance(thing, type) and issubclass(thing, enum.Enum):
        yield "\n".join(f"- `{name}.{one.name}`: `{one.value!r}`" for one in thing)
    elif isinstance(thing, type):
        yield from _members(name, thing)


def _signature_of(name: str, thing: Any) -> str | None:
    """How it is called; None for what callers do not make themselves."""
    if not isinstance(thing, type):
        return _called(name, inspect.signature(thing))
    takes_fields = dataclasses.is_dataclass(thing) or hasattr(thing, "__struct_fields__")
    if not takes_fields and "Args:" not in (inspect.getdoc(thing) or ""):
        return None
    return _called(
        name, inspect.signature(thing).replace(return_annotation=inspect.Signature.empty)
    )


def _called(name: str, signature: inspect.Signature) -> str:
    """A call as it is written, on one line if there is room, else with one argument on each."""
    given: list[str] = []
    is_keyword = False
    for one in signature.parameters.values():
        if one.kind is one.KEYWORD_ONLY and not is_keyword:
            is_keyword = True
            given.append("*")
        default = _Words("...") if callable(one.default) else one.default
        if one.default is one.empty:
            default = one.empty
        given.append(str(one.replace(annotation=_annotation(one.annotation), default=default)))
    gives = _annotation(signature.return_annotation)
    end = "" if gives is inspect.Signature.empty else f" -> {gives}"
    line = f"{name}({', '.join(given)}){end}"
    if len(line) <= _LINE_MAX:
        return line
    lines = "".join(f"    {one},\n" for one in given)
    return f"{name}(\n{lines}){end}"


class _Words:
    """Words that a signature shows as they are."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _annotation(annotation: object) -> object:
    if annotation is inspect.Signature.empty:
        return annotation
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    if "Literal[" not in text:  # other quotes are of names that are defined later
        text = text.replace("'", "").replace('"', "")
    return _Words(_MODULE.sub("", text.strip('"')))


def _members(owner: str, kind: type) -> Iterator[str]:
    for name, way in _WAYS.items():
        if inspect.getdoc(vars(kind).get(name)):
            signature = inspect.signature(vars(kind)[name])
            yield f"#### `{way} {owner}`: `{_annotation(signature.return_annotation)}`"
            yield from _told(vars(kind)[name])
    for name, member in vars(kind).items():
        if name.startswith("_") or not inspect.getdoc(member) or _is_field(kind, name):
            continue
        if isinstance(member, property):
            gives = inspect.signature(member.fget).return_annotation  # type: ignore[arg-type]
            yield f"#### `{owner}.{name}: {_annotation(gives)}`"
        elif isinstance(member, staticmethod | classmethod) or inspect.isfunction(member):
            bound = getattr(kind, name)
            signature = inspect.signature(bound)
            if inspect.isfunction(member):  # without self
                signature = signature.replace(parameters=list(signature.parameters.values())[1:])
            yield f"#### `{owner}.{name}`"
            yield f"```text\n{_used(name, bound, signature)}\n```"
        else:
            continue
        yield from _told(member)


def _used(name: str, bound: Any, signature: inspect.Signature) -> str:
    """A call of a function of any kind, as it is written."""
    made_of = inspect.unwrap(bound)
    if inspect.isasyncgenfunction(made_of) and made_of is not bound:  # a context manager
        gives = str(_annotation(signature.return_annotation))
        gives = gives.removeprefix("AsyncIterator[").removesuffix("]")
        call = _called(name, signature.replace(return_annotation=inspect.Signature.empty))
        return f"async with {call}" + ("" if gives == "None" else f" as {gives}")
    awaits = "await " if inspect.iscoroutinefunction(made_of) else ""
    return awaits + _called(name, signature)


def _is_field(kind: type, name: str) -> bool:
    return name in getattr(kind, "__struct_fields__", ()) or (
        dataclasses.is_dataclass(kind) and name in {one.name for one in dataclasses.fields(kind)}
    )


# --- docstrings: Google's style, as Markdown ------------------------------------------------------


def _told(thing: Any) -> Iterator[str]:
    text = inspect.getdoc(thing) or ""
    for block in re.split(r"\n\n(?=\S)", text):
        head, _, rest = block.partition("\n")
        if section := _SECTION.match(head):
            yield f"{section[1]}:"
            yield _items(rest) if section[1] in _OF_NAMES else _joined(inspect.cleandoc(rest))
        elif "\n\n    " in block:  # words, then code
            words, _, code = block.partition("\n\n")
            yield _joined(words)
            yield f"```python\n{inspect.cleandoc(code)}\n```"
        else:
            yield _joined(block)


def _joined(text: str) -> str:
    """A paragraph or a list, each on as few lines as it has items."""
    return "\n".join(" ".join(part.split()) for part in re.split(r"\n(?=- )", text))


def _items(text: str) -> str:
    items: list[str] = []
    for line in text.splitlines():
        item = _ITEM.match(line)
        if item is not None:
            names = ", ".join(f"`{name.strip()}`" for name in item[2].split(","))
            items.append(f"- {names}: {item[3]}")
        elif items:
            items[-1] += f" {line.strip()}"
        else:
            items.append(f"- {line.strip()}")
    return "\n".join(" ".join(item.split()) for item in items)
