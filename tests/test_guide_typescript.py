"""The guide to the TypeScript client, word for word: packed, installed and run with Node.js."""

from __future__ import annotations

import re
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.request import Request, urlopen

import msgspec
import pytest
import pytest_asyncio

from doc_pages import ROOT, blocks
from node_program import npm, run_node
from page_server import ServerProcess, serving

GUIDE = ROOT / "docs" / "guides" / "typescript-client.md"
NPM_MAX_S = 120.0
PROGRAM_MAX_S = 60.0
_NAME = re.compile(r"// ([a-z_]+\.ts)\n")

pytestmark = pytest.mark.asyncio(loop_scope="module")


def programs() -> dict[str, str]:
    """The programs of the guide, by the names of their files."""
    found = ((_NAME.match(block.code), block.code) for block in blocks(GUIDE, "ts"))
    return {name[1]: code for name, code in found if name is not None}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the packed client is installed."""
    folder: Path = tmp_path_factory.mktemp("project")
    command = ("pack", "--workspace", "clients/typescript", "--pack-destination", str(folder))
    status, written = await npm(*command, within_s=NPM_MAX_S)
    assert status == 0, written
    unpack(folder)
    return folder


def unpack(folder: Path) -> None:
    """Install the one packed file that is in a folder, as npm would from a registry."""
    scope = folder / "node_modules" / "@threadcast"
    scope.mkdir(parents=True)
    (packed,) = folder.glob("*.tgz")
    with tarfile.open(packed) as archive:
        archive.extractall(scope, filter="data")
    (scope / "package").rename(scope / "client")
    (folder / "package.json").write_text('{"type": "module"}', encoding="utf-8")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServerProcess]:
    async with serving(tmp_path_factory.mktemp("server")) as server:
        yield server


def minted(url: str) -> str:
    body = msgspec.json.encode({"user": "ada"})
    request = Request(f"{url}dev/token", body, {"Content-Type": "application/json"})
    with urlopen(request) as answer:
        token: str = msgspec.json.decode(answer.read())["token"]
    return token


@pytest.mark.parametrize(
    ("name", "says"), [("ask.ts", r"\b36\b"), ("chat.ts", r"^What is 2 \+ 2\? -> (?s:.)*4")]
)
async def test_a_program_of_the_guide(
    installed: Path, server: ServerProcess, name: str, says: str
) -> None:
    (installed / name).write_text(programs()[name], encoding="utf-8")
    status, written = await run_node(
        name,
        folder=installed,
        within_s=PROGRAM_MAX_S,
        variables={"THREADCAST_URL": server.url, "THREADCAST_TOKEN": minted(server.url)},
    )
    assert status == 0, written
    assert re.search(says, written), written


async def test_the_guide_has_no_other_programs() -> None:
    assert sorted(programs()) == ["ask.ts", "chat.ts"]


async def test_the_package_is_typed_for_who_installs_it(installed: Path) -> None:
    for name, code in programs().items():
        (installed / name).write_text(code, encoding="utf-8")
    compiler = ROOT / "node_modules" / "typescript" / "bin" / "tsc"
    options = "--noEmit --strict --skipLibCheck false --module nodenext --target es2022"
    types = ROOT / "node_modules" / "@types"
    status, written = await run_node(
        str(compiler),
        *options.split(),
        *("--lib", "es2024,dom,dom.iterable", "--types", "node", "--typeRoots", str(types)),
        *programs(),
        folder=installed,
        within_s=NPM_MAX_S,
    )
    assert status == 0, written


async def test_nothing_is_packed_that_nobody_needs(installed: Path) -> None:
    package = installed / "node_modules" / "@threadcast" / "client"
    assert {one.name for one in package.iterdir()} == {"README.md", "dist", "package.json", "src"}
    sizes = sum(one.stat().st_size for one in package.rglob("*") if one.is_file())
    assert sizes < 400_000
