"""`threadcast audit` as a process: what it prints, what it changes, and its exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from audit_tree import written
from doc_pages import ROOT
from program import environment, run
from threadcast.cli import exits

MAKES = "import uuid\nthread_id = uuid.uuid4()\n"
CLEAN = "x = 1\n"
END_MAX_S = 60.0
WORKING = """
import multiprocessing, time
from concurrent.futures import ProcessPoolExecutor
from threadcast.audit.audit import end_with_parent

spawning = multiprocessing.get_context("spawn")
with ProcessPoolExecutor(1, mp_context=spawning, initializer=end_with_parent) as pool:
    pool.submit(abs, 1).result()
    print("a worker has worked", flush=True)
    time.sleep(600)
"""


async def test_clean_code_exits_with_0(tmp_path: Path) -> None:
    status, out, errors = await run("audit", str(written(tmp_path, {"app/m.py": CLEAN})))

    assert (status, errors) == (0, "")
    assert out == "0 findings in 1 files, 1 lines\n"


async def test_findings_exit_with_1(tmp_path: Path) -> None:
    status, out, errors = await run("audit", str(written(tmp_path, {"app/m.py": MAKES})))

    assert (status, errors) == (1, "")
    assert out.startswith("app/m.py:2:13: TC301 error: `uuid.uuid4` makes the id `thread_id`")


async def test_a_configuration_that_cannot_be_used_exits_with_78(tmp_path: Path) -> None:
    written(tmp_path, {"pyproject.toml": "[tool.threadcast.audit]\ninclud = []\n"})
    status, out, errors = await run("audit", str(tmp_path))

    assert (status, out) == (exits.CONFIGURATION, "")
    assert "unknown key 'includ', did you mean \"include\"?" in errors


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "'nowhere' does not exist"),
        ([".", "--format", "xml"], "'xml' is not one of"),
        ([".", "--only", "TC30"], "unknown rule 'TC30', did you mean"),
        ([".", "--jobs", "99"], "99 is not in the range"),
        ([".", "--write-baseline"], "--write-baseline needs --baseline FILE"),
        ([".", "--basline", "x"], 'did you mean "--baseline"?'),
        (["--explain", "TC999"], "unknown rule 'TC999'"),
    ],
)
async def test_a_wrong_command_line_exits_with_64(arguments: list[str], said: str) -> None:
    status, out, errors = await run("audit", *arguments)

    assert (status, out) == (exits.USAGE, "")
    assert said in errors
    assert errors.count("\n") == 1


async def test_a_baseline_lives(tmp_path: Path) -> None:
    written(tmp_path, {"app/m.py": MAKES + "run_id = uuid.uuid4()\n"})
    where = str(tmp_path), "--baseline", str(tmp_path / "b.json")

    missing = await run("audit", *where)
    assert missing[0] == exits.CONFIGURATION
    assert "make it with --write-baseline" in missing[2]
    assert (await run("audit", *where, "--write-baseline"))[0] == 0
    known = await run("audit", *where)
    assert known[0] == 0
    assert "against the baseline: 2 -> 2 (0 fixed, 0 new)" in known[1]

    written(tmp_path, {"app/m.py": MAKES + "session_id = uuid.uuid4()\n"})
    status, out, _ = await run("audit", *where, "--write-baseline")
    assert status == 1
    assert "against the baseline: 2 -> 2 (1 fixed, 1 new)" in out
    assert "`session_id`" in out
    assert "`thread_id`" not in out
    assert json.loads((tmp_path / "b.json").read_text())["total"] == 1


async def test_the_baseline_may_be_configured(tmp_path: Path) -> None:
    table = '[tool.threadcast.audit]\nbaseline = "b.json"\n'
    written(tmp_path, {"app/m.py": MAKES, "pyproject.toml": table})

    assert (await run("audit", str(tmp_path), "--write-baseline"))[0] == 0
    assert (await run("audit", str(tmp_path / "app")))[0] == 0


MOVED = '[tool.threadcast.audit.canonical-imports]\n"app.old" = "app.new"\n'
OLD = "from app.old import A  # why\n"


async def test_fix_changes_and_tells_the_rest(tmp_path: Path) -> None:
    written(tmp_path, {"m.py": OLD + MAKES, "pyproject.toml": MOVED})
    status, out, errors = await run("audit", str(tmp_path), "--fix")

    assert (status, errors) == (1, "1 findings fixed\n")
    assert "TC201" not in out
    assert (tmp_path / "m.py").read_text() == "from app.new import A  # why\n" + MAKES
    assert (await run("audit", str(tmp_path), "--fix"))[2] == "0 findings fixed\n"


async def test_diff_shows_and_changes_nothing(tmp_path: Path) -> None:
    written(tmp_path, {"m.py": OLD, "pyproject.toml": MOVED})
    for asked in (["--diff", "--fix"], ["--diff"]):
        status, out, errors = await run("audit", str(tmp_path), *asked)

        assert (status, errors) == (1, "1 findings that --fix would put right\n")
        assert "-from app.old import A  # why\n+from app.new import A  # why\n" in out
        assert (tmp_path / "m.py").read_text() == OLD


async def test_a_finding_that_fix_leaves_says_why(tmp_path: Path) -> None:
    written(tmp_path, {"m.py": "e = {'type': 'agent_started', 'time': now}\n"})
    _, out, errors = await run("audit", str(tmp_path), "--diff")

    assert errors == "0 findings that --fix would put right\n"
    assert "\n    --fix leaves it: `now` is not surely a time in seconds\n" in out


async def test_paths_are_told_from_the_current_folder(tmp_path: Path) -> None:
    files = {"part/app/m.py": OLD + MAKES, "pyproject.toml": MOVED}
    part = written(tmp_path, files) / "part"
    _, text, _ = await run("audit", ".", "--diff", cwd=part)
    _, data, _ = await run("audit", ".", "--format", "json", cwd=part)
    _, github, _ = await run("audit", ".", "--format", "github", cwd=part)
    actions = environment(GITHUB_WORKSPACE=str(tmp_path))
    _, in_workspace, _ = await run("audit", ".", "--format", "github", cwd=part, env=actions)
    _, elsewhere, _ = await run("audit", "..", cwd=written(part, {"b/n.py": ""}) / "b")

    assert "\napp/m.py:3:13: TC301" in text
    assert "+++ b/app/m.py\n" in text
    assert "  app\n" in text
    assert "file=app/m.py," in github
    assert "file=part/app/m.py," in in_workspace
    assert {one["path"] for one in json.loads(data)["findings"]} == {"part/app/m.py"}
    assert "part/app/m.py:3:13: TC301" in elsewhere


async def test_only_one_rule_is_asked(tmp_path: Path) -> None:
    written(tmp_path, {"m.py": MAKES + "e = {'type': 'agent_started'}\n"})
    _, out, _ = await run("audit", str(tmp_path), "--only", "event-key")

    assert "TC401" in out
    assert "TC301" not in out


async def test_a_report_goes_into_a_file(tmp_path: Path) -> None:
    written(tmp_path, {"m.py": MAKES})
    file = tmp_path / "report.sarif"
    status, out, _ = await run("audit", str(tmp_path), "--format", "sarif", "--output", str(file))

    assert (status, out) == (1, "")
    assert json.loads(file.read_text())["runs"][0]["results"][0]["ruleId"] == "TC301"


async def test_what_is_in_the_code_cannot_move_the_cursor(tmp_path: Path) -> None:
    written(tmp_path, {"m.py": "e = {'type': 'agent_started', '\\x1b[2J\\u202e': 1}\n"})
    _, out, _ = await run("audit", str(tmp_path))

    assert "\x1b" not in out
    assert "\u202e" not in out


async def test_rules_are_listed_and_explained() -> None:
    _, listed, _ = await run("audit", "--list-rules")
    status, explained, _ = await run("audit", "--explain", "id-by-hand")

    assert "TC502" in listed
    assert status == 0
    assert explained.startswith("TC302 id-by-hand (error)\n")
    assert "What to do: " in explained


def test_workers_of_a_killed_audit_end() -> None:
    command = [sys.executable, "-c", WORKING]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment()) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"a worker has worked\n"

        process.kill()

        process.communicate(timeout=END_MAX_S)  # until no worker holds the pipe any more


@pytest.mark.timeout(300)  # some seconds of processor time; machines may be busy
async def test_the_project_passes_its_own_audit() -> None:
    status, out, errors = await run(
        "audit", *(str(ROOT / one) for one in ("src", "tests", "bench"))
    )

    assert (status, errors) == (0, "")
    assert out.startswith("0 findings")  # what is suppressed says why, or would be one


async def test_nothing_to_audit_is_no_clean_bill(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "m.py").write_text("import uuid\nthread_id = uuid.uuid4()\n")

    for named in (tmp_path, tmp_path / ".venv"):
        status, out, errors = await run("audit", str(named))
        assert (status, out) == (64, "")
        assert errors.startswith("threadcast: no Python file was audited:")
