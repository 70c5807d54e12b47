"""TC301, TC302 and TC303: ids made outside of the generator, and ids joined into one key.

Only a value that is used as an id is one (`audit.id_uses`), not a UUID in a file's name, a random
delay or a secret. Database migrations are skipped: they have run and must not change.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from .configuration import AuditSettings
from .findings import Finding
from .id_texts import Parts, composed_texts
from .id_uses import is_id_name, name_of, use_of
from .path_patterns import matches_any
from .source import SCOPES, Source

_MAKERS = frozenset({
    "uuid.uuid1", "uuid.uuid4", "uuid.uuid6", "uuid.uuid7", "uuid.uuid8", "secrets.token_hex",
    "secrets.token_urlsafe", "secrets.randbits", "secrets.randbelow", "random.random",
    "random.randint", "random.randrange", "random.getrandbits", "random.randbytes", "os.urandom",
    "shortuuid.uuid", "shortuuid.ShortUUID", "nanoid.generate", "ulid.new", "ulid.ULID",
    "uuid6.uuid7", "uuid6.uuid6", "uuid_utils.uuid4", "uuid_utils.uuid7", "cuid.cuid",
    "ksuid.Ksuid", "bson.ObjectId",
})  # fmt: skip
_PICKERS = frozenset({"random.choice", "random.choices", "random.sample", "secrets.choice"})
_CLOCKS = frozenset({
    "time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter",
    "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.now", "datetime.utcnow",
})  # fmt: skip
_ID_HEAD = re.compile(
    r"(?:thread|run|req|request|ws|ws_conn|conn|connection|session|websocket|conversation|chat"
    r"|msg|message|call|event|evt|node|feed)[_-]"
)
_MARKS = re.compile(
    r"""uuid|secrets|random|ulid|nanoid|_id\b|Id\b|["'](?:thread|run|req|ws|conn|session)[_-]"""
)
_ID_CHARACTERS = re.compile(r"[\w:.-]*")
_MIGRATION = re.compile(r"(?:^|/)(?:migrations|alembic)/(?:versions/)?\w*\d\w*\.py$")
_USER_NAMES = re.compile(r"(?:^|_)(?:user|tenant|owner|account|member|customer)(?:_?id|_?name)?$")
_SEPARATORS = re.compile(r"[:|_.#-]+|::")
_KEY_NAME = re.compile(r"(?:^|_)keys?$|^lock_?name$|isolation")


def find_made_ids(source: Source, settings: AuditSettings) -> Iterator[Finding]:
    """TC301, TC302 and TC303 in one file."""
    prefixes = settings.id_prefixes
    if _MIGRATION.search(source.path):
        return
    if not _MARKS.search(source.text) and not any(one in source.text for one in prefixes):
        return
    for finding, node in _found(source, prefixes):
        if not _may_make_ids(source, node, settings.id_generators):
            yield finding


def _found(source: Source, prefixes: tuple[str, ...]) -> Iterator[tuple[Finding, ast.AST]]:
    if any(mark in source.text for mark in ("uuid", "secrets", "random", "ulid", "nanoid", "bson")):
        yield from _by_makers(source)
    for node, parts in composed_texts(source):
        found = _id_by_hand(source, node, parts, prefixes) or _joined_key(source, node, parts)
        if found is not None:
            yield found, node


def _may_make_ids(source: Source, node: ast.AST, generators: tuple[str, ...]) -> bool:
    """Whether it is in one of the generators, or in a module that is or has one."""
    around = {one.name for one in (node, *source.above(node)) if isinstance(one, SCOPES)}
    if around & set(generators) or matches_any(source.module, generators):
        return True
    defined = {one.name for one in source.tree.body if isinstance(one, ast.ClassDef)}
    return bool(defined & set(generators))


# --- TC301 ------------------------------------------------------------------------------------


def _by_makers(source: Source) -> Iterator[tuple[Finding, ast.AST]]:
    for node in source.nodes(ast.Attribute, ast.Name):
        if isinstance(source.parent(node), ast.Attribute):
            continue
        dotted = source.dotted(node)
        maker = dotted.removesuffix(".hex")
        if not _makes(source, node, dotted):
            continue
        use = use_of(source, node)
        if use.is_id and not use.is_composed:
            what = f"that `{use.name}` returns" if use.kind == "result" else f"`{use.name}`"
            message = f"`{maker}` makes the id {what}, outside the id generator"
            yield source.finding("TC301", node, message), node


def _makes(source: Source, node: ast.AST, dotted: str) -> bool:
    """Whether this name, called or passed as a factory, gives a new value each time."""
    if dotted in _PICKERS:
        return any(
            isinstance(one, ast.Call)
            and isinstance(one.func, ast.Attribute)
            and one.func.attr == "join"
            for one in source.above(node)
        )
    return dotted in _MAKERS


# --- TC302 ------------------------------------------------------------------------------------


def _id_by_hand(
    source: Source, node: ast.expr, parts: Parts, prefixes: tuple[str, ...]
) -> Finding | None:
    if isinstance(parts[0], str) and parts[0].startswith(prefixes):
        message = f"a text that begins with {parts[0]!r} is an id put together by hand"
        return source.finding("TC302", node, message)
    fixed = [one for one in parts if isinstance(one, str)]
    if not all(_ID_CHARACTERS.fullmatch(one) for one in fixed):
        return None
    use = use_of(source, node)
    fresh = _fresh_part(source, parts)
    if use.is_id and fresh:
        message = f"`{use.name}` is an id put together from {fresh}"
    elif use.is_core_id and use.kind == "name" and _has_head(parts):
        message = f"`{use.name}` is an id put together by hand"
    elif fresh and not use.name and isinstance(parts[0], str) and _ID_HEAD.fullmatch(parts[0]):
        message = f"a text put together from {parts[0]!r} and {fresh} looks like an id"
    else:
        return None
    return source.finding("TC302", node, message)


def _has_head(parts: Parts) -> bool:
    """Whether it begins with a constant word (`thread_...`), or a separator joins two parts."""
    first, second = parts[0], parts[1]
    if isinstance(first, str):
        return len(first) > 2 and first[-1] in "_-:" and first[0].isalpha()
    return isinstance(second, str) and second in ("_", "-", ":", "--", "__") and len(parts) > 2


def _fresh_part(source: Source, parts: Parts) -> str:
    """The part that makes each composed text new: a clock, a random value or a counter."""
    for part in parts:
        if isinstance(part, str):
            continue
        for node in ast.walk(part):
            if isinstance(node, ast.Call):
                dotted = source.dotted(node.func)
                if dotted in _MAKERS or dotted in _PICKERS:
                    return f"`{dotted}`"
                if dotted in _CLOCKS:
                    return f"the clock (`{dotted}`)"
                if dotted == "next" and node.args:
                    return "a counter"
    return ""


# --- TC303 ------------------------------------------------------------------------------------


def _joined_key(source: Source, node: ast.expr, parts: Parts) -> Finding | None:
    fixed = [one for one in parts if isinstance(one, str)]
    names = [name_of(one) for one in parts if not isinstance(one, str)]
    users = [name for name in names if _USER_NAMES.search(name)]
    others = [name for name in names if is_id_name(name) and name not in users]
    if not users or len(users) + len(others) < 2 or not _is_key(source, node):
        return None
    if not all(_ID_CHARACTERS.fullmatch(one) for one in fixed):
        return None
    if not any(isinstance(one, str) and _SEPARATORS.search(one) for one in parts[1:-1]):
        return None
    message = f"`{users[0]}` and `{(others or users[1:])[0]}` are joined into one text as a key"
    return source.finding("TC303", node, message)


def _is_key(source: Source, node: ast.expr) -> bool:
    above = source.parent(node)
    match above:
        case ast.Subscript(slice=key):
            return key is node
        case ast.Call(func=ast.Attribute(attr=method), args=[first, *_]):
            return first is node and method in (
                "get", "set", "setdefault", "pop", "setex", "exists", "incr", "expire", "add",
                "discard", "hset", "hget", "sadd", "lock", "delete",
            )  # fmt: skip
        case ast.Compare(left=left, ops=[ast.In() | ast.NotIn()]):
            return left is node
    use = use_of(source, node)
    return bool(_KEY_NAME.search(use.name))
