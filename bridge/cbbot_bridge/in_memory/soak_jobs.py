"""The runs of a campaign, in this process or in several."""

from __future__ import annotations

import contextlib
import gc
import logging
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from multiprocessing import TimeoutError as NotYet
from multiprocessing import get_context
from typing import Final

from cbbot.soak.fault_plan import Plan
from cbbot.soak.run_result import RunResult
from cbbot.soak.simulated_world import run_plan
from cbbot_bridge.in_memory.in_memory_exchange import exchange_side

__all__ = ["run_all"]

# What a process keeps of its runs goes with it.
_RUNS_OF_A_PROCESS: Final = 200
_SHORTEST_LOOK_SECONDS: Final = 0.1

Run = Callable[[], Plan]


def run_all(
    runs: Iterable[Run], jobs: int, *, kept: bool = False, look_every: float = 60.0
) -> Iterator[tuple[RunResult, float] | None]:
    """The result and CPU seconds of each run, as they end; None about every ``look_every`` seconds.

    ``runs`` make their plans where they run: with several ``jobs`` they must be picklable. Whatever ends the
    iteration, no process is left.
    """
    if jobs == 1:
        yield from _run_here(runs, look_every, kept=kept)
        return
    with get_context("spawn").Pool(jobs, _begin_job, maxtasksperchild=_RUNS_OF_A_PROCESS) as pool:
        results = pool.imap_unordered(_timed_alone, runs)
        looked = time.monotonic()
        while True:
            with contextlib.suppress(NotYet):
                try:
                    yield results.next(timeout=max(looked + look_every - time.monotonic(), _SHORTEST_LOOK_SECONDS))
                except StopIteration:
                    return
            if time.monotonic() - looked >= look_every:
                looked = time.monotonic()
                yield None


def _run_here(runs: Iterable[Run], look_every: float, *, kept: bool) -> Iterator[tuple[RunResult, float] | None]:
    _keep_from_collection()
    looked = time.monotonic()
    for run in runs:
        yield _timed(run, kept=kept)
        if time.monotonic() - looked >= look_every:
            looked = time.monotonic()
            yield None


def _begin_job() -> None:
    logging.disable(logging.CRITICAL)
    # Ctrl-C reaches every process of a terminal: the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _keep_from_collection()


def _keep_from_collection() -> None:
    """Nothing of a run goes before its end, and then all of it does; what is there before stays for good."""
    gc.disable()
    gc.freeze()


def _timed_alone(run: Run) -> tuple[RunResult, float]:
    result, seconds = _timed(run)
    # A plan is larger than all the rest, and of use where something broke.
    return (result if result.violated else replace(result, plan=None)), seconds


def _timed(run: Run, *, kept: bool = False) -> tuple[RunResult, float]:
    began = time.process_time()
    result = run_plan(run(), exchange_side, kept=kept)
    gc.collect()
    return result, time.process_time() - began
