"""``cbbot soak``: runs of a simulated world, each from its seed, and what they came to."""

from __future__ import annotations

import gc
import json as json_text
import logging
import sys
import time
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Final

import typer

from cbbot.errors import BadInput
from cbbot.process.path_options import named_path
from cbbot.soak.campaign import Campaign, expected_faults, shortened
from cbbot.soak.fault_plan import Plan, made_plan, plan_from, plan_text
from cbbot.soak.simulated_world import OWN_SITES, RunResult, run_plan
from cbbot_bridge.in_memory.bridge_connection import BRIDGE_SITES
from cbbot_bridge.in_memory.exchange_changes import all_changes
from cbbot_bridge.in_memory.in_memory_exchange import exchange_side
from cbbot_bridge.in_memory.venue_sites import VENUE_SITES

__all__ = ["EXPECTED", "SITES", "plan_of_seed", "soak"]

SITES: Final = {**OWN_SITES, **BRIDGE_SITES, **VENUE_SITES}
EXPECTED: Final = expected_faults(SITES, all_changes())
_MOST_JOBS: Final = 64


def soak(
    seed: Annotated[int | None, typer.Option(metavar="N", help="One run.", min=0)] = None,
    seeds: Annotated[str | None, typer.Option(metavar="N..M", help="Many runs, N to M.")] = None,
    hours: Annotated[float, typer.Option(metavar="H", help="Simulated hours of a run.", min=0.01, max=1000)] = 1.0,
    jobs: Annotated[int, typer.Option(metavar="K", help="Processes.", min=1, max=_MOST_JOBS)] = 1,
    replay: Annotated[
        Path | None, typer.Option(parser=named_path, metavar="FILE", help="Run the list of faults in FILE.")
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(parser=named_path, metavar="FILE", help="Keep the shortest list that still fails, for --replay."),
    ] = None,
    log: Annotated[
        Path | None, typer.Option(parser=named_path, metavar="FILE", help="Write the event log of a single run.")
    ] = None,
    json: Annotated[
        Path | None, typer.Option(parser=named_path, metavar="FILE", help="Write the figures here; - is stdout.")
    ] = None,
) -> int:
    """Trade in a simulated world in which everything goes wrong, and hold the bot to its invariants.

    Bot, bridge and exchange are the real ones, on a simulated clock and in one thread; disk, network and exchange fail,
    and bot, bridge and machine die, as the seed says. The same seed gives the same run. A run that breaks an invariant
    is printed with the shortest list of faults that still breaks it.

    Exit code 0: nothing broke. 1: something did. 2: the options cannot be used.
    """
    logging.disable(logging.CRITICAL)
    plans = list(_plans(seed, seeds, hours, replay))
    campaign = Campaign(EXPECTED)
    for result, seconds in _results(plans, jobs, kept=log is not None):
        campaign.add(result, seconds)
        if result.violated:
            sys.stdout.write(f"seed {result.seed}: broken: {result.violated}: {result.detail}\n")
            sys.stdout.flush()
        elif len(plans) == 1:
            sys.stdout.write(f"seed {result.seed}: {result.digest}\n")
        if log is not None:
            log.write_text("\n".join(result.lines) + "\n", encoding="utf-8")
    if campaign.broken:
        _show_shortest(campaign.broken[0], save)
    figures = json_text.dumps(campaign.document(), indent=1) + "\n"
    if json is not None and str(json) != "-":
        json.write_text(figures, encoding="utf-8")
    sys.stdout.write(figures if json is not None and str(json) == "-" else "\n".join(campaign.report()) + "\n")
    return 1 if campaign.broken else 0


def plan_of_seed(seed: int, hours: float) -> Plan:
    """What goes wrong in the run of a seed."""
    return made_plan(seed, hours, SITES, all_changes())


def _plans(seed: int | None, seeds: str | None, hours: float, replay: Path | None) -> Iterator[Plan]:
    if sum(given is not None for given in (seed, seeds, replay)) != 1:
        raise BadInput("give one of --seed, --seeds and --replay")
    if replay is not None:
        try:
            yield plan_from(replay.read_bytes())
        except (OSError, ValueError) as error:
            raise BadInput(f"--replay {replay}: no list of faults: {error}") from error
    elif seed is not None:
        yield plan_of_seed(seed, hours)
    else:
        first, dots, last = str(seeds).partition("..")
        if not (dots and first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
            raise BadInput(f"--seeds {seeds}: not of the form N..M, e.g. 1..300")
        yield from (plan_of_seed(each, hours) for each in range(int(first), int(last) + 1))


def _results(plans: list[Plan], jobs: int, *, kept: bool) -> Iterator[tuple[RunResult, float]]:
    if jobs == 1 or len(plans) == 1:
        gc.disable()
        for plan in plans:
            yield _timed(plan, kept=kept)
        return
    # At the end of the block, whatever ends it, no process is left.
    with get_context("spawn").Pool(jobs, _quiet) as pool:
        yield from pool.imap(_timed, plans, chunksize=2)


def _quiet() -> None:
    logging.disable(logging.CRITICAL)
    # Nothing of a run goes before its end, and then all of it does.
    gc.disable()


def _timed(plan: Plan, *, kept: bool = False) -> tuple[RunResult, float]:
    began = time.process_time()
    result = run_plan(plan, exchange_side, kept=kept)
    gc.collect()
    return result, time.process_time() - began


def _show_shortest(broken: RunResult, save: Path | None) -> None:
    plan = shortened(broken, exchange_side)
    sys.stdout.write(f"seed {broken.seed}: the shortest list of faults that still breaks it:\n")
    for each in plan.injections:
        sys.stdout.write(f"  {each.at:>10.3f} s  {each.site}: {each.kind}  {each.model_dump(exclude_defaults=True)}\n")
    if save is not None:
        save.write_text(plan_text(plan), encoding="utf-8")
