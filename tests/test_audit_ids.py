"""TC301, TC302, TC303: what is used as an id is one, and nothing else is."""

from __future__ import annotations

import pytest

from audit_tree import codes_in, findings_in, report_of
from threadcast.audit.configuration import AuditSettings

_MADE_ELSEWHERE = (
    "import uuid\nthread_id = str(uuid.uuid4())",
    "from uuid import uuid4\nrun_id = uuid4().hex",
    "from uuid import uuid4 as fresh\nclass A:\n    def __init__(self):\n"
    "        self.session_id = str(fresh())[:8]",
    "import uuid\nconnect(connection_id=str(uuid.uuid4()))",
    "import uuid\nrow = {'request_id': uuid.uuid4().hex}",
    "import uuid\ndef new_run_id():\n    return str(uuid.uuid4())",
    "import secrets\nrequest_id = secrets.token_hex(8)",
    "import random\nuser_id = random.randint(1, 10**9)",
    "import uuid\ndef f(thread_id=uuid.uuid4()):\n    pass",
    "from dataclasses import dataclass, field\nimport uuid\n@dataclass\nclass A:\n"
    "    id: str = field(default_factory=lambda: str(uuid.uuid4()))",
    "import uuid\nclass Row:\n    id = Column(UUID, default=uuid.uuid4)",
    "import uuid\nthread_id = thread_id or str(uuid.uuid4())",
    "import random, string\nsession_id = ''.join(random.choices(string.ascii_letters, k=9))",
    "import uuid\nmessage['messageId'] = str(uuid.uuid4())",
    "import os\nnode_id = os.urandom(8).hex()",
    "import uuid\nif (run_id := str(uuid.uuid4())):\n    pass",
)
_NO_ID = (
    "import secrets\nsession_key = secrets.token_bytes(32)",
    "import random\ndelay_s = random.random() * 2",
    "import uuid\nnamespace = uuid.UUID('6f1c9a1e-2f53-4a5b-9d0e-8d1f6f1c9a1e')",
    "import uuid\nthread_id = uuid.UUID(text)",
    "import uuid\nfile_name = f'{uuid.uuid4()}.png'",
    "import secrets\ncsrf_token = secrets.token_urlsafe(32)",
    "import random\nuser_id = random.choice(user_ids)",
    "import uuid\nelement_id = str(uuid.uuid4())",
    "import uuid\nalias_id = uuid.uuid4().hex",
    "import uuid\nslug = f'{base}-{random_id}'\nrandom_id = uuid.uuid4().hex[:4]",
    "import uuid\nprint(uuid.uuid4())",
    "import uuid\nthread_id = uuid.uuid5(NAMESPACE, name)",
    "import uuid\ndef is_new(value):\n    return value != uuid.uuid4()",
    "import uuid\ntrace_id = uuid.uuid4().hex",
    "thread_id = row.uuid4()",
    "import random\nthread = pool[random.randrange(4)]",
    "class UnifiedIdGenerator:\n    def make(self):\n        import uuid\n"
    "        request_id = uuid.uuid4()\n        return request_id",
)


@pytest.mark.parametrize("text", _MADE_ELSEWHERE)
def test_an_id_made_outside_the_generator_is_found(text: str) -> None:
    assert codes_in(text) == ["TC301"]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("app/migrations/0063_temp_id.py", []),
        ("app/migrations/versions/9f0c9cd09105_note.py", []),
        ("app/migrations/__init__.py", ["TC301"]),
        ("app/migrations.py", ["TC301"]),
    ],
)
def test_a_migration_that_has_run_is_left_alone(path: str, found: list[str]) -> None:
    report = report_of({path: "import uuid\nthread_id = str(uuid.uuid4())\n"})

    assert [one.code for one in report.findings] == found


@pytest.mark.parametrize("text", _NO_ID)
def test_what_is_no_id_is_left_alone(text: str) -> None:
    assert codes_in(text) == []


_PUT_TOGETHER = (
    "import time\nrun_id = f'run_{int(time.time())}'",
    "import uuid\nthread_id = f'thread_{uuid.uuid4().hex[:8]}'",
    "thread_id = f'thread_{user_id}'",
    "import time\nrequest_id = 'req_' + str(int(time.time() * 1000))",
    "import time\nrun_id = 'run_%d' % time.time()",
    "import uuid\nsession_id = 'session-{}'.format(uuid.uuid4())",
    "session_id = '_'.join([user_id, chat_id])",
    "import itertools\ncounter = itertools.count()\nconnection_id = f'ws_{next(counter)}'",
    "import time\nstart(f'thread_{time.time_ns()}')",
    "import uuid\ndef make_id(prefix):\n    return f'{prefix}_{uuid.uuid4()}'",
    "row = {'chat_id': f'channel:{channel.id}'}",
    "from datetime import datetime\nrun_id = f'{agent}-{datetime.now().timestamp()}'",
)
_OTHER_TEXTS = (
    "path = f'/threads/{thread_id}'",
    "name = f'thread_{number}'",
    "import time\nlog_file = f'run_{int(time.time())}.log'",
    "handler = getattr(self, f'run_{name}')",
    "import time\nmessage = f'thread {thread_id} ended at {time.time()}'",
    "thread_id = f'{thread_id}'",
    "send(client_message_id=f'{user}-{number}')  # the client's own, and the same when repeated",
    "import uuid\nname = f'upload-{uuid.uuid4()}'",
    "element_id = f'row_{number}'",
    "message_id = f'<{digest}@example.org>'",
    "title = 'run_' + name",
    "total_id = count + 1",
    "import time\nraise ValueError(f'thread_id too old: {time.time()}')",
    "thread_id = f'projects/{project}/threads/{name}'",
)


@pytest.mark.parametrize("text", _PUT_TOGETHER)
def test_an_id_put_together_by_hand_is_found(text: str) -> None:
    assert codes_in(text) == ["TC302"]


@pytest.mark.parametrize("text", _OTHER_TEXTS)
def test_other_texts_are_left_alone(text: str) -> None:
    assert codes_in(text) == []


_JOINED_KEYS = (
    "sessions[f'{user_id}:{thread_id}']",
    "cache.get(f'{user_id}_{run_id}')",
    "key = f'user:{user_id}:thread:{thread_id}'",
    "cache_key = user_id + ':' + thread_id",
    "key = '%s:%s' % (user_id, session_id)",
    "key = '{}:{}'.format(user.user_id, thread_id)",
    "key = ':'.join([user_id, run_id])",
    "self.isolation = f'{user_id}:{self.thread_id}'",
    "if f'{user_id}:{run_id}' in live:\n    pass",
    "def isolation_key(user_id, run_id):\n    return f'{user_id}:{run_id}'",
    "await redis.set(f'lock:{tenant_id}:{user_id}', 1)",
)
_NO_JOINED_KEYS = (
    "sessions[user_id, thread_id]",
    "key = (user_id, thread_id)",
    "log.info(f'{user_id}:{thread_id}')",
    "url = f'/users/{user_id}/threads/{thread_id}'",
    "key = f'user:{user_id}'",
    "key = f'{thread_id}:{run_id}'",
    "cache.get(f'{user_id}:settings')",
    "message = f'{user_id} opened {thread_id}'",
    "key = f'{user_id}{thread_id}'.encode()",
    "key = digest(user_id, thread_id)",
)


@pytest.mark.parametrize("text", _JOINED_KEYS)
def test_a_joined_key_is_found(text: str) -> None:
    assert codes_in(text) == ["TC303"]


@pytest.mark.parametrize("text", _NO_JOINED_KEYS)
def test_what_is_no_joined_key_is_left_alone(text: str) -> None:
    assert codes_in(text) == []


def test_the_message_names_the_maker_and_the_id() -> None:
    (found,) = findings_in("import uuid\ndef f():\n    thread_id = str(uuid.uuid4())\n")

    assert found.message == "`uuid.uuid4` makes the id `thread_id`, outside the id generator"
    assert (found.location.line, found.location.column, found.location.end_column) == (3, 21, 31)
    assert found.scope == "f"


def test_a_place_counts_characters_not_bytes() -> None:
    (found,) = findings_in("import uuid\nä = 'ööö'; thread_id = uuid.uuid4()\n")

    assert found.location.column == len("ä = 'ööö'; thread_id = ") + 1


def test_a_configured_generator_may_make_ids() -> None:
    text = "import uuid\ndef fresh():\n    thread_id = uuid.uuid4()\n    return thread_id\n"

    assert codes_in(text) == ["TC301"]
    assert codes_in(text, AuditSettings(id_generators=("fresh",))) == []
    assert codes_in(text, AuditSettings(id_generators=("app.module",))) == []
    assert codes_in(text, AuditSettings(id_generators=("app.*",))) == []


def test_a_configured_prefix_makes_every_composed_text_an_id() -> None:
    text = "name = f'thread_{number}'"

    assert codes_in(text) == []
    assert codes_in(text, AuditSettings(id_prefixes=("thread_",))) == ["TC302"]


def test_tests_may_make_ids_as_they_like() -> None:
    text = "import uuid\nthread_id = str(uuid.uuid4())"

    assert report_of({"tests/test_chat.py": text}).findings == ()
