"""Chooses the bus for a `bus_url`. NATS' package is imported only when needed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ..clock import Clock
from ..errors import ConfigurationError
from ..metrics import Metrics
from ..settings import Settings
from ..store import SharedStore, Store
from . import Bus, LocalBus

if TYPE_CHECKING:
    from .nats import NatsEndpoint

log = logging.getLogger(__name__)


def bus_of(settings: Settings, store: Store, node_id: str, metrics: Metrics, clock: Clock) -> Bus:
    """The bus that the settings name, not yet open.

    Args:
        settings: checked.
        store: the node's; opened before the bus.
        node_id: the node's id.
        metrics: the node's.
        clock: the node's.

    Raises:
        ConfigurationError: a package is missing (the message says how to install it), a file cannot
            be used, or the store is not shared.
    """
    if settings.bus_url is None:
        if isinstance(store, SharedStore):
            log.info(
                "no bus_url: what other nodes commit is found by the head poll, each %g s",
                settings.head_poll_s,
            )
        return LocalBus()
    endpoint = bus_endpoint(settings)
    from .nats import NatsBus

    if not isinstance(store, SharedStore):
        raise ConfigurationError(
            "bus_url: got it with a store of one node, expected one that nodes share",
            keys=("bus_url",),
        )
    return NatsBus(
        endpoint,
        store.cluster_secret,
        node_id,
        metrics,
        clock,
        message_max_bytes=settings.bus_message_max_bytes,
        buffer_max_bytes=settings.bus_buffer_max_bytes,
        executes_runs=settings.role != "gateway",
    )


def bus_endpoint(settings: Settings) -> NatsEndpoint:
    """Where the bus is; `bus_url` is set.

    Raises:
        ConfigurationError: see `bus_of`.
    """
    try:
        from .nats import NatsEndpoint
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("nats", "nkeys"):
            raise
        raise ConfigurationError(
            "bus_url: NATS needs the package nats-py: pip install 'threadcast[nats]'",
            keys=("bus_url",),
        ) from error
    return NatsEndpoint.of(settings)
