"""The contract suite that every store must pass.

A test module of a store defines the fixtures `store` (open) and `pass_time` (an async function that
advances the store's own clock by some seconds) and a subclass of `StoreContract`.
"""

from __future__ import annotations

from store_contract_ingest import IngestContract
from store_contract_migration import (
    AliasUseContract,
    FeedRenewalContract,
    ImportContract,
    UndoContract,
)
from store_contract_operators import OperatorContract
from store_contract_places import NodeContract, PlaceContract, PresenceContract
from store_contract_questions import QuestionContract
from store_contract_reads import ReadContract
from store_contract_runs import HandOverContract, LeaseContract, RunContract, TurnContract
from store_contract_sweeps import SweepContract
from store_contract_writes import BatchContract, SendContract, ThreadContract, UserContract


class StoreContract(
    ThreadContract,
    SendContract,
    RunContract,
    QuestionContract,
    LeaseContract,
    HandOverContract,
    TurnContract,
    UserContract,
    BatchContract,
    ReadContract,
    SweepContract,
    PlaceContract,
    NodeContract,
    PresenceContract,
    OperatorContract,
    IngestContract,
    ImportContract,
    UndoContract,
    AliasUseContract,
    FeedRenewalContract,
):
    """All of it."""
