"""The TypeScript client and the pages: what runs with Node.js alone, and against a real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from node_program import ROOT, run_node
from page_server import serving

UNITS_MAX_S = 120.0
WORKSPACES = {"clients/typescript": "tests/*.test.ts", "web": "tests/**/*.test.ts"}
TESTED = [name for name, tests in WORKSPACES.items() if any((ROOT / name).glob(tests))]


@pytest.mark.parametrize("workspace", TESTED)
async def test_the_units_of_a_workspace(workspace: str) -> None:
    # The pages take the client's sources, as they do when they are built.
    status, written = await run_node(
        *("--conditions=source", "--test", WORKSPACES[workspace]),
        folder=ROOT / workspace,
        within_s=UNITS_MAX_S,
    )
    assert status == 0, written
    assert "tests 0" not in written


async def test_the_client_and_a_real_server(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        status, written = await run_node(
            "--test",
            "tests/server/*.test.ts",
            folder=ROOT / "clients" / "typescript",
            within_s=UNITS_MAX_S,
            variables={"THREADCAST_TEST_URL": server.url},
        )
    assert status == 0, written
