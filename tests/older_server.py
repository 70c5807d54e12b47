"""`threadcast serve` as a program that knows the schema of PostgreSQL only up to a version.

Its arguments: the version, then those of `serve`. All else is the server as it is; what stands for
an older program here is what it knows of the schema, and so what it makes, refuses and is let do.
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
from threadcast.schema_steps import load_steps
from threadcast.settings.sources import load_settings
from threadcast.store_postgres import PostgresStore


@click.command()
@click.argument("version", type=int)
@click.argument("_serve")
@click.option("--port", type=int)
@click.option("--database")
def main(version: int, _serve: str, port: int, database: str) -> None:
    """Serve until SIGTERM."""
    overrides: dict[str, object] = {"database_url": database, "port": port}
    settings = load_settings(overrides, os.environ, None).settings
    store = PostgresStore(database, clock=SystemClock(), steps=load_steps("postgres")[:version])
    agents = [load_agent(name) for name in settings.agents]
    threadcast = Threadcast(settings, agents, store=store, listens_on=settings.host)
    with closing(listen(settings.host, port)) as listener:
        asyncio.run(serve_on(threadcast, settings, listener, lambda: settings))


if __name__ == "__main__":
    sys.exit(main())
