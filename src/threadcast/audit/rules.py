"""The table of rules: code, name, severity, what each finds, why it matters and what to do.

The reference page, `--explain` and the metadata in SARIF are generated from it. Each rule's
implementation is in a module of its own.
"""

from __future__ import annotations

from typing import NamedTuple

from .findings import Severity


class Rule(NamedTuple):
    """One rule.

    Attributes:
        code: never changes.
        name: hyphenated words; the configuration accepts it in place of the code.
        severity: the default, which the configuration may change.
        finds: what it finds, one sentence.
        why: what goes wrong in production.
        advice: what to do.
        bad, good: an example, before and after.
        in_tests: whether it looks at tests, too.
        fixable: whether `--fix` can fix some of its findings.
    """

    code: str
    name: str
    severity: Severity
    finds: str
    why: str
    advice: str
    bad: str
    good: str
    in_tests: bool = False
    fixable: bool = False


_ERROR, _WARNING, _NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE

_TABLE = (
    Rule(
        "TC001", "unreadable-file", _ERROR,
        "A file that cannot be read or parsed, so that no rule looked at it.",
        "What is not read is not checked.",
        "Repair the file, or leave it out with `exclude`.",
        "def f(:", "def f():\n    return None", in_tests=True,
    ),
    Rule(
        "TC002", "suppression-without-reason", _ERROR,
        "A suppression that does not say why, or that names no rule.",
        "In a year nobody knows whether it still has to be there.",
        "Write the reason after the bracket.",
        "# threadcast: ignore[TC301]",
        "# threadcast: ignore[TC301] the id of another system, which makes it itself",
        in_tests=True,
    ),
    Rule(
        "TC003", "unused-suppression", _WARNING,
        "A suppression of something that is not found there (any more).",
        "It would hide the next finding on that line.",
        "Remove it.",
        "total = 1  # threadcast: ignore[TC301] made by the ledger", "total = 1", in_tests=True,
    ),
    Rule(
        "TC101", "duplicate-manager", _ERROR,
        "A second implementation of a manager: the same name after its decoration is taken off"
        " (Unified, Enhanced, V2, Legacy, ...), and the same methods.",
        "Each part of the program registers with its own one, and cleanup does not find what the"
        " other one made.",
        "Keep one implementation, import it everywhere, and delete the other one.",
        "class EnhancedConnectionManager:  # beside ConnectionManager\n    ...",
        "from app.connections import ConnectionManager",
    ),
    Rule(
        "TC102", "same-promise", _NOTE,
        "Two classes whose names promise the same thing, while they do different things: one name"
        " decorated (Unified, V2, ...), or the same name twice in one folder.",
        "Whoever imports by name gets one or the other by chance.",
        "Rename one of them after what it really does, or merge them.",
        "class SessionManager: ...  # beside UnifiedSessionManager",
        "class LoginSessionManager: ...\nclass ChatSessionManager: ...",
    ),
    Rule(
        "TC103", "same-behaviour", _NOTE,
        "Two managers of connections under different names that have the same methods.",
        "It is a second truth about who is connected.",
        "Keep one. Where both are needed, give them one protocol that says so.",
        "class Hub:  # connect, disconnect, broadcast, as in ConnectionManager\n    ...",
        "class Hub(ConnectionRegistry):  # the protocol that both implement\n    ...",
    ),
    Rule(
        "TC201", "deprecated-import", _ERROR,
        "An import by a path that the configuration replaces by a canonical one.",
        "The old path keeps the old implementation alive.",
        "Import from the canonical path; `--fix` does it.",
        "from app.old_manager import WebSocketManager",
        "from app.websocket_manager import WebSocketManager", in_tests=True, fixable=True,
    ),
    Rule(
        "TC202", "shim-import", _WARNING,
        "An import from a module that only passes names on and says that it is deprecated.",
        "A shim stays for as long as somebody imports from it.",
        "Import from where the name is defined.",
        "from app.compat_manager import Manager  # a shim over app.manager",
        "from app.manager import Manager",
    ),
    Rule(
        "TC203", "second-import-path", _WARNING,
        "A class imported from a module that merely imports it, while others import it from where"
        " it is defined.",
        "Two paths to one name become two names when somebody moves one of them.",
        "Import from where it is defined, or from the package that publishes it.",
        "from app.routes import Manager  # app.routes imports it from app.manager",
        "from app.manager import Manager",
    ),
    Rule(
        "TC301", "id-outside-generator", _ERROR,
        "An id made with `uuid`, `secrets`, `random` or the like, outside the id generator.",
        "Two components that each make ids make two different ones for the same thing:"
        " \"404: thread not found\".",
        "Take it from the generator: `UnifiedIdGenerator.generate_user_context_ids` for a thread,"
        " run and request, `generate_base_id` for anything else.",
        "thread_id = str(uuid.uuid4())",
        "ids = UnifiedIdGenerator.generate_user_context_ids(user_id, \"chat\")",
    ),
    Rule(
        "TC302", "id-by-hand", _ERROR,
        "An id that is put together as a text.",
        "Its shape differs from place to place, nobody can parse it, and two made in the same"
        " moment can be the same.",
        "Take it from the generator, and hand it on instead of making it again.",
        "run_id = f\"run_{int(time.time())}\"",
        "run_id = UnifiedIdGenerator.generate_user_context_ids(user_id, \"chat\").run_id",
    ),
    Rule(
        "TC303", "joined-isolation-key", _WARNING,
        "A key that joins a user's id and another id in one text.",
        "A user id that holds the separator can be made to equal another user's key.",
        "Use a tuple as the key; where it must be a text, encode or digest the parts.",
        "sessions[f\"{user_id}:{thread_id}\"]", "sessions[user_id, thread_id]",
    ),
    Rule(
        "TC401", "event-key", _ERROR,
        "An event whose keys are not the canonical ones: `type` for `event_type`, `time` for"
        " `timestamp`, `user` for `user_id`, `payload` for `data`.",
        "Each reader guesses, and one of them guesses wrong: the screen shows nothing.",
        "Use the canonical keys. `--fix` renames those of known events where the value fits.",
        "{\"type\": \"agent_started\", \"data\": {}}",
        "{\"event_type\": \"agent_started\", \"data\": {}}", fixable=True,
    ),
    Rule(
        "TC402", "event-payload", _WARNING,
        "An event with its payload at the top level instead of under `data`.",
        "A key of the payload can hide one of the envelope, such as `user_id`.",
        "Put what belongs to this type of event under `data`.",
        "{\"event_type\": \"agent_thinking\", \"text\": text}",
        "{\"event_type\": \"agent_thinking\", \"data\": {\"text\": text}}",
    ),
    Rule(
        "TC403", "event-class", _WARNING,
        "A class for events whose fields are not the canonical ones.",
        "Everything that is built from it has the wrong shape.",
        "Name the fields `event_type`, `timestamp`, `user_id`, `thread_id`, `run_id`, `seq` and"
        " `data`.",
        "class AgentEvent(TypedDict):\n    type: str\n    user: str\n    thread_id: str",
        "class AgentEvent(TypedDict):\n    event_type: str\n    user_id: str\n    thread_id: str",
    ),
    Rule(
        "TC404", "event-time", _WARNING,
        "An event whose time is a text or a whole number, not seconds as a float.",
        "Texts in different time zones do not sort, and a reader that subtracts fails.",
        "Use seconds since the epoch as a float, `time.time()`.",
        "{\"event_type\": \"agent_started\", \"timestamp\": datetime.now().isoformat()}",
        "{\"event_type\": \"agent_started\", \"timestamp\": time.time()}",
    ),
    Rule(
        "TC501", "send-before-accept", _ERROR,
        "A WebSocket is used before it is accepted, on some way through the function.",
        "\"WebSocket is not connected. Need to call accept first.\"",
        "Accept first, or close without sending.",
        "await websocket.send_json(hello)\nawait websocket.accept()",
        "await websocket.accept()\nawait websocket.send_json(hello)",
    ),
    Rule(
        "TC502", "send-after-close", _ERROR,
        "A WebSocket is used after it was closed, or after the peer was found gone.",
        "\"Cannot call send once a close message has been sent.\"",
        "Return after closing.",
        "if not user:\n    await websocket.close()\nawait websocket.send_json(hello)",
        "if not user:\n    await websocket.close()\n    return\nawait websocket.send_json(hello)",
    ),
    Rule(
        "TC503", "swallowed-send", _WARNING,
        "A failed send to a connection is swallowed without a trace.",
        "The dead connection stays registered, and what it missed is lost without a word.",
        "Catch what the framework raises for a closed connection, and remove the connection.",
        "try:\n    await websocket.send_json(event)\nexcept Exception:\n    pass",
        "try:\n    await websocket.send_json(event)\nexcept WebSocketDisconnect:\n"
        "    gone.append(websocket)",
    ),
    Rule(
        "TC601", "state-by-user", _WARNING,
        "Mutable state of a module or class that functions fill by user, thread, connection or"
        " session.",
        "It is shared by everybody in the process, never shared with another process, and grows"
        " for as long as nobody removes entries.",
        "Put it into an object with an owner and a bound, or into the store.",
        "_sessions = {}\n\ndef remember(user_id, session):\n    _sessions[user_id] = session",
        "class Sessions:\n    def __init__(self, *, most: int) -> None:\n"
        "        self._by_user = Bounded(most)",
    ),
    Rule(
        "TC602", "cache-by-user", _WARNING,
        "A function cached for the life of the process whose arguments name a user, thread or"
        " session.",
        "What a user may see changes; the cached answer does not, and other users' entries push"
        " it out by chance.",
        "Cache in the request's context, or with a time to live.",
        "@lru_cache\ndef plan_of(user_id: str) -> Plan: ...",
        "def plan_of(context: UserExecutionContext) -> Plan: ...",
    ),
    Rule(
        "TC603", "answer-for-everybody", _ERROR,
        "Shared state or a cache that a function fills with something for its user, under a key"
        " that the user is not part of.",
        "The next user who asks the same is shown the answer of another one.",
        "Make the user part of the key, or keep the answer in an object that one user owns.",
        "if question not in answers:\n    answers[question] = ask(question, user)",
        "if (user, question) not in answers:\n    answers[user, question] = ask(question, user)",
    ),
)  # fmt: skip

RULES: dict[str, Rule] = {rule.code: rule for rule in _TABLE}
"""Every rule by its code, in the order of the codes."""


def rule_of(name: str) -> Rule | None:
    """The rule of a code or a name, in upper or lower case."""
    wanted = name.casefold()
    return next((one for one in _TABLE if wanted in (one.code.casefold(), one.name)), None)
