"""What the trader did over the candle files when these goldens were frozen, it does today.

A difference that is meant: ``python tools/goldens.py``, and why in the commit.
"""

from __future__ import annotations

import os
import subprocess
import sys
from copy import deepcopy

import pytest

from golden import frozen
from oracle.market import FILES, ROOT

EXITS = {"take_profit", "stop_loss", "trailing_stop"}
DENIALS = {
    "exits_only", "long_only", "breaker", "cooldown", "max_lots", "pyramiding_disabled", "spacing", "adverse_gate",
    "insufficient_funds", "below_minimum", "max_exposure",
}  # fmt: skip


@pytest.mark.parametrize(("case", "name"), frozen.CASES)
def test_the_trader_does_what_it_did(case: str, name: str) -> None:
    changed = frozen.difference(frozen.read(case, name), frozen.made(case, name))
    assert changed is None, f"{case} on {name}: {changed}\nif this is meant: python tools/goldens.py"


@pytest.mark.parametrize("name", FILES)
def test_the_goldens_cover_every_exit_and_every_denial(name: str) -> None:
    goldens = [frozen.read(case, file)["counts"] for case, file in frozen.CASES if file == name]
    assert len(goldens) >= 7
    trades = [counts["trades"] for counts in goldens]
    assert sum(trades) >= 500
    assert min(trades) >= 100
    exits = {reason for counts in goldens for reason, count in counts["exits"].items() if count >= 3}
    assert exits >= EXITS
    denials = {reason for counts in goldens for reason, count in counts["denials"].items() if count >= 3}
    assert denials == DENIALS


def test_the_goldens_cover_both_sides_and_every_role() -> None:
    trades = [trade for case, name in frozen.CASES for trade in frozen.read(case, name)["trades"]]
    kinds = {(role, closed_as) for _, role, closed_as, *_ in trades}
    assert kinds == {("runner", "runner"), ("scalp", "scalp"), ("scalp", "runner")}, "promotions are among them"
    assert {trade[3] for trade in trades} == {"BUY", "SELL"}


def test_the_settings_of_the_goldens_differ_in_what_matters() -> None:
    cases = [frozen.settings_of(case) for case in sorted({case for case, _ in frozen.CASES})]
    wanted = {
        "MODEL_MODE": {"baseline", "extended"},
        "SCALP_TP_DEC_MODE": {"linear", "exp"},
        "LONG_ONLY": {"true", "false"},
        "VOL_RISK_ADJUST": {"true", "false"},
        "USE_MA_FILTER": {"true", "false"},
        "DAILY_BREAKER_MARK_TO_MARKET": {"true", "false"},
    }
    defaults = {"VOL_RISK_ADJUST": "false", "DAILY_BREAKER_MARK_TO_MARKET": "true", "MODEL_MODE": "baseline"}
    defaults |= {"LONG_ONLY": "true", "USE_MA_FILTER": "true", "SCALP_TP_DEC_MODE": "linear"}
    for key, values in wanted.items():
        assert {case.get(key, defaults[key]) for case in cases} == values, key
    for key in ("WALK_FORWARD_MIN", "PAPER_SLIPPAGE_BPS", "ENTRY_COOLDOWN_SEC", "MAX_ORDER_USD", "MAX_EXPOSURE_USD"):
        assert any(case.get(key, "0") != "0" for case in cases), key


def test_a_difference_is_named() -> None:
    golden = frozen.read(*frozen.CASES[0])
    assert frozen.difference(golden, golden) is None
    changed = deepcopy(golden)
    changed["trades"][3][10] = "1.00"
    assert "trade 4" in str(frozen.difference(golden, changed))
    assert f"close_price {golden['trades'][3][10]} -> 1.00" in str(frozen.difference(golden, changed))
    shorter = deepcopy(golden)
    del shorter["trades"][-1]
    assert "the first missing one" in str(frozen.difference(golden, shorter))
    counted = deepcopy(golden)
    counted["counts"]["decisions"]["buy"] += 1
    assert "counts: decisions" in str(frozen.difference(golden, counted))
    hashed = golden | {"sha256": "0"}
    assert "marked equity" in str(frozen.difference(golden, hashed))


def test_goldens_are_not_renewed_in_ci() -> None:
    tool = ROOT / "tools" / "goldens.py"
    before = {path: path.stat().st_mtime_ns for path in frozen.FOLDER.glob("*.json.gz")}
    ended = subprocess.run(
        [sys.executable, str(tool)], env=os.environ | {"CI": "true"}, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, "refused in CI" in ended.stderr) == (2, True)
    assert {path: path.stat().st_mtime_ns for path in frozen.FOLDER.glob("*.json.gz")} == before


def test_the_goldens_are_small() -> None:
    assert sum(path.stat().st_size for path in frozen.FOLDER.glob("*.json.gz")) < 1_000_000
