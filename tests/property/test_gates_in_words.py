"""Of every decision of a random trader the gates in words say what the decision says, gate by gate."""

from __future__ import annotations

from collections import Counter

from cbbot.kernel.codes import FLAT
from cbbot.views.gate_verdicts import gate_verdicts
from property.random_live_trader import LiveTrader


def test_the_last_gate_is_the_one_that_denied_and_all_before_it_let_it_pass() -> None:
    exercised: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for seed in range(12):
        trader = LiveTrader(seed, exercised)
        before = None
        for _ in range(400):
            trader.move()
            decision = trader.state.decision
            if decision is None or decision is before:
                continue
            before = decision
            verdicts = gate_verdicts(trader.rules, trader.state, decision)
            reasons[decision.reason] += 1
            assert all(verdict.passed for verdict in verdicts[:-1])
            assert all(verdict.figures for verdict in verdicts)
            if decision.signal == FLAT:
                assert [(verdict.gate, verdict.passed) for verdict in verdicts] == [("signal", False)]
            elif decision.reason == "entered":
                assert verdicts[-1].passed
            else:
                assert (verdicts[-1].gate, verdicts[-1].passed) == (decision.reason, False)
    assert len(reasons) >= 8, reasons
    assert reasons["entered"] > 20, reasons
