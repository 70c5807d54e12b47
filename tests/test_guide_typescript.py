"""The guide to the TypeScript client, word for word: packed, installed and run with Node.js."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest
import pytest_asyncio

from doc_pages import ROOT, all_blocks, blocks
from followed_page import Shell
from node_program import node, npm_program, run_node
from page_server import serving

GUIDE = ROOT / "docs" / "guides" / "typescript-client.md"
CLIENT = ROOT / "clients" / "typescript"
PORT = "8080"
SECRET = "a secret of the guide's server, 32 bytes and more"
COMPILER_MAX_S = 120.0
_NAME = re.compile(r"// ([a-z_]+\.ts)\n")

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True, slots=True)
class Followed:
    """What there is when the guide was followed to its end.

    Attributes:
        project: the folder that the reader has made.
        printed: by the commands that run each program.
    """

    project: Path
    printed: dict[str, str]


def programs() -> dict[str, str]:
    """The programs of the guide, by the names of their files."""
    found = ((_NAME.match(block.code), block.code) for block in blocks(GUIDE, "ts"))
    return {name[1]: code for name, code in found if name is not None}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def followed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Followed]:
    """The guide, followed by a reader whose Node.js is the wheel's, and who has no network."""
    home = tmp_path_factory.mktemp("home")
    folder = tmp_path_factory.mktemp("server")
    async with serving(folder, JWT_SECRET=SECRET) as server:
        port = urlsplit(server.url).port
        assert port is not None
        async with Shell(ROOT, home, {PORT: port}) as shell:
            await shell.run(_prepared())
            yield Followed(home / "asking", await _follow(shell, home / "asking"))


def _prepared() -> str:
    return f"""
        export THREADCAST_JWT_SECRET="{SECRET}" npm_config_offline=true npm_config_audit=false
        PATH="{node().parent}:$PATH"
        npm() {{ node "{npm_program()}" "$@"; }}
    """


async def _follow(shell: Shell, project: Path) -> dict[str, str]:
    """Save what is to be saved, type what is to be typed; what the programs print."""
    printed = {}
    for block in all_blocks(GUIDE):
        if (name := _NAME.match(block.code)) is not None:
            (project / name[1]).write_text(shell.with_free_ports(block.code), encoding="utf-8")
        elif block.language == "sh" and block.code != "scripts/serve\n":  # the test's own serves
            status, said = await shell.run(block.code)
            assert status == 0, f"{block}: {said}"
            if (ran := re.search(r"^node (\w+\.ts)$", block.code, re.MULTILINE)) is not None:
                printed[ran[1]] = said
    return printed


@pytest.mark.parametrize(
    ("name", "says"), [("ask.ts", r"\b36\b"), ("chat.ts", r"^What is 2 \+ 2\? -> (?s:.)*4")]
)
async def test_a_program_of_the_guide(followed: Followed, name: str, says: str) -> None:
    assert re.search(says, followed.printed[name], re.MULTILINE), followed.printed[name]


async def test_the_program_listens_before_it_sends() -> None:
    """After a lost connection a message and its whole answer can come in one piece."""
    code = programs()["ask.ts"]
    assert code.index("client.events()") < code.index("client.send(")


async def test_the_package_and_its_documents_name_one_version_of_node() -> None:
    described = msgspec.json.decode((CLIENT / "package.json").read_bytes())
    least = described["engines"]["node"].removeprefix(">=")
    for page in (GUIDE, CLIENT / "README.md"):
        assert f"Node.js {least} or later" in page.read_text(encoding="utf-8")
    packed = f"threadcast-client-{described['version']}.tgz"
    assert f"npm install ./{packed}" in GUIDE.read_text(encoding="utf-8")


async def test_the_guide_has_no_other_programs() -> None:
    assert sorted(programs()) == ["ask.ts", "chat.ts"]


async def test_the_package_is_typed_for_who_installs_it(followed: Followed) -> None:
    compiler = ROOT / "node_modules" / "typescript" / "bin" / "tsc"
    options = "--noEmit --strict --skipLibCheck false --module nodenext --target es2022"
    types = ROOT / "node_modules" / "@types"
    status, written = await run_node(
        str(compiler),
        *options.split(),
        *("--lib", "es2024,dom,dom.iterable", "--types", "node", "--typeRoots", str(types)),
        *programs(),
        folder=followed.project,
        within_s=COMPILER_MAX_S,
    )
    assert status == 0, written


async def test_nothing_is_packed_that_nobody_needs(followed: Followed) -> None:
    package = followed.project / "node_modules" / "@threadcast" / "client"
    assert {one.name for one in package.iterdir()} == {"README.md", "dist", "package.json", "src"}
    sizes = sum(one.stat().st_size for one in package.rglob("*") if one.is_file())
    assert sizes < 400_000
