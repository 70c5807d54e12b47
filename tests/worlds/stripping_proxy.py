"""A Caddy in front of a server that strips a path prefix, a common setup."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from patience import WAIT_S

_FILE = """{{
    admin off
    auto_https off
    storage file_system {folder}
}}
http://127.0.0.1:{port} {{
    redir {prefix} {prefix}/
    handle_path {prefix}/* {{
        reverse_proxy 127.0.0.1:{behind} {{
            header_up -X-Forwarded-For # so that a name is enough to sign in
            header_up -X-Forwarded-Host
            header_up -X-Forwarded-Proto
            header_up -Via
        }}
    }}
    respond "not of the chat" 404
}}
"""


@asynccontextmanager
async def stripping(prefix: str, behind: int, folder: Path) -> AsyncIterator[str]:
    """A proxy that sends what is below a prefix, without it, to a server: the prefix's address.

    Args:
        prefix: with a slash before and none behind.
        behind: the server's port on 127.0.0.1.
        folder: for the proxy's own files.
    """
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    file = folder / "Caddyfile"
    file.write_text(_FILE.format(folder=folder, port=port, prefix=prefix, behind=behind))
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("caddy"),
        *("run", "--config", str(file), "--adapter", "caddyfile"),
        env={"HOME": str(folder), "PATH": "/nonexistent"},
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(WAIT_S):
            said = b""
            while b"serving initial configuration" not in said:
                line = await process.stderr.readline()
                assert line, said.decode()
                said += line
        reading = asyncio.create_task(process.stderr.read())
        yield f"http://127.0.0.1:{port}{prefix}/"
        process.terminate()
        await reading
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
