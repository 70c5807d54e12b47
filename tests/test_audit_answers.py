"""TC603: what is for one user, remembered for everybody."""

from __future__ import annotations

import pytest

from audit_tree import codes_in, findings_in

_CACHE = "answers = {}\n"


def memory(body: str, *, given: str = "user, question", before: str = _CACHE) -> str:
    """A function with this body beside shared state; `|` begins a new line."""
    lines = "\n".join(f"    {line}" for line in body.split("|"))
    return f"{before}def answer({given}):\n{lines}\n"


_ASKED = "if question not in answers:|    answers[question] = ask(question, user)|"
_FOR_EVERYBODY = (
    memory(_ASKED + "return answers[question]"),
    memory(
        "found = answers.get(question)|if found is None:|    found = f'{question}, {user}'"
        "|    answers[question] = found|return found"
    ),
    memory("return answers.setdefault(question, ask(question, user.name))"),
    memory(
        "key = question.lower()|if key in answers:|    return answers[key]"
        "|plan = plan_of(user)|text = ask(question, plan)|answers[key] = text|return text"
    ),
    memory(_ASKED + "return answers[question]", given="user_id, question, user"),
    memory(
        "if 'greeting' not in answers:|    answers['greeting'] = f'Hello {user_id}'"
        "|return answers['greeting']",
        given="user_id",
    ),
    memory(
        "if request.url not in answers:|    answers[request.url] = page(request.user)"
        "|return answers[request.url]",
        given="request",
    ),
    memory(
        "hit = answers.get(question)|if hit is None:|    answers.set(question, ask(user))",
        before="from diskcache import Cache\nanswers = Cache()\n",
    ),
    "class A:\n    answers = {}\n    def f(self, question):\n"
    "        if question not in self.answers:\n"
    "            self.answers[question] = ask(question, self.user_id)\n"
    "        return self.answers[question]\n",
    "class A:\n    answers = {}\n    @classmethod\n    def f(cls, question, user):\n"
    "        return cls.answers.setdefault(question, ask(user))\n",
    "from functools import cache\n@cache\ndef f(question):\n"
    "    user = get_current_user()\n    return ask(question, user)\n",
    "from functools import lru_cache\n@lru_cache(maxsize=9)\ndef f(question):\n"
    "    return ask(question, user_var.get())\n",
    "from flask import g\nfrom functools import lru_cache\n@lru_cache\ndef f(question):\n"
    "    return ask(question, g.user)\n",
)
_FOR_ITS_USER = (
    memory("if (user, question) not in answers:|    answers[user, question] = ask(user)"),
    memory("key = f'{user.id}:{question}'|if key not in answers:|    answers[key] = ask(user)"),
    memory("key = digest(question, user)|return answers.setdefault(key, ask(user))"),
    memory("if question not in answers:|    answers[question] = ask(question)|log(user)"),
    memory(_ASKED, before="", given="answers, user, question"),
    memory("answers = {}|" + _ASKED),
    memory("answers[job] = Job(user)", given="user, job"),
    memory("if thread_id not in answers:|    answers[thread_id] = user", given="user, thread_id"),
    memory("if key not in answers:|    answers[key] = ask(user)", given="user, key"),
    memory("if host not in answers:|    answers[host] = dial(host, user)", given="user, host"),
    memory(
        "found = answers.get(question)|if found and found.user_id == user.id:|    return found"
        "|answers[question] = ask(user)"
    ),
    memory("mine = answers.setdefault(user, {})|return mine.setdefault(question, ask(user))"),
    "class A:\n    def __init__(self):\n        self.answers = {}\n"
    "    def f(self, question, user):\n"
    "        return self.answers.setdefault(question, ask(user))\n",
    "class A:\n    answers = {}\n    def f(self, question):\n        key = self.key(question)\n"
    "        return self.answers.setdefault(key, ask(self.user))\n",
    "from functools import cache\n@cache\ndef f(question, email):\n"
    "    return ask(question, get_current_user())\n",
    "from functools import cache\ndef f(user):\n    @cache\n    def g(question):\n"
    "        return ask(question, current_user())\n    return g\n",
    "from functools import cache\n@cache\ndef f(question):\n    return ask(users.get(1))\n",
    "def f(question):\n    return ask(question, get_current_user())\n",
)


@pytest.mark.parametrize("text", _FOR_EVERYBODY)
def test_what_is_for_one_user_and_kept_for_all_is_found(text: str) -> None:
    assert codes_in(text) == ["TC603"]


@pytest.mark.parametrize("text", _FOR_ITS_USER)
def test_what_is_kept_for_its_user_is_left_alone(text: str) -> None:
    assert "TC603" not in codes_in(text)


def test_the_message_names_the_state_and_the_key() -> None:
    (found,) = findings_in(_FOR_EVERYBODY[0])

    assert found.message == (
        "`answers` remembers what is for one user under `question`, for everybody"
    )
    assert [other.location.line for other in found.related] == [1]


def test_the_message_says_how_a_cached_function_asks_for_its_user() -> None:
    (found,) = findings_in(_FOR_EVERYBODY[-2])

    assert found.message == ("`f` is cached for everybody and asks for the user, `user_var.get()`")
