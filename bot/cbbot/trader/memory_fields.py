"""The indicators and the model of a state's document, memory of candles: what does not fit is refused. Pure."""

from __future__ import annotations

from cbbot.kernel.formulas import WINDOW
from cbbot.kernel.indicators import Indicators
from cbbot.kernel.model import Fit
from cbbot.trader.state_fields import BadState, Fields

__all__ = ["fit_in", "indicators_in"]


def indicators_in(fields: Fields) -> Indicators:
    """Raises BadState for anything but the fields of :class:`Indicators`."""
    unknown = fields.names() - set(Indicators._fields)
    missing = set(Indicators._fields) - fields.names()
    if unknown or missing:
        named = [f"without {name}" for name in sorted(missing)] + [f"with {name}" for name in sorted(unknown)]
        raise BadState(", ".join(named))
    indicators = Indicators(
        rows=fields.count("rows"),
        reach=fields.count("reach", lowest=1),
        closes=fields.wholes("closes", lowest=1),
        flows=fields.wholes("flows"),
        volumes=fields.wholes("volumes"),
        gain=fields.real("gain"),
        loss=fields.real("loss"),
        true_range=fields.real("true_range"),
        ema_fast=fields.real("ema_fast"),
        ema_slow=fields.real("ema_slow"),
        ema_signal=fields.real("ema_signal"),
    )
    expected = (min(indicators.rows, indicators.reach), *2 * (min(indicators.rows, WINDOW),))
    if (len(indicators.closes), len(indicators.flows), len(indicators.volumes)) != expected:
        raise BadState("closes, flows or volumes are not as many as the rows")
    return indicators


def fit_in(fields: Fields) -> Fit:
    """Raises BadState for anything but the fields of :class:`Fit`."""
    weights, mean, std = (fields.reals(name) for name in ("weights", "mean", "std"))
    if not len(weights) == len(mean) == len(std):
        raise BadState("weights, mean and std differ in length")
    if not all(each > 0 for each in std):
        raise BadState("a std is not above 0")
    return Fit(weights, fields.real("bias"), mean, std, fields.count("rows"))
