"""The public test kit, which the project's own tests use, too."""

from __future__ import annotations

from .auth import E2EAuthHelper
from .checker import Anomaly, AnomalyKind, check
from .clock import ManualClock
from .history import (
    Attach,
    Invoke,
    Left,
    Ok,
    Receive,
    Record,
    Rejected,
    Stored,
    Unknown,
    decode_history,
    encode_record,
)
from .sign_in import SignInFailed

__all__ = [
    "Anomaly",
    "AnomalyKind",
    "Attach",
    "E2EAuthHelper",
    "Invoke",
    "Left",
    "ManualClock",
    "Ok",
    "Receive",
    "Record",
    "Rejected",
    "SignInFailed",
    "Stored",
    "Unknown",
    "check",
    "decode_history",
    "encode_record",
]
