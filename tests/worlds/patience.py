"""How long tests wait for what must happen.

It is a bound for a program that is broken, and says nothing of how quick a working one is: a busy
machine is no reason to fail. What a promise says of time is measured by the promise's own test.
Where a program is broken on purpose, most of the time would go into waiting: there it is shorter.
"""

from __future__ import annotations

import os

WAIT_S = float(os.environ.get("TEST_WAIT_S", "60"))
# A node's default is 2 s, and a busy machine takes as long at times.
DATABASE_WAIT_S = min(20.0, WAIT_S)
