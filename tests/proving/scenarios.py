"""The scenarios: which faults strike at once, and which one after the other.

A lane is a sequence of faults without end, each drawn from those of the lane; lanes go on side by
side. So a scenario with two lanes has two faults at a time.
"""

from __future__ import annotations

from dataclasses import dataclass

from proving import faults as f
from proving.faults import Fault

Lane = tuple[Fault, ...]

_NODES: Lane = (f.node_killed, f.node_stopped_and_continued, f.rolling_restart, f.node_joins)
_DATABASE: Lane = (
    f.database_restarted,
    f.database_away,
    f.connections_exhausted,
    f.database_overloaded,
    f.backends_terminated_in_commit,
)
_WAYS: Lane = (
    f.node_cut_from_the_database,
    f.node_hears_nothing_of_the_database,
    f.node_cut_from_the_bus,
    f.node_hears_nothing_of_the_bus,
)


@dataclass(frozen=True)
class Scenario:
    """One kind of trouble.

    Attributes:
        about: in words, for the report.
        lanes: see the module.
        of_packets: whether nodes have networks of their own, in which packets are lost.
        deaf: whether NATS loses every message from the first fault to the end.
        of_versions: whether nodes start with an older version; only if one is given.
    """

    about: str
    lanes: tuple[Lane, ...]
    of_packets: bool = False
    deaf: bool = False
    of_versions: bool = False


SCENARIOS: dict[str, Scenario] = {
    "kills": Scenario("any node is killed under load", ((f.node_killed,),)),
    "pauses": Scenario(
        "owners of runs are stopped for half a lease to three leases, and go on",
        ((f.node_stopped_and_continued,), (f.node_stopped_and_continued,)),
    ),
    "restarts": Scenario(
        "rolling restarts, and nodes that join and leave", ((f.rolling_restart, f.node_joins),)
    ),
    "bus": Scenario(
        "NATS is killed, restarted, and loses, doubles and reorders what it carries",
        ((f.bus_killed, f.bus_unruly, f.bus_deaf),),
    ),
    "deaf": Scenario(
        "no hint reaches another node: NATS loses everything until the end, while nodes die",
        ((f.node_killed, f.node_stopped_and_continued),),
        deaf=True,
    ),
    "database": Scenario(
        "PostgreSQL is restarted, away, full, overloaded, or ends connections in their COMMIT",
        (_DATABASE,),
    ),
    "ways": Scenario("nodes are cut from the database or from the bus, not both", (_WAYS,)),
    "networks": Scenario(
        "the same where packets are lost, and nobody is told: nodes in networks of their own",
        (_WAYS, _WAYS),
        of_packets=True,
    ),
    "clocks": Scenario(
        "the clocks of nodes are up to an hour apart, while nodes die",
        ((f.node_comes_back_at_another_hour,), (f.node_stopped_and_continued,)),
    ),
    "versions": Scenario(
        "nodes change between an older and the current version, while nodes die",
        ((f.rolling_restart,), (f.node_killed, f.node_stopped_and_continued)),
        of_versions=True,
    ),
    "failover": Scenario(
        "a copy without the last seconds takes the database's place", ((f.database_lost_its_tail,),)
    ),
    "everything": Scenario(
        "all of it at once",
        (
            (*_NODES, f.node_comes_back_at_another_hour),
            _DATABASE,
            (*_WAYS, f.bus_killed, f.bus_unruly),
        ),
    ),
}
