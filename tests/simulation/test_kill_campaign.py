"""Bot and bridge are killed at every moment of an order's life; nothing is lost, nothing doubled.

KILL_CAMPAIGN_KILLS says how often (12), KILL_CAMPAIGN_SEED which moments are drawn (1).
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from simulation.kill_campaign import RESULT_NOT_SAVED, SIGTERM, Campaign

KILLS = int(os.environ.get("KILL_CAMPAIGN_KILLS") or 12)
STOPS = max(5, KILLS // 15)
SEED = int(os.environ.get("KILL_CAMPAIGN_SEED") or 1)

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(300 + 20 * KILLS)]


def run(campaign: Campaign, capsys: pytest.CaptureFixture[str], **times: int) -> None:
    """Whatever comes of it, the figures are printed."""
    try:
        asyncio.run(campaign.run(**times))
    finally:
        with capsys.disabled():
            print("", *campaign.tally.lines(), sep="\n")


def test_whoever_is_killed_whenever_no_order_is_lost_and_none_doubled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    campaign = Campaign(tmp_path, SEED)
    run(campaign, capsys, kills=KILLS)
    assert campaign.tally.windows[RESULT_NOT_SAVED] >= KILLS // 3
    assert (campaign.tally.lost, campaign.tally.doubled) == (0, 0)


def test_a_stop_at_any_moment_of_an_order_ends_in_time_and_the_next_start_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    campaign = Campaign(tmp_path, SEED + 1, {SIGTERM: 1})
    run(campaign, capsys, stops=STOPS)
    assert len(campaign.tally.stops) == STOPS
