"""Ablations: for each promise, the suite must notice when its safeguard is removed.

Each safeguard is removed from a copy of the source by exact replacements of text, and put back when
a test that must notice was run on that copy, in a process of its own. A replacement that does not
apply any more, or a test that is not there any more, fails here: then this list has to follow.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from ablation_run import ROOT, Ran, run_tests
from patience import WAIT_S

ALL_MAX_S = 600.0  # for all tests together, on a machine that has much else to do


@dataclass(frozen=True)
class Patch:
    """A replacement of text that is in the file exactly once."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Ablation:
    """A safeguard, how it is removed, and what must notice.

    Attributes:
        patches: paths are below `src/threadcast`.
        notices: the tests that must fail.
        slow: whether they take so long that they are not run on the whole source once more.
    """

    patches: tuple[Patch, ...]
    notices: tuple[str, ...]
    slow: bool = False


ABLATIONS = {
    "an-operator-sees-no-text-without-the-scope": Ablation(
        (
            Patch(
                "operators/timeline.py", "shown = data if content else", "shown = data if True else"
            ),
        ),
        (
            "test_http_console.py::test_a_timeline_has_no_text_without_the_scope_content",
            "test_http_console.py::test_nothing_for_operators_holds_what_was_written",
        ),
    ),
    "an-operator-does-nothing-that-is-not-written-down": Ablation(
        (
            Patch(
                "operators/actions.py",
                "        await self._journal.append(BeginAction(entry))\n",
                "",
            ),
        ),
        ("test_http_actions.py::test_a_users_connections_are_closed",),
    ),
    "a-copy-is-another-life-of-its-journals": Ablation(
        (Patch("store/sqlite/backup.py", "        _renew_feeds(part, vfs)\n", ""),),
        ("test_promise_restore.py::test_a_file_is_copied_in_use_and_put_in_its_place",),
        slow=True,
    ),
    "a-restore-renews-the-feeds": Ablation(
        (Patch("store/postgres/feeds.py", "    if users:\n", "    if not users:\n"),),
        (
            "test_promise_restore.py::"
            "test_a_dump_of_postgresql_is_restored_and_its_feeds_are_renewed",
        ),
        slow=True,
    ),
    "whoever-came-back-keeps-the-runs": Ablation(
        (
            Patch(
                "upkeep/departures.py",
                "[user_id for user_id in found if not self._present(user_id)]",
                "list(found)",
            ),
        ),
        ("test_departures.py::test_the_runs_of_whoever_came_back_go_on",),
    ),
    "whoever-left-during-an-outage-is-not-forgotten": Ablation(
        (
            Patch(
                "upkeep/departures.py",
                "            return users if error.kind.retryable else ()\n",
                "            return ()\n",
            ),
        ),
        ("test_departures.py::test_users_who_left_during_an_outage_are_tried_again",),
    ),
    "a-lease-that-was-left-out-is-not-called-renewed": Ablation(
        (
            Patch(
                "store/postgres/units.py",
                "    if not left_out or not isinstance(outcome, Committed):\n",
                "    if True:\n",
            ),
        ),
        ("test_postgres_nodes.py::test_a_long_lock_on_one_user_delays_no_other",),
    ),
    "a-live-cursor-notices-that-its-journal-went-back": Ablation(
        (
            Patch(
                "delivery/cursor.py",
                "        if self._last.contradicted_by_head(head, self.position):\n",
                "        if False:\n",
            ),
        ),
        ("test_cursor.py::test_a_head_that_fell_below_the_cursor_resets_it",),
    ),
    "a-seq-that-is-given-again-is-noticed": Ablation(
        (
            Patch(
                "delivery/cursor.py",
                "        if is_old and self._last.contradicted_by(events, self.position):\n",
                "        if False:\n",
            ),
        ),
        ("test_cursor.py::test_an_append_at_a_seq_that_the_cursor_has_resets_it",),
    ),
    "every-commit-waits-for-the-disk": Ablation(
        (Patch("store/sqlite/__init__.py", 'SYNCHRONOUS = "FULL"', 'SYNCHRONOUS = "NORMAL"'),),
        ("test_power_cut.py::test_nothing_answered_is_lost_in_2000_power_cuts",),
        slow=True,
    ),
    "deliver-after-the-commit": Ablation(
        (
            Patch("store/sqlite/writer.py", "        self._end(connection)\n", ""),
            Patch(
                "store/sqlite/writer.py",
                '        connection.execute("BEGIN IMMEDIATE")\n        try:\n',
                "        if connection.in_transaction:\n"
                "            self._end(connection)\n"
                '        connection.execute("BEGIN IMMEDIATE")\n        try:\n',
            ),
        ),
        ("test_journal.py::test_nothing_is_announced_that_another_connection_could_not_read",),
    ),
    "an-unknown-outcome-is-not-called-rejected": Ablation(
        (
            Patch(
                "store/sqlite/writer.py",
                "            raise OutcomeUnknown() from error",
                '            raise ThreadcastError("unavailable") from error',
            ),
        ),
        ("test_store_bad_disk.py::TestFailingDisk::test_d7_a_failed_sync_is_unknown",),
    ),
    "a-message-is-stored-once-per-key": Ablation(
        (
            Patch(
                "store/sqlite/sends.py",
                "    earlier = None if user is None else _earlier(batch, user, unit)\n",
                "    earlier = None\n",
            ),
        ),
        ("test_journal.py::test_a_duplicate_is_answered_and_announces_nothing",),
    ),
    "an-ingested-event-is-stored-once-per-name": Ablation(
        (
            Patch(
                "store/sqlite/ingests.py",
                "        first = self._known.get(event.client_message_id)\n",
                "        first = None\n",
            ),
            Patch("store/sqlite/ingests.py", "INSERT INTO ingests", "REPLACE INTO ingests"),
        ),
        ("test_store_sqlite.py::TestContract::test_ingest_the_same_again",),
    ),
    "a-run-of-a-node-takes-no-words-of-others": Ablation(
        (
            Patch(
                "store/stored_runs.py",
                "    if run.status not in ENDED and run.owner != EXTERNAL_OWNER:\n",
                "    if run.status not in ENDED and run.owner is None:\n",
            ),
        ),
        ("test_store_sqlite.py::TestContract::test_ingest_into_a_run_of_a_node",),
    ),
    "no-node-claims-what-others-execute": Ablation(
        (
            Patch(
                "store/sqlite/claims.py",
                "owner IS NULL AND user = t.user AND thread = t.thread\n",
                "user = t.user AND thread = t.thread\n",
            ),
        ),
        ("test_store_sqlite.py::TestContract::test_nodes_do_not_touch_what_others_execute",),
    ),
    "a-lap-of-claims-goes-on-where-the-last-one-ended": Ablation(
        (
            Patch(
                "runner/claim_laps.py",
                "        self.after = at if reached is None else reached\n",
                "        self.after = at\n",
            ),
        ),
        (
            "test_run_claims.py::test_a_lap_looks_behind_all_users_whose_runs_nobody_can_claim",
            "test_claim_laps.py::test_a_lap_looks_at_everybody_and_ends",
        ),
    ),
    "laps-in-vain-are-followed-by-rests-that-bound-their-cost": Ablation(
        (
            Patch(
                "runner/claim_laps.py",
                "max(_REST_S, _REST_FACTOR * self._looked_s)",
                "_REST_S",
            ),
        ),
        ("test_claim_laps.py::test_a_node_looks_for_about_a_fifth_of_the_time_at_most",),
    ),
    "a-claim-looks-at-those-whom-hints-named": Ablation(
        (
            Patch(
                "runner/claims.py",
                "self._agents, limit, after, named)",
                "self._agents, limit, after)",
            ),
        ),
        ("test_run_claims.py::test_whom_a_hint_names_is_served_before_any_lap",),
    ),
    "an-append-needs-the-fence": Ablation(
        (
            Patch(
                "store/sqlite/appends.py",
                "    if word != lease.fence * 8 + RUNNING:\n",
                "    if word < lease.fence * 8 + RUNNING:\n",
            ),
        ),
        ("test_store_sqlite.py::TestContract::test_append_needs_the_fence_and_the_user",),
    ),
    "no-gap-at-the-join": Ablation(
        (
            Patch(
                "delivery/cursor.py",
                "        return self.position >= self._known_head or self._known_head",
                "        return True or self._known_head",
            ),
        ),
        ("test_cursor.py::test_no_gap_at_the_join",),
    ),
    "no-duplicate-at-the-join": Ablation(
        (
            Patch(
                "delivery/cursor.py",
                "        if events[0].seq != self.position + 1:\n            events = [",
                "        if events[0].seq > self.position + 1:\n            events = [",
            ),
        ),
        ("test_cursor.py::test_no_duplicate_at_the_join",),
    ),
    "a-resume-begins-after-the-cursor": Ablation(
        (
            Patch(
                "store/sqlite/statements.py",
                "e.seq > ?2 AND {_VISIBLE}",
                "e.seq >= ?2 AND {_VISIBLE}",
            ),
            Patch("store/sqlite/statements.py", "e.seq > ?2\n", "e.seq >= ?2\n"),
        ),
        ("test_cursor.py::test_a_resumed_cursor_goes_on_with_the_next_event",),
    ),
    "a-hint-is-believed-only-where-it-continues": Ablation(
        (
            Patch(
                "delivery/cursor.py",
                "        if events[0].seq != self.position + 1:\n            events = [",
                "        if events[0].seq <= self.position:\n            events = [",
            ),
        ),
        ("test_cursor.py::test_after_a_hole_the_journal_is_read",),
    ),
    "an-alias-is-its-owners": Ablation(
        (
            Patch(
                "store/sqlite/statements.py",
                "{_THREADS} threads AS t WHERE user = {_ME} AND state = 0\nAND thread = ("
                "SELECT thread FROM thread_aliases WHERE user = {_ME} AND legacy_id = ?2)",
                "{_THREADS} threads AS t WHERE ?1 = ?1 AND state = 0\nAND thread IN ("
                "SELECT thread FROM thread_aliases WHERE legacy_id = ?2)",
            ),
        ),
        ("test_legacy_entrances.py::test_another_users_older_id_is_one_that_never_was",),
    ),
    "an-older-id-does-not-change-the-order": Ablation(
        (
            Patch(
                "connections/command_handler.py",
                "                await self._send_message(command)\n",
                "                self._services.tasks.start(self._send_message(command))\n",
            ),
        ),
        ("test_legacy_entrances.py::test_commands_keep_their_order_whatever_ids_they_name",),
    ),
    "undo-keeps-what-was-touched": Ablation(
        (
            Patch(
                "store/migration_judging.py",
                "if row.last_seq != row.migrated_seq else",
                "if row.last_seq < row.migrated_seq else",
            ),
        ),
        ("test_migration_steps.py::test_undo_keeps_what_was_touched_and_says_so",),
    ),
    "the-heads-are-polled": Ablation(
        (
            Patch(
                "delivery/websocket_manager.py",
                "            connection.notice(head)\n",
                "            del connection\n",
            ),
        ),
        ("test_websocket_manager.py::test_a_head_is_told_to_its_users_connections",),
    ),
    "a-query-names-the-owner": Ablation(
        (
            Patch(
                "store/sqlite/statements.py",
                "WHERE r.user = {_ME} AND r.run_id = ?2 AND t.state = 0",
                "WHERE ?1 IS NOT NULL AND r.run_id = ?2 AND t.state = 0",
            ),
        ),
        ("test_promise_isolation.py::test_no_canary_ever_reaches_another_user",),
    ),
    "foreign-events-are-stopped": Ablation(
        (
            Patch(
                "delivery/cursor.py",
                "        if not self._catch_ups.guard.passes(self.context, events):",
                "        if False:",
            ),
        ),
        (
            "test_delivery_guard.py::test_nothing_is_written_after_a_lie",
            "test_delivery_guard.py::test_catching_up_on_a_websocket",
        ),
    ),
    "a-hint-of-another-users-events-is-refused": Ablation(
        (
            Patch(
                "delivery/websocket_manager.py",
                "        if hint.events[0].address.user_id != hint.user_id:",
                "        if False:",
            ),
        ),
        (
            "test_websocket_manager.py::test_a_foreign_delivery_is_stopped_counted_and_ends_the_connection",
        ),
    ),
    "what-is-no-id-is-never-looked-up": Ablation(
        (
            Patch(
                "store/session.py",
                '        problem = None if self._mode == "off" else id_problem(text, kind)\n',
                "        problem = None\n",
            ),
        ),
        ("test_id_format_validation.py::test_i3_no_look_up_asks_for_what_is_no_id",),
    ),
    "a-connection-is-found-by-its-user": Ablation(
        (
            Patch(
                "delivery/websocket_manager.py",
                "        return list(self._by_user.get(context.user_id, ()))\n",
                "        live = self._by_user.get(context.user_id, ())\n"
                "        return [one for one in live if one.context == context]\n",
            ),
        ),
        ("test_old_failures.py::test_cleanup_that_misses_its_manager",),
    ),
    "cleanup-goes-by-identity": Ablation(
        (
            Patch(
                "delivery/websocket_manager.py",
                "        if user_id is None:\n            return\n",
                "        if user_id != connection.context.user_id:\n            return\n",
            ),
        ),
        (
            "test_websocket_manager.py"
            "::test_a_connection_is_let_go_whatever_has_become_of_its_context",
        ),
    ),
    "a-report-escapes-what-it-shows": Ablation(
        (
            Patch(
                "consistency/html_report.py",
                '<span class="id">{escape(thread_id)}</span>',
                '<span class="id">{thread_id}</span>',
            ),
        ),
        ("test_consistency_report.py::test_hostile_ids_stay_text_in_the_page",),
    ),
    "what-waits-to-be-sent-is-bounded": Ablation(
        (
            Patch(
                "delivery/cursor.py",
                "            if self._outbound.congested:\n"
                "                self._catch_ups.metrics.lags.inc()\n",
                "            if self._outbound is None:\n"
                "                self._catch_ups.metrics.lags.inc()\n",
            ),
        ),
        ("test_cursor.py::test_a_congested_reader_is_not_pushed_to_and_catches_up",),
    ),
    "nothing-follows-a-chunk-that-was-lost": Ablation(
        (
            Patch(
                "delivery/outbound.py",
                "                self._drop()\n                raise\n",
                "                raise\n",
            ),
        ),
        (
            "test_outbound.py::test_nothing_follows_a_chunk_that_could_not_be_sent",
            "test_sse.py::test_a_stream_that_cannot_be_written_to_ends_there",
        ),
    ),
    "a-large-commit-goes-out-in-pages": Ablation(
        (
            Patch(
                "delivery/cursor.py",
                "for page in _pages(events, page_bytes) if is_large else (events,):",
                "for page in (events,):",
            ),
        ),
        ("test_cursor.py::test_one_large_commit_costs_a_slow_reader_a_page",),
    ),
    "authority-ends-while-connected": Ablation(
        (
            Patch(
                "connections/connection.py",
                "        self._watch_expiry()\n        self._watch_stall()\n",
                "        self._watch_stall()\n",
            ),
        ),
        ("test_wire_authority.py::test_a18_authority_ends_on_time_and_nothing_comes_after",),
    ),
    "requests-are-taken-one-by-one": Ablation(
        (
            Patch(
                "edge/http.py",
                "if self._pieces.in_head and (self._is_answering or self.flow.write_paused):",
                "if self._pieces.in_head and (self._is_answering and self._is_reader):",
            ),
        ),
        (
            "test_edge_requests.py"
            "::test_an_upgrade_waits_until_the_answer_before_it_was_read[uvloop]",
        ),
    ),
    "nothing-may-be-behind-a-stream": Ablation(
        (
            Patch(
                "edge/http.py", "        if self._is_reader:\n", "        if self._is_reader < 0:\n"
            ),
        ),
        ("test_edge_requests.py::test_bytes_behind_an_event_stream_end_it[uvloop-upgrade-later]",),
    ),
    "reading-stays-held": Ablation(
        (Patch("edge/flow.py", "        if not self.held:\n", "        if self.read_paused:\n"),),
        ("test_edge_flow.py::test_a_hold_is_not_undone_by_the_application",),
    ),
    "an-answer-that-nobody-reads-ends": Ablation(
        (
            Patch(
                "edge/flow.py",
                "        super().pause_writing()\n        self.watch()\n",
                "        super().pause_writing()\n",
            ),
        ),
        ("test_edge_requests.py::test_an_answer_that_is_not_read_is_cut[one-uvloop]",),
    ),
    "the-rest-of-a-body-is-bounded-in-time": Ablation(
        (
            Patch(
                "edge/http.py",
                "        self._pieces.passed(body)\n",
                "        self._pieces.passed(body)\n        self._unset_keepalive_if_required()\n",
            ),
        ),
        ("test_edge_requests.py::test_the_rest_of_a_body_does_not_hold_a_connection",),
    ),
    "fragments-are-counted": Ablation(
        (
            Patch(
                "edge/frames.py",
                "        if self._fragments >= self.fragments_max:\n",
                "        if self._fragments < 0:\n",
            ),
        ),
        ("test_edge_frames.py::test_closed[uvloop-F11-1025]",),
    ),
    "a-request-with-a-wrong-id-is-refused": Ablation(
        (
            Patch(
                "validation/middleware.py",
                "refusal = self._judge(scope, violations) if violations else None\n",
                "refusal = None\n",
            ),
        ),
        ("test_validation_middleware.py::test_enforce_answers_with_a_problem",),
    ),
    "a-request-is-named-by-ids-of-ours-only": Ablation(
        (
            Patch(
                "correlation.py",
                "    if len(brought) == 1 and UnifiedIdGenerator",
                "    if len(brought) == 2 or UnifiedIdGenerator",
            ),
        ),
        ("test_correlation.py::test_one_of_ours_is_kept_and_two_are_none",),
    ),
    "a-span-has-no-text-of-an-exception": Ablation(
        (Patch("tracing.py", "else type(error).__name__", "else str(error)"),),
        ("test_tracing.py::test_an_exception_is_a_code_and_no_text",),
    ),
    "a-backup-has-other-feeds": Ablation(
        (Patch("store/sqlite/backup.py", "        _renew_feeds(part, vfs)\n", ""),),
        ("test_store_bad_disk.py::TestBackup::test_d14_a_backup_under_load_is_a_prefix",),
    ),
    "a-commit-is-announced-in-the-order-of-seqs": Ablation(
        (
            Patch(
                "delivery/journal.py",
                "            events.sort(key=_SEQ)  # a store may apply units in another order\n",
                "            pass\n",
            ),
        ),
        ("test_postgres_nodes.py::test_what_one_commit_brought_is_announced_in_the_order_of_seqs",),
    ),
    # --- the same and more on PostgreSQL, where other nodes are at work ---
    "postgres-commits-wait-for-the-disk": Ablation(
        (
            Patch(
                "store/postgres/__init__.py",
                '        f" SET LOCAL synchronous_commit = {synchronous_commit};"\n',
                "",
            ),
        ),
        ("test_postgres_opening.py::test_d10_commits_wait_for_the_disk_whatever_the_server_does",),
    ),
    "postgres-an-unknown-outcome-is-not-called-rejected": Ablation(
        (
            Patch(
                "store/postgres/faults.py",
                "    return OutcomeUnknown()\n",
                '    return ThreadcastError("unavailable")\n',
            ),
        ),
        ("test_postgres_faults.py::test_d11_what_the_database_says_is_what_is_answered",),
    ),
    "postgres-an-append-needs-the-fence": Ablation(
        (
            Patch(
                "store/postgres/appends.py",
                "    if word != lease.fence * 8 + RUNNING:\n",
                "    if word < lease.fence * 8 + RUNNING:\n",
            ),
        ),
        ("test_store_postgres.py::TestContract::test_append_needs_the_fence_and_the_user[18]",),
    ),
    "postgres-a-fence-is-checked-under-the-lock-of-its-journal": Ablation(
        (
            Patch(
                "store/postgres/batch.py", "ORDER BY user_key FOR UPDATE\n", "ORDER BY user_key\n"
            ),
        ),
        (
            "test_postgres_nodes.py::"
            "test_what_was_checked_is_stored_before_its_run_can_be_taken[long]",
        ),
    ),
    "postgres-a-seq-is-given-under-the-lock-of-its-journal": Ablation(
        (
            Patch(
                "store/postgres/batch.py", "ORDER BY user_key FOR UPDATE\n", "ORDER BY user_key\n"
            ),
        ),
        ("test_postgres_nodes.py::test_journals_that_two_nodes_write_have_one_order",),
    ),
    "postgres-a-plain-append-needs-the-fence": Ablation(
        (
            Patch(
                "store/postgres/migrations/0010_owners_of_appends.sql",
                "WHERE r.fence::bigint * 8 + r.status = n.word",
                "WHERE r.fence::bigint * 8 + r.status >= n.word",
            ),
        ),
        ("test_store_postgres.py::TestContract::test_append_needs_the_fence_and_the_user[18]",),
    ),
    "postgres-a-plain-append-needs-the-owner": Ablation(
        (
            Patch(
                "store/postgres/migrations/0010_owners_of_appends.sql",
                " AND (n.owner IS NULL OR r.owner = n.owner)",
                "",
            ),
        ),
        ("test_postgres_plain_appends.py::test_the_same_fence_of_another_owner_is_fenced",),
    ),
    "postgres-a-plain-append-holds-its-journal": Ablation(
        (
            Patch(
                "store/postgres/migrations/0010_owners_of_appends.sql",
                "        ORDER BY u.user_key FOR UPDATE\n",
                "        ORDER BY u.user_key\n",
            ),
        ),
        ("test_postgres_plain_appends.py::test_two_nodes_stream_into_one_journal",),
    ),
    "postgres-the-units-of-a-user-keep-their-order": Ablation(
        (
            Patch(
                "store/postgres/units.py",
                "                plain[index] = unit\n        met |= named_by((unit,)).users\n",
                "                plain[index] = unit\n",
            ),
        ),
        (
            "test_postgres_plain_appends.py::"
            "test_the_units_of_a_user_keep_their_order_in_a_mixed_batch",
        ),
    ),
    "postgres-nothing-follows-an-end-in-its-batch": Ablation(
        (
            Patch(
                "store/postgres/units.py",
                "            if is_plain_end(unit):\n                plain[index] = unit\n",
                "            if is_plain_end(unit):\n                plain[index] = unit\n"
                "                continue\n",
            ),
        ),
        ("test_postgres_plain_appends.py::test_nothing_of_a_run_follows_its_end_in_one_batch",),
    ),
    "postgres-leases-are-by-the-clock-of-the-database": Ablation(
        (
            Patch(
                "store/postgres/across_users.py",
                "r.lease_until <= clock_timestamp()\nORDER BY",
                "r.lease_until <= to_timestamp($2)\nORDER BY",
            ),
            Patch(
                "store/postgres/leases.py",
                "await batch.all(LAPSED, limit)",
                "await batch.all(LAPSED, limit, batch.now)",
            ),
        ),
        ("test_postgres_nodes.py::test_d13_the_clocks_of_nodes_do_not_matter_to_leases",),
    ),
    "postgres-no-node-sweeps-ahead-of-the-clock-of-the-database": Ablation(
        (
            Patch(
                "store/postgres/sweeps.py",
                "unit.before - ceil(ahead_s)",
                "unit.before",
            ),
        ),
        ("test_postgres_nodes.py::test_a_node_whose_clock_is_ahead_forgets_no_revocation",),
    ),
    "postgres-a-cancelled-read-costs-its-connection": Ablation(
        (
            Patch(
                "store/postgres/readers.py",
                "        except BaseException:\n"
                "            self.discard()\n"
                "            raise\n"
                "\n"
                "    async def _fetched",
                "        except BaseException:\n            raise\n\n    async def _fetched",
            ),
        ),
        ("test_postgres_faults.py::test_a_cancelled_read_costs_its_connection_and_no_more",),
    ),
    "postgres-a-standby-is-not-read": Ablation(
        (
            Patch(
                "store/postgres/connecting.py",
                'if getattr(raw.get_settings(), "in_hot_standby", "off") == "on":',
                "if False:",
            ),
        ),
        ("test_postgres_faults.py::test_a_standby_in_the_place_of_the_database_is_not_read",),
        slow=True,
    ),
    "postgres-rows-know-their-user": Ablation(
        (
            Patch(
                "store/postgres/migrations/0001_journals.sql",
                "        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);\n",
                "",
            ),
        ),
        ("test_postgres_walls.py::test_every_table_has_both_walls",),
    ),
}


def copy_of_everything(folder: Path) -> Path:
    """Source, tests and configuration; compiled modules stay valid, because times are kept."""
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy2(ROOT / "pyproject.toml", folder)
    return folder


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_everything(tmp_path_factory.mktemp("copy"))


@contextmanager
def without(patches: Iterable[Patch], copy: Path) -> Iterator[None]:
    """Their safeguard is out of the copy, until the block is left."""
    with ExitStack() as afterwards:
        for patch in patches:
            file = copy / "src" / "threadcast" / patch.file
            text = file.read_text()
            count = text.count(patch.old)
            assert count == 1, f"{patch.file} has {count} times, not once: {patch.old}"
            afterwards.callback(_put_back, file, text, file.stat().st_mtime_ns)
            file.write_text(text.replace(patch.old, patch.new))
        yield


def _put_back(file: Path, text: str, changed_ns: int) -> None:
    """The file as it was, and nothing that was compiled from what it was in between."""
    file.write_text(text)
    os.utime(file, ns=(changed_ns, changed_ns))
    Path(cache_from_source(str(file))).unlink(missing_ok=True)


def said(done: Ran) -> str:
    return f"exit {done.code}\n{done.output[-4_000:]}"


@pytest.mark.parametrize("name", ABLATIONS)
def test_the_suite_notices_that_a_safeguard_is_gone(name: str, copy: Path) -> None:
    with without(ABLATIONS[name].patches, copy):
        for test in ABLATIONS[name].notices:
            done = run_tests(copy, test)
            assert done.code == 1, f"{test} did not fail, or was not run: {said(done)}"
            assert re.search(r"^FAILED tests/", done.output, re.MULTILINE), said(done)


@pytest.mark.timeout(ALL_MAX_S + 60)
def test_the_same_tests_pass_on_the_whole_source(copy: Path) -> None:
    """Else they could have failed for another reason. The slow ones pass in the suite itself."""
    quick = [one for one in ABLATIONS.values() if not one.slow]
    tests = sorted({test for one in quick for test in one.notices})
    done = run_tests(copy, *tests, max_s=ALL_MAX_S, wait_s=WAIT_S)
    assert done.code == 0, said(done)
