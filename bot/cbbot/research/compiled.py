"""The kernel as machine code: the functions that live and backtest run, compiled as they stand.

The only module that knows numba. Every function of the kernel is made known to the compiler
(``register_jitable``), which takes those that are called; nothing of the kernel is written twice.
Machine code is kept under the user's cache folder, in a folder named after the kernel's
sources, because numba itself looks at one file only to see whether a compilation is stale.
"""

from __future__ import annotations

import hashlib
import inspect
import os
from collections.abc import Callable, MutableSequence, Sequence
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cbbot.errors import BadInput
from cbbot.kernel.account import Account
from cbbot.kernel.advance import MONEY_LIMIT, Closed, Portfolio, Steps, Tally, advance
from cbbot.kernel.batch import Columns
from cbbot.kernel.codes import DENIALS
from cbbot.kernel.indicators import feature_count
from cbbot.kernel.lot import Lot
from cbbot.kernel.model import Fit
from cbbot.kernel.observe import Observed, observe, score_rows
from cbbot.kernel.params import Params
from cbbot.research.core import Core

__all__ = ["KERNEL_MODULES", "cache_folder", "compiled", "jitted", "kept", "ready"]

KERNEL_MODULES: Final = (
    "codes", "params", "money", "formulas", "elementary", "levels", "lot", "sizing", "strategy", "gates", "account",
    "candle_path", "observe", "advance",
)  # fmt: skip
_LOT: Final = Lot(0, 0, False, False, 0, 0, 0, 0, 0, 0.0, 0.0, False, 0.0, 0.0)
_CLOSED: Final = Closed(_LOT, 0, 0, 0, 0, 0, 0)
_EXACT_FLOAT: Final = 2**53


@cache
def compiled() -> Core:
    """The core that runs machine code; compiling takes seconds where no earlier run has left it.

    Raises:
        BadInput: numba is not installed.
    """
    try:
        import numba  # noqa: PLC0415  0.3 s that only a compiled run pays
        from numba.extending import register_jitable  # noqa: PLC0415  likewise
        from numba.typed import List  # noqa: PLC0415  likewise
    except ImportError as error:
        raise BadInput("--compiled needs numba, which is not installed: pip install 'cbbot[research]'") from error
    for function in _functions():
        register_jitable(function)
    # What numba tells type checkers of its functions is not how they are called.
    config = _untyped(numba.config)
    folder = cache_folder()
    if folder is not None:
        config.CACHE_DIR = str(folder)
    fast = partial(jitted, _untyped(numba.njit), keep=folder is not None)

    def emptied(item: Any) -> Any:
        one = List()
        one.append(item)
        one.clear()
        return one

    fast_advance, fast_observe, fast_score = fast(advance), fast(observe), fast(score_rows)
    # The list's own methods would do, but numba compiles those anew in every process: a second a run.
    fast_emptied, fast_count, fast_at = fast(emptied), fast(_count), fast(_at)

    def observed(candles: Columns, params: Params) -> Observed:
        n, features = len(candles.close), feature_count(params.extended)
        seen = Observed(np.empty((n, features)), np.empty(n), np.empty(n), np.empty(n))
        fast_observe(candles.high, candles.low, candles.close, candles.volume, params.ma_fast, params.ma_slow, seen)
        return seen

    def scored(model: Fit, rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        column = np.empty(len(rows))
        fast_score(rows, model.weights, model.mean, model.std, model.bias, column)
        return column

    def tally(steps: int) -> Tally:
        closed: MutableSequence[Closed] = fast_emptied(_CLOSED)
        return Tally(_zeros(3), _zeros(len(DENIALS)), closed, _zeros(steps), _zeros(steps))

    def lots() -> MutableSequence[Lot]:
        empty: MutableSequence[Lot] = fast_emptied(_LOT)
        return empty

    def advanced(params: Params, portfolio: Portfolio, steps: Steps, first: int, last: int, done: Tally) -> Portfolio:
        if first == 0:
            _refuse_uncountable(params, portfolio, steps)
        account, held = fast_advance(_capped(params), portfolio, steps, first, last, done)
        return Portfolio(Account(*account), held)

    def plain(portfolio: Portfolio, done: Tally) -> tuple[Portfolio, Tally]:
        return _plain(portfolio, done, lambda items: [fast_at(items, i) for i in range(fast_count(items))])

    return Core(observed=observed, scored=scored, held=_as_is, tally=tally, lots=lots, advance=advanced, plain=plain)


def jitted(njit: Callable[..., Any], function: Callable[..., Any], *, keep: bool) -> Callable[..., Any]:
    """The function as machine code that ``njit`` makes at its first call, and keeps for the next run if it is to."""
    made = njit(function, cache=keep)

    def called(*arguments: Any) -> Any:
        try:
            return made(*arguments)
        except OSError:
            # A full disk keeps no machine code. What has been compiled is in memory all the same.
            return made(*arguments)

    return called


def _refuse_uncountable(params: Params, portfolio: Portfolio, steps: Steps) -> None:
    """
    Raises:
        BadInput: the equity or the prices are beyond what machine integers and floats hold exactly.
    """
    if portfolio.account.start_equity >= MONEY_LIMIT:
        raise BadInput("USD_EQUITY is more than a compiled run can count; run it without --compiled")
    highest = int(np.max(steps.high)) if len(steps.high) else 0
    if max(highest * params.tick_numerator, params.tick_denominator) >= _EXACT_FLOAT:
        raise BadInput("the prices have more ticks than a float64 holds exactly; is --price-increment right?")


def _capped(params: Params) -> Params:
    """The params with amounts that 64 bits hold; a cap beyond what any account may reach caps nothing."""
    most = int(MONEY_LIMIT)
    return params._replace(
        order_min_quote=min(params.order_min_quote, most // params.quote_ledger),
        max_order_quote=min(params.max_order_quote, most // params.quote_ledger),
        max_exposure_ledger=min(params.max_exposure_ledger, most),
        min_notional_ledger=min(params.min_notional_ledger, most),
    )


def ready() -> bool:
    """Whether an earlier run has left its machine code; otherwise compiling takes some ten seconds."""
    folder = cache_folder()
    return folder is not None and any(folder.rglob(f"{advance.__module__.rpartition('.')[2]}.*.nbi"))


def kept() -> bool:
    """Whether machine code can be left for the next run."""
    return cache_folder() is not None


def cache_folder(modules: Sequence[str] = KERNEL_MODULES) -> Path | None:
    """Where the machine code of these modules' very sources is kept; None where nothing can be."""
    sources = b"".join(inspect.getsource(_module(name)).encode() for name in modules)
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = root / "cbbot" / f"kernel-{hashlib.sha256(sources).hexdigest()[:16]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


def _functions() -> list[FunctionType]:
    """Every function that the kernel's modules define."""
    return [
        function
        for module in map(_module, KERNEL_MODULES)
        for function in vars(module).values()
        if isinstance(function, FunctionType) and function.__module__ == module.__name__
    ]


def _untyped(value: Any) -> Any:
    return value


def _module(name: str) -> ModuleType:
    return import_module(f"cbbot.kernel.{name}")


def _count(items: Any) -> int:
    return len(items)


def _at(items: Any, index: int) -> Any:
    return items[index]


def _plain(portfolio: Portfolio, tally: Tally, listed: Callable[[Any], list[Any]]) -> tuple[Portfolio, Tally]:
    """The same in plain Python's integers, lists and tuples."""
    signals, denials, marked, lots = (
        np.asarray(column).tolist() for column in (tally.signals, tally.denials, tally.marked, tally.lots)
    )
    closed = [Closed(Lot(*each[0]), *each[1:]) for each in listed(tally.closed)]
    held = [Lot(*lot) for lot in listed(portfolio.lots)]
    return Portfolio(portfolio.account, held), Tally(signals, denials, closed, marked, lots)


def _zeros(count: int) -> Any:
    return np.zeros(count, dtype=np.int64)


def _as_is(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.ascontiguousarray(column)
