"""Kept for old imports."""

from chat.ids import new_request_id, new_run_id, new_session_id

__all__ = ["new_request_id", "new_run_id", "new_session_id"]
