"""Paper fills are the kernel's, to the last unit."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from cbbot.brokers.paper import PaperBroker, paper_fill
from cbbot.contract.settings import load
from cbbot.domain.instrument import BTC_USD
from cbbot.domain.order import Side
from cbbot.kernel.account import opening_account
from cbbot.kernel.advance import Portfolio, Steps, Tally, advance
from cbbot.trader.events import OrderAbsent, OrderFilled
from cbbot.trader.intent import Intent, Purpose
from cbbot.trader.rules import Rules, build_rules

INTENT = Intent("bot-1-1", Purpose.ENTRY, 1, Side.BUY, 0, 0, "", 0)
SURE = 99.0  # log-odds


def rules_with(slippage: int, fee: int) -> Rules:
    return build_rules(
        load(
            {
                "PAPER_SLIPPAGE_BPS": str(slippage),
                "FEE_RATE_PCT": f"{fee / 100:.2f}",
                "USE_MA_FILTER": "false",
                "TAKE_PROFIT_PCT": "1",
                "STOP_LOSS_PCT": "1",
                "RISK_PER_TRADE_PCT": "50",
            }
        ),
        BTC_USD,
    )


@given(
    entry=st.integers(1_000, 20_000_000),
    move=st.sampled_from([-5, 5]),
    slippage=st.integers(0, 50),
    fee=st.integers(0, 100),
)
def test_an_entry_and_its_exit_are_filled_as_in_a_backtest(entry: int, move: int, slippage: int, fee: int) -> None:
    params = rules_with(slippage, fee).params
    later = entry * (100 + move) // 100
    tally = Tally([0, 0, 0], [0] * 32, [], [0, 0], [0, 0])
    prices, nothing = [entry, later], [0.0, 0.0]
    steps = Steps([1, 2], prices, prices, prices, prices, [SURE, -SURE], nothing, nothing, nothing)
    portfolio = Portfolio(opening_account(BTC_USD.ledger_down(load({}).usd_equity)), [])
    advance(params, portfolio, steps, 0, 1, tally)
    lot = portfolio.lots[0]
    bought = paper_fill(params, replace(INTENT, base=lot.base), entry)
    assert (bought.price, bought.base, bought.value, bought.commission) == (
        lot.open_ticks, lot.base, lot.cost, lot.entry_fee,
    )  # fmt: skip
    advance(params, Portfolio(portfolio.account, portfolio.lots), steps, 1, 2, tally)
    for closed in tally.closed:
        sold = paper_fill(params, replace(INTENT, purpose=Purpose.EXIT, side=Side.SELL, base=lot.base), later)
        assert (sold.price, sold.value, sold.commission) == (closed.close_ticks, closed.proceeds, closed.exit_fee)


def test_it_answers_at_once_and_forgets() -> None:
    broker = PaperBroker(rules_with(0, 75).params)
    intent = replace(INTENT, base=1_000)

    async def answers() -> list[object]:
        placed = [event async for event in broker.place(intent, 5_000_000, 77, 0.0)]
        return [*placed, *[event async for event in broker.look_up(intent, 78)]]

    filled, absent = asyncio.run(answers())
    assert broker.immediate
    assert isinstance(filled, OrderFilled)
    assert (filled.at_ms, filled.execution.order_id, filled.execution.base) == (77, "paper-bot-1-1", 1_000)
    assert absent == OrderAbsent(78, "bot-1-1", complete=True)
