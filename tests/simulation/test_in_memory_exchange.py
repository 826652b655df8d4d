"""Bridge and exchange in memory: the same seed does the same, each fault does its worst, the dead do nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from itertools import pairwise
from typing import Final

import httpx
import pytest

from cbbot.brokers.bridge_client import NotPlaced, Unknown
from cbbot.contract.bridge_orders import OrderPlaced, OrderState
from cbbot.errors import Refused, Retryable
from cbbot.soak.exchange_side import Books, Fault
from cbbot_bridge.in_memory.bridge_connection import BRIDGE_SITES
from cbbot_bridge.in_memory.venue_sites import VENUE_SITES
from simulation.in_memory_world import START, InMemoryWorld, in_memory

CREATE = "bridge>venue.create"
POST = "bot>bridge.POST order"
LONGEST_WAY_SECONDS = 2.0


def test_an_order_is_placed_followed_and_booked() -> None:
    async def act(world: InMemoryWorld) -> tuple[OrderState, Books]:
        placed = await world.buy("a")
        assert isinstance(placed, OrderPlaced)
        await asyncio.sleep(1)
        return OrderState.model_validate(await world.client.get(f"/order/{placed.order_id}")), world.side.books()

    state, books = in_memory(act)
    booked = books.orders["a"]
    assert booked.over
    assert Decimal(state.filled_size) == booked.filled_base > 0
    assert Decimal(state.commission_total_usd or "") == booked.fees
    assert books.base == Decimal(100) + booked.filled_base
    assert books.quote == Decimal(1_000_000) - booked.filled_quote - booked.fees


async def some_trading(world: InMemoryWorld) -> tuple[str, float, Books]:
    for number in range(12):
        world.faults.next(CREATE, Fault(("error_after", "partial", "reset_before")[number % 3], share=0.4))
        await world.buy(f"n-{number}")
        if number % 5 == 4:
            world.side.kill_bridge()
            world.side.start_bridge()
        await asyncio.sleep(7)
    world.side.change("sell_by_hand", 0.3)
    return world.noted.digest, world.loop.time(), world.side.books()


def test_the_same_seed_does_the_same() -> None:
    assert in_memory(some_trading, seed=3) == in_memory(some_trading, seed=3)


def test_another_seed_does_it_at_other_times() -> None:
    assert in_memory(some_trading, seed=3)[1] != in_memory(some_trading, seed=4)[1]


@pytest.mark.parametrize("kind", VENUE_SITES[CREATE])
def test_no_fault_of_an_order_doubles_or_hides_it(kind: str) -> None:
    """Whatever is said first, the same id asked for again in time ends as one order, or a certain no and none."""

    async def act(world: InMemoryWorld) -> None:
        world.faults.next(CREATE, Fault(kind, seconds=12, share=0.5))
        outcome = await world.buy("a")
        if isinstance(outcome, Refused):
            await asyncio.sleep(60)
            assert world.orders("a") == 0
            return
        for _ in range(4):
            if isinstance(outcome, OrderPlaced):
                break
            await asyncio.sleep(30)
            outcome = await world.buy("a")
        assert isinstance(outcome, OrderPlaced)
        assert world.side.books().orders["a"].order_id == outcome.order_id
        assert list(world.side.books().orders) == ["a"]
        assert world.faults.met == [(CREATE, kind)]

    in_memory(act)


@pytest.mark.parametrize("kind", BRIDGE_SITES[POST])
def test_no_fault_before_the_bridge_doubles_an_order(kind: str) -> None:
    async def act(world: InMemoryWorld) -> None:
        world.faults.next(POST, Fault(kind, seconds=3))
        first = await world.buy("a")
        certain = {"refused": NotPlaced, **dict.fromkeys(("slow", "late_effect", "frozen"), OrderPlaced)}
        assert isinstance(first, certain.get(kind, Unknown))
        await asyncio.sleep(60)
        assert world.orders("a") == (0 if kind in ("refused", "reset_before", "timeout_before") else 1)
        assert isinstance(await world.buy("a"), OrderPlaced)
        assert world.orders("a") == 1

    in_memory(act)


READS: Final[Mapping[str, Callable[[str], tuple[str, dict[str, str]]]]] = {
    "bridge>venue.get_order": lambda order_id: (f"/order/{order_id}", {}),
    "bridge>venue.fills": lambda order_id: (f"/order/{order_id}", {}),
    "bridge>venue.list_orders": lambda _: ("/order", {"client_order_id": "a", "product_id": "BTC-USD", "since": "0"}),
    "bridge>venue.accounts": lambda _: ("/balance/quote", {"product_id": "BTC-USD"}),
    "bridge>venue.fees": lambda _: ("/fees", {}),
    "bridge>venue.candles": lambda _: (
        "/candles",
        {"product_id": "BTC-USD", "start": str(START), "end": str(START + 1800)},
    ),
}
READ_FAULTS = [(site, kind) for site in READS for kind in VENUE_SITES[site]]


@pytest.mark.parametrize(("site", "kind"), READ_FAULTS)
def test_a_read_in_trouble_tells_the_truth_or_fails_and_works_again(site: str, kind: str) -> None:
    async def act(world: InMemoryWorld) -> None:
        placed = await world.buy("a")
        assert isinstance(placed, OrderPlaced)
        await asyncio.sleep(5)
        path, params = READS[site](placed.order_id)
        true = await world.client.get(path, params)
        world.faults.next(site, Fault(kind, seconds=12, share=0.1))
        try:
            told = await world.client.get(path, params)
        except (Retryable, Refused):
            told = None
        if kind not in ("holes", "newest_missing"):
            assert told in (None, true) or told.get("fills_agree") is False
        assert (site, kind) in world.faults.met
        await asyncio.sleep(30)
        assert await world.client.get(path, params) == true

    in_memory(act)


def test_every_kind_of_fault_is_named_once_at_a_place() -> None:
    for kinds in (*VENUE_SITES.values(), *BRIDGE_SITES.values()):
        assert len(set(kinds)) == len(kinds)


def test_an_order_that_is_not_counted_yet_is_filled_with_nothing_and_then_true() -> None:
    async def act(world: InMemoryWorld) -> None:
        world.faults.next(CREATE, Fault("not_counted_yet", seconds=10))
        placed = await world.buy("a")
        assert isinstance(placed, OrderPlaced)
        with pytest.raises(Retryable):
            await world.client.get(f"/order/{placed.order_id}")
        await asyncio.sleep(11)
        state = OrderState.model_validate(await world.client.get(f"/order/{placed.order_id}"))
        assert Decimal(state.filled_size) == world.side.books().orders["a"].filled_base

    in_memory(act)


def test_a_bridge_killed_at_any_step_leaves_one_order_or_none_and_the_same_id_ends_the_doubt() -> None:
    """The order is asked for again of a bridge that remembers nothing."""
    seen = set[tuple[int, str]]()

    async def act(world: InMemoryWorld, *, steps: int) -> None:
        process = world.side.bridge_process
        assert process is not None
        process.die_in(steps)
        outcome = await world.buy("a")
        await asyncio.sleep(2 * LONGEST_WAY_SECONDS)
        seen.add((world.orders("a"), type(outcome).__name__))
        if process.alive:
            return
        left = world.orders("a")
        await asyncio.sleep(600)
        assert world.orders("a") == left
        world.side.start_bridge()
        for _ in range(3):
            outcome = await world.buy("a")
            if isinstance(outcome, OrderPlaced):
                break
            await asyncio.sleep(31)
        assert isinstance(outcome, OrderPlaced)
        assert world.orders("a") == 1

    for steps in range(12):
        in_memory(partial(act, steps=steps))
    assert {(0, "Unknown"), (1, "Unknown"), (1, "OrderPlaced")} <= seen


def test_a_bridge_that_stands_still_sends_late_what_it_was_asked_for() -> None:
    async def act(world: InMemoryWorld) -> None:
        world.faults.next("bot>bridge.GET time", Fault("frozen", seconds=60))
        first = asyncio.ensure_future(world.client.get("/time"))
        await asyncio.sleep(1)
        assert isinstance(await world.buy("a"), Unknown)
        assert world.orders("a") == 0
        with pytest.raises(Retryable):
            await first
        await asyncio.sleep(20)
        assert world.orders("a") == 1

    in_memory(act)


def test_whoever_waits_for_a_bridge_that_dies_hears_of_it_at_once() -> None:
    async def act(world: InMemoryWorld) -> None:
        world.faults.next(POST, Fault("slow", seconds=9))
        asked = asyncio.ensure_future(world.post({}))
        await asyncio.sleep(1)
        began = world.loop.time()
        world.side.kill_bridge()
        with pytest.raises(httpx.ReadError):
            await asked
        assert world.loop.time() == began
        with pytest.raises(httpx.ConnectError):
            await world.http.get("/time", params=None, timeout=httpx.Timeout(5.0))

    in_memory(act)


def test_what_a_person_does_is_conserved_and_a_healed_product_trades() -> None:
    async def act(world: InMemoryWorld) -> None:
        assert isinstance(await world.buy("a"), OrderPlaced)
        for kind in world.side.changes:
            world.side.change(kind, 0.25)
            await asyncio.sleep(2)
            books = world.side.books()
            bought = sum((order.filled_base for order in books.orders.values()), Decimal(0))
            paid = sum((order.filled_quote + order.fees for order in books.orders.values()), Decimal(0))
            assert books.base == Decimal(100) + bought + books.moved_base
            assert books.quote == Decimal(1_000_000) - paid + books.moved_quote
        assert isinstance(await world.buy("b"), Refused | Unknown | NotPlaced)
        world.side.heal()
        await asyncio.sleep(60)
        assert isinstance(await world.buy("c"), OrderPlaced)

    in_memory(act)


def test_who_withdraws_everything_withdraws_no_more_than_there_is() -> None:
    """Fees leave a balance with more digits than people move."""

    async def act(world: InMemoryWorld) -> tuple[Decimal, Books]:
        finest = Decimal(0)
        for number in range(50):
            await world.buy(f"n-{number}")
            await asyncio.sleep(1)
            finest = world.side.books().quote % Decimal("0.00000001")
            if finest > Decimal("0.000000005"):
                break
        world.side.change("withdraw_quote", 1.0)
        world.side.change("withdraw_base", 1.0)
        return finest, world.side.books()

    finest, books = in_memory(act)
    assert finest > Decimal("0.000000005"), "what is left would round up"
    assert (books.quote, books.base) == (finest, Decimal(0))


def test_the_clock_is_the_loops_until_it_is_set() -> None:
    async def act(world: InMemoryWorld) -> None:
        async def told() -> int:
            answer = await world.client.get("/time")
            return int(answer["epoch_ms"])

        before = await told()
        await asyncio.sleep(100)
        assert abs(await told() - before - 100_000) < 2_000
        world.side.change("clock_forward", 0.5)
        await asyncio.sleep(100)
        assert abs(await told() - before - 2_000_000) < 5_000

    in_memory(act)


def test_prices_follow_the_candles() -> None:
    async def act(world: InMemoryWorld) -> list[Decimal]:
        prices = []
        for _ in range(12):
            prices.append(world.side.price())
            await asyncio.sleep(5)
        return prices

    prices = in_memory(act)
    assert min(prices) == Decimal(49_875)
    assert max(prices) == Decimal(50_125)
    assert all(one != other for one, other in pairwise(prices[:10]))


def test_a_price_is_never_wrong_by_itself_and_a_bad_print_has_an_id_of_its_own() -> None:
    async def act(world: InMemoryWorld) -> None:
        await world.client.get("/price", {"product_id": "BTC-USD"})
        await asyncio.sleep(11)
        sound = await world.client.get("/price", {"product_id": "BTC-USD"})
        assert Decimal(49_875) <= Decimal(sound["price"]) <= Decimal(50_125)
        world.faults.next("bridge>venue.ticker", Fault("bad_print", share=1.0))
        told = sound
        for _ in range(10):
            await asyncio.sleep(1)
            told = await world.client.get("/price", {"product_id": "BTC-USD"})
            if Decimal(told["price"]) > 55_000:
                break
        assert Decimal(told["price"]) > 55_000
        assert told["trade_id"].endswith("-odd")

    in_memory(act)
