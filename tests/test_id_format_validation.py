"""Suite: id format validation.

Whatever is no id, or an id of another kind, is refused at every place where an id is taken, before
anything is asked of the store. The places are read from the program itself (its operations, its
commands, its repositories, its context), so a new one is covered here, or fails here.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, get_args
from urllib.parse import quote

import httpx2
import msgspec
import pytest
from starlette.routing import Route

import threadcast.http
import threadcast.store.session
from id_inputs import NOT_TEXT, OF_KIND, malformed
from live_server import LiveServer
from recording_store import RecordingStore, Statement
from store_scene import NOW, context_of
from threadcast.clock import SystemClock
from threadcast.context import UserExecutionContext
from threadcast.errors import InvalidContextError, ThreadcastError
from threadcast.http import http_routes
from threadcast.ids import UnifiedIdGenerator
from threadcast.schemas.operations import OPERATIONS, PARAMETERS, Operation
from threadcast.store.session import RequestScopedSessionFactory, ThreadRepository
from threadcast.store.sqlite import SqliteStore
from threadcast.testing.clock import ManualClock
from threadcast.wire.commands import COMMANDS, Command

USER = "u-format"
URI_MAX_BYTES = 8_192
SCOPES = ("ops", "ingest", "metrics")

NO_IDS_OF_OURS = {
    "client_message_id": "the client's own name for a message",
    "token_id": "the issuer's `jti`",
    "node_id": "the operators' own name for a server",
}
KINDS_BY_NAME = {
    "thread_id": "thread",
    "run_id": "run",
    "request_id": "request",
    "connection_id": "ws_conn",
    "input_id": "input",
    "feed": "feed",
    "Last-Event-ID": "feed",
}
USABLE: dict[str, Any] = {
    "content": "x",
    "client_message_id": "m",
    "value": 1,
    "after": 0,
    "user": "u-nobody",
    "confirm": "",
}
"""A value for every field that is no id and without which nothing would be looked up."""


def declared_kind(hint: Any) -> str | None:
    """The kind of id that a field's type declares."""
    info = msgspec.inspect.type_info(hint)
    for part in info.types if isinstance(info, msgspec.inspect.UnionType) else (info,):
        if isinstance(part, msgspec.inspect.Metadata) and part.extra:
            return part.extra.get("id_kind")
    return None


def names_an_id(name: str) -> bool:
    """Whether a field of this name is an id of ours, as names go here."""
    plain = name.lower().replace("-", "_")
    is_a_word = plain in ("thread", "run", "request", "connection", "feed")
    return name not in NO_IDS_OF_OURS and (is_a_word or plain.endswith("_id"))


class Place(NamedTuple):
    """Where an id is given."""

    owner: str
    where: str
    name: str
    kind: str

    def __str__(self) -> str:
        return f"{self.owner}-{self.where}-{self.name}"


def ids_in(struct: type) -> Iterator[tuple[str, str]]:
    """The fields of a struct that are ids, with their kinds."""
    for field in msgspec.structs.fields(struct):
        if (kind := declared_kind(field.type)) is not None:
            yield field.name, kind


def places_in(operation: Operation) -> Iterator[Place]:
    for name in operation.parameters:
        parameter = PARAMETERS[name]
        kind = declared_kind(parameter.type) or KINDS_BY_NAME.get(parameter.name)
        if kind is not None:
            yield Place(operation.operation_id, parameter.place, parameter.name, kind)
    if operation.body is not None:
        for name, kind in ids_in(operation.body):
            yield Place(operation.operation_id, "body", name, kind)


BY_ID = {operation.operation_id: operation for operation in OPERATIONS}
HTTP_PLACES = [place for operation in OPERATIONS for place in places_in(operation)]
COMMAND_PLACES = [
    Place(name, "field", field, kind)
    for name, struct in COMMANDS.items()
    for field, kind in ids_in(struct)
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RecordingStore:
    path = tmp_path_factory.mktemp("store") / "events.db"
    return RecordingStore(SqliteStore(path, clock=SystemClock()))


@pytest.fixture(scope="module")
def live(store: RecordingStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("live")
    limit = 10_000
    with LiveServer(folder, store=store, errors_per_minute_max=limit, console=True) as server:
        yield server


# --- the table is whole ---------------------------------------------------------------------------


async def test_every_route_is_an_operation_of_the_table(live: LiveServer) -> None:
    described = {(operation.path, operation.method.upper()) for operation in OPERATIONS}
    served = set()
    async with live.http() as client:
        for route in http_routes(live.node):
            if isinstance(route, Route) and route.path.startswith(("/v1/", "/ops/")):
                allowed = (await client.options(route.path)).headers["allow"].split(", ")
                served |= {(route.path, method) for method in allowed}
    served = {(path, method) for path, method in served if method not in ("HEAD", "OPTIONS")}
    assert served == {one for one in described if one[0].startswith(("/v1/", "/ops/"))}


def test_every_query_key_that_is_read_is_in_the_table() -> None:
    read = {
        argument.value
        for path in Path(threadcast.http.__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "read_query"
        for argument in node.args
        if isinstance(argument, ast.Constant)
    }
    assert read == {one.name for one in PARAMETERS.values() if one.place == "query"}


def test_every_command_is_in_the_table() -> None:
    assert set(get_args(Command)) == set(COMMANDS.values())


def test_every_field_that_is_called_an_id_says_of_which_kind() -> None:
    structs = [*COMMANDS.values(), *(one.body for one in OPERATIONS if one.body is not None)]
    undeclared = [
        f"{struct.__name__}.{field.name}"
        for struct in structs
        for field in msgspec.structs.fields(struct)
        if names_an_id(field.name) and declared_kind(field.type) is None
    ]
    covered = {(place.owner, place.name) for place in HTTP_PLACES}
    undeclared += [
        f"{operation.operation_id}: {PARAMETERS[name].name}"
        for operation in OPERATIONS
        for name in operation.parameters
        if names_an_id(PARAMETERS[name].name)
        and (operation.operation_id, PARAMETERS[name].name) not in covered
    ]
    assert undeclared == []


# --- HTTP and Server-Sent Events ------------------------------------------------------------------


async def ask(client: httpx2.AsyncClient, place: Place, text: str) -> httpx2.Response:
    """A request that is right in all but one place."""
    operation = BY_ID[place.owner]
    path = operation.path
    for name in ("thread_id", "run_id", "connection_id"):
        is_here = (place.where, place.name) == ("path", name)
        one = text if is_here else OF_KIND[KINDS_BY_NAME[name]]
        path = path.replace(f"{{{name}}}", quote(one, safe=""))
    assert "{" not in path, f"{path} needs a value here"
    query = {place.name: text} if place.where == "query" else None
    headers = {place.name: f"{text}:1"} if place.where == "header" else None
    body = None
    if operation.body is not None:
        body = filled(operation.body) | ({place.name: text} if place.where == "body" else {})
        if "confirm" in body:
            body["confirm"] = text
    return await client.request(
        operation.method.upper(), path, params=query, headers=headers, json=body
    )


def filled(struct: type) -> dict[str, Any]:
    """The fields that should come, each with a usable value."""
    kinds = dict(ids_in(struct))
    return {
        field.name: OF_KIND[kinds[field.name]] if field.name in kinds else USABLE[field.name]
        for field in msgspec.structs.fields(struct)
        if (field.required and field.name != "id") or field.name in USABLE
    }


def can_be_sent(place: Place, text: str) -> bool:
    """Whether a header can hold this at all."""
    return place.where != "header" or (text.isascii() and text.isprintable() and not text.isspace())


def refusal(place: Place, text: str) -> str:
    """The code of the answer: of the edge or the router where they cannot even pass it on."""
    if len(text) > URI_MAX_BYTES and place.where != "body":
        return "headers_too_large" if place.where == "header" else "uri_too_long"
    if place.where == "header":
        return "bad_cursor"
    if place.where == "path" and "/" in text:
        return "not_found"  # it is another path
    return "bad_string" if place.where == "body" and "\0" in text else "bad_id"


def names_of(statements: list[Statement]) -> list[str]:
    return [one.name for one in statements]


@pytest.mark.parametrize("place", HTTP_PLACES, ids=str)
async def test_i3_no_statement_is_made_for_what_is_no_id(
    live: LiveServer, store: RecordingStore, place: Place
) -> None:
    async with live.http(USER, scopes=SCOPES) as client:
        store.statements.clear()
        assert (await client.get("/v1/connections")).status_code == 200
        sign_in = names_of(store.of(USER))
        assert sign_in
        for name, text in malformed(place.kind).items():
            if not can_be_sent(place, text):
                continue
            store.statements.clear()
            answer = await ask(client, place, text)
            assert answer.json()["code"] == refusal(place, text), name
            assert names_of(store.of(USER)) in ([], sign_in), name


@pytest.mark.parametrize("place", HTTP_PLACES, ids=str)
async def test_i18_an_id_of_another_kind_is_called_by_both_kinds(
    live: LiveServer, place: Place
) -> None:
    async with live.http(USER, scopes=SCOPES) as client:
        for other in set(OF_KIND) - {place.kind}:
            answer = await ask(client, place, OF_KIND[other])
            problem = answer.json()
            if place.where == "header":
                assert (answer.status_code, problem["code"]) == (400, "bad_cursor")
                continue
            assert (answer.status_code, problem["code"]) == (400, "bad_id")
            assert f"expected a {place.kind} id, got a {other} id" in problem["detail"]


@pytest.mark.parametrize("place", [one for one in HTTP_PLACES if one.kind != "feed"], ids=str)
async def test_a_well_formed_id_is_let_through(live: LiveServer, place: Place) -> None:
    """Else the two tests above could pass because of another mistake in the request."""
    async with live.http(USER, scopes=SCOPES) as client:
        answer = await ask(client, place, OF_KIND[place.kind])
    assert answer.json()["code"] == "not_found"


# --- commands -------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", COMMAND_PLACES, ids=str)
async def test_i3_i18_no_command_asks_the_store_for_what_is_no_id(
    live: LiveServer, store: RecordingStore, place: Place
) -> None:
    fields = filled(COMMANDS[place.owner])
    async with live.talk(USER) as talk:
        store.statements.clear()
        for name, text in malformed(place.kind).items():
            refused = await talk.refused(
                await talk.say(place.owner, **(fields | {place.name: text}))
            )
            if "\0" in text:
                assert refused["code"] == "bad_string"  # as in any text
                continue
            assert refused["code"] == "bad_id", (name, refused)
            assert f"expected a {place.kind} id, got " in refused["message"]
        assert store.of(USER) == []


# a feed id is compared with the journal's own, which a connection has from its beginning
@pytest.mark.parametrize("place", [one for one in COMMAND_PLACES if one.kind != "feed"], ids=str)
async def test_a_well_formed_id_reaches_the_store(
    live: LiveServer, store: RecordingStore, place: Place
) -> None:
    """Else the test above could pass because of another mistake in the command."""
    fields = filled(COMMANDS[place.owner]) | {place.name: OF_KIND[place.kind]}
    async with live.talk(USER) as talk:
        store.statements.clear()
        answer = await talk.answer(await talk.say(place.owner, **fields))
        assert answer["data"].get("code") in (None, "not_found")
        assert store.of(USER) != []


# --- repositories ---------------------------------------------------------------------------------


class LookUp(NamedTuple):
    """A method of a repository that takes an id."""

    repository: type
    method: str
    parameter: str

    def __str__(self) -> str:
        return f"{self.repository.__name__}-{self.method}"


ARGUMENTS: dict[str, Any] = {"limit": 1, "after": 0, "max_bytes": 1}
REPOSITORIES = [
    getattr(threadcast.store.session, name)
    for name in threadcast.store.session.__all__
    if name.endswith("Repository")
]
LOOK_UPS = [
    LookUp(repository, name, parameter)
    for repository in REPOSITORIES
    for name, member in vars(repository).items()
    if inspect.iscoroutinefunction(member) and not name.startswith("_")
    for parameter in inspect.signature(member).parameters
    if names_an_id(parameter)
]


async def test_a_session_has_these_repositories_and_no_other() -> None:
    sessions = RequestScopedSessionFactory(SqliteStore("unused", clock=ManualClock(NOW)))
    async with sessions.open(context_of(USER)) as session:
        parts = {type(one) for name, one in vars(session).items() if name != "context"}
    assert parts == set(REPOSITORIES)


@pytest.mark.parametrize("look_up", LOOK_UPS, ids=str)
async def test_i3_no_look_up_asks_for_what_is_no_id(tmp_path: Path, look_up: LookUp) -> None:
    store = RecordingStore(SqliteStore(tmp_path / "never-opened.db", clock=ManualClock(NOW)))
    failures: list[str] = []
    sessions = RequestScopedSessionFactory(store, on_lookup_failed=failures.append)
    kind = KINDS_BY_NAME[look_up.parameter]
    async with sessions.open(context_of(USER)) as session:
        (repository,) = (one for one in vars(session).values() if type(one) is look_up.repository)
        method = getattr(repository, look_up.method)
        more = {
            name: ARGUMENTS[name]
            for name, one in inspect.signature(method).parameters.items()
            if name != look_up.parameter and one.default is inspect.Parameter.empty
        }
        wrong: list[Any] = ["", *malformed(kind).values(), *NOT_TEXT[1:]]
        for text in wrong:
            with pytest.raises(ThreadcastError, match=f"expected a {kind} id, got ") as caught:
                await method(**{look_up.parameter: text}, **more)
            assert caught.value.code == "bad_id"
    assert store.statements == []
    assert not list(tmp_path.iterdir())  # noqa: ASYNC240 - nothing was opened, let alone asked
    assert failures == (["bad_id"] * len(wrong) if look_up.repository is ThreadRepository else [])


# --- the context ----------------------------------------------------------------------------------

CONTEXT_FIELDS = [
    field.name
    for field in dataclasses.fields(UserExecutionContext)
    if field.name.endswith("_id") and field.name != "user_id"
]
WAYS: dict[str, Callable[..., UserExecutionContext]] = {
    "set": UserExecutionContext,
    "stored": lambda *ids, **more: UserExecutionContext(*ids, **more, thread_origin="stored"),
}


@pytest.mark.parametrize("field", CONTEXT_FIELDS)
@pytest.mark.parametrize("way", WAYS)
def test_i3_no_context_is_made_of_what_is_no_id(field: str, way: str) -> None:
    fresh = UnifiedIdGenerator.generate_user_context_ids(USER, "chat")
    ids: dict[str, Any] = {
        **fresh._asdict(),
        "connection_id": UnifiedIdGenerator.generate_base_id("ws_conn"),
    }
    assert set(ids) == set(CONTEXT_FIELDS)
    kind = KINDS_BY_NAME[field]
    wrong: list[Any] = ["", *malformed(kind).values(), *NOT_TEXT[1:]]
    for text in wrong:
        given = ids | {field: text}
        with pytest.raises(InvalidContextError) as caught:
            WAYS[way](USER, **given)
        assert str(caught.value).startswith(f"{field}: expected a {kind} id, got ")
        assert ";" not in str(caught.value)


def test_the_stand_ins_are_well_formed() -> None:
    for kind, text in OF_KIND.items():
        assert UnifiedIdGenerator.is_valid_id(text, kind)
        assert not any(
            UnifiedIdGenerator.is_valid_id(one, kind) for one in malformed(kind).values()
        )
