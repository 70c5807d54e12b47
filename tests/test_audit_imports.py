"""TC201, TC202, TC203: by which path a name is imported."""

from __future__ import annotations

import pytest

from audit_tree import codes_in, findings_in, report_of
from threadcast.audit.configuration import AuditSettings
from threadcast.audit.fixes import fixed

MOVED = AuditSettings(
    canonical_imports={"app.old": "app.new", "lib.things.Manager": "lib.manager.WebSocketManager"}
)

# What is written, and what it becomes; None: found, and left to a person.
_REPLACED: tuple[tuple[str, str | None], ...] = (
    ("from app.old import A", "from app.new import A"),
    ("from app.old import A, B as C  # why", "from app.new import A, B as C  # why"),
    ("from app.old import (\n    A,\n    B,\n)", "from app.new import (\n    A,\n    B,\n)"),
    ("from app.old.deep import A", "from app.new.deep import A"),
    ("from .old import A", "from app.new import A"),
    ("from  app.old  import A", "from  app.new  import A"),
    ("from app.old import *", "from app.new import *"),
    ("import app.old as o", "import app.new as o"),
    ("from app import old", "from app import new as old"),
    ("from app import old as o", "from app import new as o"),
    (
        "from lib.things import Manager",
        "from lib.manager import WebSocketManager as Manager",
    ),
    (
        "def f():\n    from lib.things import Manager as M",
        "def f():\n    from lib.manager import WebSocketManager as M",
    ),
    ("import app.old", None),
    ("from lib.things import Manager, Other", None),
)
_KEPT = (
    "from app.new import A",
    "from app.older import A",
    "import app.olden",
    "from lib.things import Other",
    "from other.old import A",
    "from ..old import A",
    "import old",
    "text = 'from app.old import A'",
    "from app import newer, older",
)


@pytest.mark.parametrize(("before", "after"), _REPLACED)
def test_a_replaced_path_is_found_and_fixed(before: str, after: str | None) -> None:
    found = findings_in(before, MOVED)
    text, _ = fixed(before, found)

    assert {one.code for one in found} == {"TC201"}
    assert text == (after or before)
    assert after is None or codes_in(text, MOVED) == []


@pytest.mark.parametrize("text", _KEPT)
def test_other_paths_are_left_alone(text: str) -> None:
    assert codes_in(text, MOVED) == []


def test_the_message_names_both_paths() -> None:
    (found,) = findings_in("from app.old import A", MOVED)

    assert found.message == "`app.old.A` is now `app.new.A`"


_HOME = "class Manager:\n    pass\ndef helper():\n    pass\n"
_SHIM = '"""Deprecated: moved to app.home."""\nfrom app.home import Manager, helper\n'


def codes(text: str, passing: str, *, module: str = "app/passing.py", others: int = 3) -> list[str]:
    """What is found in a module that imports from one that passes names on."""
    files = {"app/__init__.py": "", "app/home.py": _HOME, module: passing, "app/user.py": text}
    files |= {f"app/other{n}.py": "from app.home import Manager, helper\n" for n in range(others)}
    return [one.code for one in report_of(files).findings]


_BY_SHIM = (
    "from app.passing import Manager",
    "from app.passing import helper",
    "from .passing import Manager",
    "from app.passing import Manager as M",
    "def f():\n    from app.passing import Manager",
    "try:\n    from app.passing import Manager\nexcept ImportError:\n    pass",
    "if True:\n    from app.passing import helper as h",
    "class A:\n    from app.passing import Manager",
)
_NOT_BY_SHIM = (
    "from app.home import Manager",
    "import app.passing",
    "from app import passing",
    "from app.passing import missing",
    "from other.passing import Manager",
    "from app.home import helper",
    "from app import home",
    "import app.home as passing",
)


@pytest.mark.parametrize("text", _BY_SHIM)
def test_an_import_by_a_shim_is_found(text: str) -> None:
    assert codes(text, _SHIM) == ["TC202"]


@pytest.mark.parametrize("text", _NOT_BY_SHIM)
def test_an_import_by_no_shim_is_left_alone(text: str) -> None:
    assert codes(text, _SHIM) == []


@pytest.mark.parametrize(
    "passing",
    [
        "import warnings\nfrom app.home import Manager\n"
        "warnings.warn('moved', DeprecationWarning)\n",
        "# for backward compatibility\nfrom app.home import Manager\n__all__ = ['Manager']\n",
        "# kept for old imports\nfrom .home import Manager as Manager\n",
        "# legacy imports\nfrom .home import Manager as Manager\n",
    ],
)
def test_each_form_of_a_shim_is_one(passing: str) -> None:
    assert codes("from app.passing import Manager", passing) == ["TC202"]


_USES = "from app.home import Manager, helper\n\nmanager = Manager()\n"
_SECOND_PATHS = (
    "from app.passing import Manager",
    "from app.passing import helper",
    "from .passing import Manager",
    "from app.passing import Manager as M",
    "def f():\n    from app.passing import Manager",
    "from app.passing import manager, Manager",
    "if True:\n    from app.passing import helper as h",
    "class A:\n    from app.passing import helper",
)


@pytest.mark.parametrize("text", _SECOND_PATHS)
def test_a_second_path_is_found(text: str) -> None:
    assert codes(text, _USES) == ["TC203"]


@pytest.mark.parametrize("text", _NOT_BY_SHIM)
def test_a_first_path_is_left_alone(text: str) -> None:
    assert codes(text, _USES) == []


def test_what_a_module_publishes_may_be_imported_from_it() -> None:
    text = "from app.passing import Manager"

    assert codes(text, _USES + "__all__ = ['Manager']\n") == []
    assert codes(text, "from app.home import Manager as Manager\nx = 1\n") == []
    assert codes(text, _USES, others=0) == []
    assert codes("from app.api import Manager", _USES, module="app/api/__init__.py") == []


def test_what_is_defined_in_a_private_module_is_imported_from_the_public_one() -> None:
    files = {
        "app/__init__.py": "",
        "app/_home.py": _HOME,
        "app/user.py": "from app.way import Manager",
    }
    files |= {f"app/other{n}.py": "from app._home import Manager\n" for n in range(3)}
    uses = "from app._home import Manager\n\nmanager = Manager()\n"

    assert report_of({**files, "app/way.py": uses}).findings == ()
