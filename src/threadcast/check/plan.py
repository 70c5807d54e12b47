"""The promises in the order in which they are tested, and the execution.

Whatever goes wrong with one of them becomes its verdict; the next one is tested all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import perf_counter, time

from ..client.link import ConnectionFailed
from ..errors import ThreadcastError
from ..suggestions import did_you_mean
from . import bad_input, connects, golden, isolation, limits, load, resume, speed
from .authority import judge_credentials, judge_expiry
from .cancelling import judge_cancel
from .options import CheckOptions, Target
from .scene import Scene, staged
from .verdict import Broken, Finding, NotTried, Outcome, Report, Verdict, shortened

OnVerdict = Callable[[Verdict], None]
_TIME_IS_UP = "the time for the whole check was up"
_GONE = "the server went away"


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise and how it is tested.

    Attributes:
        name: short, for `--only`.
        says: the promise, in one sentence.
        bar: the required result.
        judge: tests it.
        waits: it mostly waits, so it starts first and runs alongside the others.
    """

    name: str
    says: str
    bar: str
    judge: Callable[[Scene], Awaitable[Finding]]
    waits: bool = False


PROMISES: tuple[Promise, ...] = (
    Promise("id", "An id costs nothing.", "< 1 ms", speed.judge_id),
    Promise("connect", "Connecting works.", "> 99.5 %", connects.judge_connects),
    Promise(
        "connect-latency",
        "Connecting is quick.",
        "p95 < 200 ms",
        connects.judge_connect_latency,
    ),
    Promise(
        "golden-path",
        "A message brings the five events of the agent, in order.",
        "5 of 5",
        golden.judge_golden,
    ),
    Promise("history", "The answer is in the history.", "all", golden.judge_history),
    Promise("retry", "A message that is sent again is stored once.", "once", golden.judge_retry),
    Promise("order", "Every event comes once, in order.", "0 faults", load.judge_order),
    Promise(
        "second-device",
        "Another device sees the same in the same order.",
        "0 faults",
        load.judge_second_device,
    ),
    Promise(
        "resume",
        "A reader goes on behind its cursor, or is told that it cannot.",
        "> 95 %",
        resume.judge_resume,
    ),
    Promise("session", "A thread is read quickly.", "p95 < 500 ms", speed.judge_session),
    Promise(
        "isolation",
        "Another's thing is like one that never existed.",
        "0 differences",
        isolation.judge_isolation,
    ),
    Promise("cancel", "A cancelled run ends, and stays so.", "all", judge_cancel),
    Promise("credentials", "Crooked credentials are refused.", "all", judge_credentials),
    Promise("expiry", "Authority ends on time.", "within leeway + 1 s", judge_expiry, waits=True),
    Promise("limits", "Too much is refused in words.", "all", limits.judge_limits),
    Promise("bad-input", "Bad input gets its answer.", "all", bad_input.judge_bad_input),
    Promise("runs", "Runs are completed.", "> 99 %", speed.judge_runs),
    Promise("foreign", "Nothing comes to another user.", "0", speed.judge_foreign),
)


def promises_named(names: Sequence[str]) -> tuple[Promise, ...]:
    """The promises with these names, in the plan's order; all of them for no names.

    Raises:
        ValueError: there is no promise of a name; the message has the nearest one.
    """
    known = [promise.name for promise in PROMISES]
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known) or f"; there are {', '.join(known)}"
            raise ValueError(f'got the unknown promise "{name}"{hint}')
    return tuple(promise for promise in PROMISES if not names or promise.name in names)


async def run_check(
    target: Target,
    options: CheckOptions,
    promises: Sequence[Promise] = PROMISES,
    *,
    on_verdict: OnVerdict = lambda _verdict: None,
) -> Report:
    """Test these promises of a deployment. Everything created is deleted, also when cancelled.

    Args:
        target: the deployment, and as whom.
        options: the amounts of work.
        promises: in order of execution.
        on_verdict: called with each verdict as soon as it is known.

    Raises:
        ServerUnreachable: there is no server.
        ClientRefused: a credential is not accepted.
        SameUser: both credentials are of one user.
        UnusableUrl: the URL names no server.
    """
    began, started_at = perf_counter(), time()
    verdicts: list[Verdict] = []

    def conclude(verdict: Verdict) -> None:
        verdicts.append(verdict)
        on_verdict(verdict)

    async with staged(target, options) as scene:
        timed_out = await _try_all(scene, promises, conclude)
    untried = _not_run(_GONE if scene.gone else _TIME_IS_UP)
    for promise in promises[len(verdicts) :]:
        conclude(Verdict(promise.name, promise.says, promise.bar, untried, 0.0))
    return Report(
        target.url,
        (scene.first.user_id, scene.second.user_id),
        started_at,
        perf_counter() - began,
        tuple(verdicts),
        timed_out,
        scene.left_behind,
        scene.gone,
    )


async def _try_all(scene: Scene, promises: Sequence[Promise], conclude: OnVerdict) -> bool:
    """Test one after the other, alongside those that mostly wait; whether the time was up."""
    begun = {one.name: asyncio.ensure_future(_try(one, scene)) for one in promises if one.waits}
    try:
        async with asyncio.timeout(scene.options.timeout_s):
            for promise in promises:
                conclude(await (begun.get(promise.name) or _try(promise, scene)))
                if scene.gone:
                    return False
    except TimeoutError:
        return True
    finally:
        for task in begun.values():
            task.cancel()
        if begun:
            await asyncio.wait(begun.values())
    return False


async def _try(promise: Promise, scene: Scene) -> Verdict:
    """Test one promise; a server that goes away meanwhile breaks none."""
    began = perf_counter()
    judging = asyncio.ensure_future(_find(promise, scene))
    absence = asyncio.ensure_future(scene.absence())
    try:
        await asyncio.wait([judging, absence], return_when=asyncio.FIRST_COMPLETED)
        finding = judging.result() if judging.done() else _not_run(_GONE)
        if finding.outcome is not Outcome.PASS and await scene.went_away():
            finding = _not_run(_GONE)
    finally:
        judging.cancel()
        absence.cancel()
        await asyncio.wait([judging, absence])
    return Verdict(promise.name, promise.says, promise.bar, finding, perf_counter() - began)


async def _find(promise: Promise, scene: Scene) -> Finding:
    try:
        finding = await promise.judge(scene)
    except NotTried as reason:
        finding = _not_run(str(reason))
    except Broken as broken:
        finding = Finding.judged("", [str(broken)])
    except ConnectionFailed as failed:
        finding = Finding.judged("", [f"no connection: {failed.drop.text}"])
    except (TimeoutError, OSError) as error:
        finding = Finding.judged("", [str(error) or type(error).__name__])
    except ThreadcastError as error:
        finding = Finding.judged("", [f"{error.code}: {error.message}"])
    return finding


def _not_run(reason: str) -> Finding:
    return Finding(Outcome.NOT_RUN, "", (shortened(reason),))
