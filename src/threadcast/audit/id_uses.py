"""What a value is used as: the name that it gets, through any number of calls.

`thread_id=str(uuid.uuid4())[:8]` uses a UUID as `thread_id`. Rules about ids ask here, so that a
random delay or a key is not taken for an id.
"""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

from .source import FUNCTIONS, Source, last, text_of

_ID_NAME = re.compile(r"(?:^|_)(?:id|ids|uid|uuid|guid)$|[a-z](?:Id|ID|Uuid|UUID)$")
_MAKER_NAME = re.compile(
    r"^_*(?:new|make|generate|gen|create|next|build)_(?:\w+_)?(?:id|uid|uuid|guid)$"
)
_OTHER_IDS = re.compile(
    r"(?:^|_)(?:elem|element|html|dom|css|trace|span|client_message|process|worker|seed|color|device|key|cache"
    r"|aria|widget|div|anchor|tooltip|input|form|font|file|alias|random)_?(?:id|ids|uid|uuid)$",
    re.IGNORECASE,
)
_CORE_ID = re.compile(
    r"(?:^|_)(?:thread|run|req|request|session|ws|websocket|connection|conn|conversation|chat"
    r"|context|correlation|task|job|message|msg|call|channel|room)_?(?:id|uid)$"
)
_PASSING_METHODS = frozenset({
    "hex", "int", "replace", "lower", "upper", "strip", "split", "join", "format", "encode",
    "decode", "zfill", "rjust", "ljust", "removeprefix", "removesuffix", "rstrip", "lstrip",
})  # fmt: skip
_PASSING_CALLS = frozenset({
    "str", "int", "hex", "repr", "list", "tuple", "uuid.UUID", "Field", "field", "Column",
    "mapped_column", "Factory", "attrib", "ib", "format", "round", "abs", "partial",
    "base64.b64encode", "base64.urlsafe_b64encode",
})  # fmt: skip
_MAKER_KEYWORDS = frozenset({"default", "default_factory", "factory", "insert_default"})


class Use(NamedTuple):
    """What a value becomes.

    Attributes:
        name: the variable, key, parameter or function that it becomes; empty if unknown.
        kind: `name`, or `result` if a function of that name returns it.
        is_composed: it becomes part of a composed text on the way.
    """

    name: str
    kind: str
    is_composed: bool

    @property
    def is_id(self) -> bool:
        """Whether the value is used as an id."""
        if self.kind == "result" and _MAKER_NAME.search(self.name):
            return True
        return bool(_ID_NAME.search(self.name)) and not _OTHER_IDS.search(self.name)

    @property
    def is_core_id(self) -> bool:
        """Whether it is the id of a thing that several components must agree on."""
        return self.is_id and bool(_CORE_ID.search(_snake(self.name)))


def use_of(source: Source, node: ast.AST) -> Use:
    """What a value is used as; it is followed through conversions and composed texts only."""
    is_composed = False
    above = source.parent(node)
    while above is not None:
        found = _ending(source, above, node)
        if found is not None:
            return Use(*found, is_composed)
        if not _passes(source, above, node):
            break
        is_composed = is_composed or isinstance(above, ast.JoinedStr | ast.BinOp) or _fills(above)
        node, above = above, source.parent(above)
    return Use("", "name", is_composed)


def name_of(node: ast.AST | None) -> str:
    """The last name in an expression: of an attribute, a key or a variable; or empty."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
        case ast.Call(func=ast.Name(id="str"), args=[inner]):
            return name_of(inner)
    return ""


def is_id_name(name: str) -> bool:
    """Whether a name implies that its value is an id."""
    return Use(name, "name", is_composed=False).is_id


def _fills(node: ast.AST) -> bool:
    """Whether it is `"...".format(...)`."""
    match node:
        case ast.Call(func=ast.Attribute(attr="format", value=ast.Constant())):
            return True
    return False


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _ending(source: Source, above: ast.AST, node: ast.AST) -> tuple[str, str] | None:
    """The name if the value ends up at this node; None if it passes on."""
    match above:
        case ast.Assign(targets=[target, *_]):
            return name_of(target), "name"
        case ast.AnnAssign(target=target) | ast.NamedExpr(target=target):
            return name_of(target), "name"
        case ast.keyword(arg=str(name)) if name not in _MAKER_KEYWORDS:
            return name, "name"
        case ast.Dict():
            at = next((i for i, value in enumerate(above.values) if value is node), None)
            return (text_of(above.keys[at]) or "" if at is not None else ""), "name"
        case ast.Return():
            function = source.function(above)
            return (function.name if isinstance(function, FUNCTIONS) else ""), "result"
        case ast.arguments():
            return _parameter(above, node), "name"
        case ast.Call(func=ast.Attribute(attr="setdefault" | "get"), args=[key, value]):
            return (text_of(key) or "" if value is node else ""), "name"
    return None


def _parameter(arguments: ast.arguments, default: ast.AST) -> str:
    """The parameter that has this default."""
    plain = [*arguments.posonlyargs, *arguments.args]
    with_default = plain[len(plain) - len(arguments.defaults) :]
    pairs = [
        *zip(with_default, arguments.defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    return next((parameter.arg for parameter, value in pairs if value is default), "")


def _passes(source: Source, above: ast.AST, node: ast.AST) -> bool:
    """Whether a value passes through this node, perhaps converted."""
    match above:
        case ast.Attribute(attr=name):
            return name in _PASSING_METHODS
        case ast.Subscript(value=value):
            return value is node
        case ast.Call(func=function) if function is node:
            return True
        case ast.Call(func=ast.Attribute(attr="join" | "format")):
            return True
        case ast.Call(func=function):
            dotted = source.dotted(function)
            return dotted in _PASSING_CALLS or last(dotted) in _PASSING_CALLS
        case ast.IfExp(test=test):
            return test is not node
        case ast.keyword(arg=str(name)):
            return name in _MAKER_KEYWORDS
        case ast.GeneratorExp() | ast.ListComp():
            return above.elt is node
    return isinstance(
        above,
        ast.JoinedStr | ast.FormattedValue | ast.BinOp | ast.BoolOp | ast.Lambda | ast.Await,
    )
