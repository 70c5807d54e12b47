"""Agents for screenshots of the pages: realistic, and the same every time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from threadcast.agent import Agent, Run

TITLES = (
    "Plan a week in Lisbon for two, with trains and no museums",
    "Why did last night's build fail?",
    "Summarise the incident of 12 November",
    "Translate the lunch menu into Japanese",
    "Draft the release notes of version 2.4",
    "Which invoices are still open?",
    "A polite answer to the landlord",
)
QUESTION = "Which node answers slowest this week, and since when?"
FOLLOW_UP = "Watch it for me, and tell me when it is over."

_PAUSE_S = 0.6
_ANSWER = """**node-3** is the slowest, since Tuesday at 09:40. That is when its disk began to fill.

| node | p50 | p99 |
| --- | ---: | ---: |
| node-1 | 0.5 ms | 1.3 ms |
| node-2 | 0.5 ms | 1.4 ms |
| **node-3** | 0.9 ms | **18.6 ms** |

The figures are from this query against the warehouse:

```sql
SELECT node, percentile_cont(0.99) WITHIN GROUP (ORDER BY latency_ms) AS p99
FROM deliveries
WHERE at > now() - interval '7 days' -- this week
GROUP BY node;
```

Nothing was lost: every event of node-3 was delivered, only later.
"""


async def _answer(run: Run) -> None:
    if run.message == FOLLOW_UP:
        await run.thinking("Latency of node-3, every minute, until its p99 is below 2 ms.")
        await asyncio.sleep(_PAUSE_S)
        async with run.tool("watch_latency", {"node": "node-3", "below_ms": 2}):
            await asyncio.Event().wait()  # the picture shows it while it goes on
    if run.message != QUESTION:
        await run.delta("Done.")
        return
    await asyncio.sleep(_PAUSE_S)
    await run.thinking("Compare the nodes' latencies of this week with the week before.")
    await asyncio.sleep(_PAUSE_S)
    await _use(run, "query_warehouse", {"sql": "SELECT node, percentile_cont(0.99)"}, {"rows": 3})
    await _use(run, "find_change", {"node": "node-3", "metric": "p99"}, {"at": "Tue 09:40"})
    for line in _ANSWER.splitlines(keepends=True):
        await asyncio.sleep(_PAUSE_S / 10)
        await run.delta(line)
    run.usage({"input_tokens": 1840, "output_tokens": 212})


async def _talk(run: Run) -> None:
    pause_s = 0.02 + len(run.message) % 4 / 100
    for number in range(200):
        await run.delta(f"{number} ")
        await asyncio.sleep(pause_s)


async def _use(
    run: Run, name: str, arguments: Mapping[str, object], result: Mapping[str, object]
) -> None:
    async with run.tool(name, arguments) as call:
        await asyncio.sleep(_PAUSE_S)
        call.result(result)


assistant = Agent("assistant", _answer)
talker = Agent("talker", _talk)
