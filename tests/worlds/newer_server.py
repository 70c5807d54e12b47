"""`threadcast serve` as the next version's program: it knows one more step of PostgreSQL's schema.

Its arguments are those of `serve`, and only its schema differs. The extra step is a typical one of
a next version: a column that its new rows have, and an index.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import closing

import click

from threadcast.agents import load_agent
from threadcast.app import Threadcast
from threadcast.cli.listening import listen
from threadcast.cli.serve import serve_on
from threadcast.clock import SystemClock
from threadcast.settings.sources import read_settings
from threadcast.store.postgres import PostgresStore
from threadcast.store.schema_steps import SchemaStep, load_steps

STEPS = load_steps("postgres")
NEXT_STEP = SchemaStep(
    len(STEPS) + 1,
    f"{len(STEPS) + 1:04}_next.sql",
    f"-- works-with: {len(STEPS)}\n"
    "ALTER TABLE threads ADD COLUMN colour text NOT NULL DEFAULT 'plain';\n"
    "CREATE INDEX threads_by_colour ON threads (user_key, colour);",
)
NEXT_STEPS = (*STEPS, NEXT_STEP)


@click.command()
@click.argument("_serve")
@click.option("--port", type=int)
@click.option("--database")
def main(_serve: str, port: int, database: str) -> None:
    """Serve until SIGTERM."""
    overrides: dict[str, object] = {"database_url": database, "port": port}
    settings = read_settings(overrides, os.environ, None).settings
    store = PostgresStore(database, clock=SystemClock(), steps=NEXT_STEPS)
    agents = [load_agent(name) for name in settings.agents]
    threadcast = Threadcast(settings, agents, store=store, listens_on=settings.host)
    with closing(listen(settings.host, port)) as listener:
        asyncio.run(serve_on(threadcast, settings, listener, lambda: settings))


if __name__ == "__main__":
    sys.exit(main())
