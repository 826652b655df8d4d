"""``cbbot soak``: runs of a simulated world, each from its seed, and what they came to."""

from __future__ import annotations

import json as json_text
import logging
import sys
import time
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer

from cbbot.errors import BadInput
from cbbot.process.deferred_stops import DeferredStops
from cbbot.process.path_options import named_path
from cbbot.soak.campaign import Campaign, expected_faults, shortened
from cbbot.soak.fault_mixes import MIXES
from cbbot.soak.fault_plan import Plan, made_plan, plan_from, plan_text
from cbbot.soak.run_result import RunResult
from cbbot.soak.simulated_world import OWN_SITES
from cbbot_bridge.in_memory.bridge_connection import BRIDGE_SITES
from cbbot_bridge.in_memory.exchange_changes import all_changes
from cbbot_bridge.in_memory.in_memory_exchange import exchange_side
from cbbot_bridge.in_memory.soak_jobs import Run, run_all
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
    mix: Annotated[str, typer.Option(metavar="NAME", help=f"What goes wrong most: {', '.join(MIXES)}.")] = "everything",
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

    Once a minute it says on stderr how far it is and writes --json anew; stopped, it reports what it has done.

    Exit code 0: nothing broke. 1: something did. 2: the options cannot be used. 130, 143: stopped by a signal.
    """
    logging.disable(logging.CRITICAL)
    plans = _plans(seed, seeds, hours, mix, replay)
    campaign = Campaign(EXPECTED, planned=len(plans))
    began = time.monotonic()
    try:
        # A file that cannot be written is told of before hours of work.
        _write_figures(campaign, json)
        for ended in run_all(plans, min(jobs, len(plans)), kept=log is not None):
            if ended is None:
                sys.stderr.write(f"{campaign.progress(time.monotonic() - began)}\n")
                _write_figures(campaign, json)
            else:
                _take(campaign, *ended, log)
    except KeyboardInterrupt:
        sys.stderr.write(f"stopped: {campaign.progress(time.monotonic() - began)}\n")
        _report(campaign, json)
        raise
    campaign.complete = True
    if campaign.broken:
        _show_shortest(campaign.broken[0], save)
    _report(campaign, json)
    return 1 if campaign.broken else 0


def _take(campaign: Campaign, result: RunResult, seconds: float, log: Path | None) -> None:
    campaign.add(result, seconds)
    if result.violated:
        sys.stdout.write(f"seed {result.seed}: broken: {result.violated}: {result.detail}\n")
        sys.stdout.flush()
    elif campaign.planned == 1:
        sys.stdout.write(f"seed {result.seed}: {result.digest}\n")
    if log is not None:
        log.write_text("\n".join(result.lines) + "\n", encoding="utf-8")


def _report(campaign: Campaign, json: Path | None) -> None:
    _write_figures(campaign, json)
    to_stdout = json is not None and str(json) == "-"
    sys.stdout.write(_figures_of(campaign) if to_stdout else "\n".join(campaign.report()) + "\n")
    sys.stdout.flush()


def _figures_of(campaign: Campaign) -> str:
    return json_text.dumps(campaign.document(), indent=1) + "\n"


def _write_figures(campaign: Campaign, json: Path | None) -> None:
    """So that what a long campaign has found is there whatever ends it."""
    if json is not None and str(json) != "-":
        # A stop between two writes would leave a file that is cut short.
        with DeferredStops():
            json.write_text(_figures_of(campaign), encoding="utf-8")


def plan_of_seed(seed: int, hours: float, mix: str = "everything") -> Plan:
    """What goes wrong in the run of a seed."""
    return made_plan(seed, hours, SITES, all_changes(), MIXES[mix])


def _plans(seed: int | None, seeds: str | None, hours: float, mix: str, replay: Path | None) -> list[Run]:
    """What makes the plan of each run."""
    if sum(given is not None for given in (seed, seeds, replay)) != 1:
        raise BadInput("give one of --seed, --seeds and --replay")
    if mix not in MIXES:
        raise BadInput(f"--mix {mix}: not one of {', '.join(MIXES)}")
    if replay is not None:
        try:
            kept = plan_from(replay.read_bytes())
        except (OSError, ValueError) as error:
            raise BadInput(f"--replay {replay}: no list of faults: {error}") from error
        return [lambda: kept]
    if seed is not None:
        return [partial(plan_of_seed, seed, hours, mix)]
    first, dots, last = str(seeds).partition("..")
    if not (dots and first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
        raise BadInput(f"--seeds {seeds}: not of the form N..M, e.g. 1..300")
    return [partial(plan_of_seed, each, hours, mix) for each in range(int(first), int(last) + 1)]


def _show_shortest(broken: RunResult, save: Path | None) -> None:
    plan = shortened(broken, exchange_side)
    sys.stdout.write(f"seed {broken.seed}: the shortest list of faults that still breaks it:\n")
    for each in plan.injections:
        sys.stdout.write(f"  {each.at:>10.3f} s  {each.site}: {each.kind}  {each.model_dump(exclude_defaults=True)}\n")
    if save is not None:
        save.write_text(plan_text(plan), encoding="utf-8")
