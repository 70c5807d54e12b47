"""Third-party pages that embed the chat: the example's, and one that tests write."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from patience import WAIT_S
from threadcast.edge import EdgeLimits, ServeOptions, build_server

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "embedding"
SECRET = "a secret of the shop, more than 32 bytes long"


@asynccontextmanager
async def uvicorn(application: str, folder: Path, *options: str) -> AsyncIterator[str]:
    """An application started as in a README, in a folder, on a free port.

    Yields:
        Its address.
    """
    kept = {name: text for name, text in os.environ.items() if name[:11] != "THREADCAST_"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "uvicorn", application, "--port", "0"),
        *("--ws-max-size", "262144", *options),
        cwd=folder,
        env={**kept, "THREADCAST_JWT_SECRET": SECRET},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    said = ""
    try:
        async with asyncio.timeout(WAIT_S):
            while not (found := re.search(r"running on (http://127\.0\.0\.1:\d+)", said)):
                line = await process.stderr.readline()
                assert line, said
                said += line.decode()
        reading = asyncio.create_task(process.stderr.read())
        yield f"{found[1]}/"
        process.terminate()
        await reading
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@dataclass
class PageOfOthers:
    """A page on an origin of its own; its content can change between requests.

    Attributes:
        url: its address.
        html: its content.
        policy: its content security policy.
    """

    url: str = ""
    html: str = ""
    policy: str = ""

    @property
    def origin(self) -> str:
        """Its origin."""
        return self.url.rstrip("/")

    async def serve(self, _request: Request) -> Response:
        """Answer."""
        headers = {"Content-Security-Policy": self.policy}
        return Response(self.html, headers=headers, media_type="text/html; charset=utf-8")


@asynccontextmanager
async def page_of_others() -> AsyncIterator[PageOfOthers]:
    """A server with one empty page."""
    page = PageOfOthers()
    app = Starlette(routes=[Route("/", page.serve)])
    options = ServeOptions(lifespan="off")
    server = build_server(app, host="127.0.0.1", port=0, limits=EdgeLimits(), options=options)
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve())
        await server.wait_ready()
        page.url = f"http://127.0.0.1:{server.bound_port}/"
        try:
            yield page
        finally:
            server.stop()
