"""What a run was like, as HTML: months, worst drawdowns, and the places of the charts below the trades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from cbbot.research.result_tables import shown

__all__ = ["returns_section", "trade_charts", "warnings_section"]

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def warnings_section(warnings: Sequence[str]) -> str:
    """What was told of settings and candles before the run; nothing when there was nothing to tell."""
    lines = "".join(f"<li>{escape(line)}</li>" for line in warnings)
    return f"<section id=warnings>\n<h2>Warnings</h2>\n<ul>{lines}</ul>\n</section>\n" if warnings else ""


def returns_section(document: Mapping[str, Any]) -> str:
    """Returns by month and year, the worst drawdowns, and the rolling ratios."""
    return (
        "<section>\n<h2>Returns and drawdowns</h2>\n"
        f"<div class=figures><h3>return by month, %</h3>{_months(document)}</div>\n"
        f"<div class='grid broad'><div class=figures><h3>worst drawdowns</h3>{_drawdowns(document['drawdowns'])}</div>"
        f"{_rolling(document['rolling'])}</div>\n</section>\n"
    )


def _months(document: Mapping[str, Any]) -> str:
    months = {each["period"]: each["return_pct"] for each in document["monthly_returns"]}
    heads = "".join(f"<th scope=col>{name}</th>" for name in ("", *_MONTHS, "year"))
    lines = []
    for year in document["yearly_returns"]:
        name = year["period"]
        cells = [months.get(f"{name}-{number:02}") for number in range(1, 13)] + [year["return_pct"]]
        lines.append(f"<tr><th scope=row>{escape(name)}</th>{''.join(map(_change, cells))}</tr>")
    return (
        f"<div class=wide><table class=plain id=months><thead><tr>{heads}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _change(pct: float | None) -> str:
    if pct is None:
        return "<td></td>"
    text = f"{pct:+.2f}"
    sign = "" if float(text) == 0 else " class=gain" if pct > 0 else " class=loss"
    return f"<td{sign}>{text}</td>"


def _drawdowns(drawdowns: Sequence[Mapping[str, Any]]) -> str:
    if not drawdowns:
        return "<p class=note>Equity never fell below a high.</p>"
    heads = "".join(f"<th scope=col>{name}</th>" for name in ("depth", "from", "lowest", "regained", "length"))
    lines = "".join(
        f"<tr><td class=loss>{shown(each['drawdown_pct'], 'pct')}</td>"
        + "".join(f"<td>{_minute(each[key])}</td>" for key in ("peak_at", "trough_at", "recovered_at"))
        + f"<td>{shown(each['seconds'], 'seconds')}</td></tr>"
        for each in drawdowns
    )
    return (
        f"<div class=wide><table class=plain id=drawdowns><thead><tr>{heads}</tr></thead>"
        f"<tbody>{lines}</tbody></table></div>"
    )


def _minute(moment: str | None) -> str:
    return "not yet" if moment is None else escape(moment[:16].replace("T", " "))


def _rolling(rolling: Mapping[str, Any]) -> str:
    days = rolling["window_days"]
    if not rolling["day"]:
        notice = f"Sharpe and volatility of {days} days are told for a run of {days} days or more."
        return f"<div class=figures><h3>rolling ratios</h3><p class=note>{notice}</p></div>"
    return _figure("rolling", f"Sharpe and volatility of the last {days} days", "day by day")


def trade_charts(document: Mapping[str, Any]) -> str:
    """The distribution of the trades; nothing when there are none."""
    if not document["trades"]:
        return ""
    figures = (
        _figure("distribution", "net PnL of a trade", "trades by their net PnL in quote currency"),
        _figure(
            "adverse", "against it (MAE)", "largest move against a lot while held, and what the trade returned, in %"
        ),
        _figure("favourable", "for it (MFE)", "largest move in favour of a lot while held, and what it returned, in %"),
        _figure("hours", "by hour", "net PnL by the UTC hour of the entry"),
        _figure("weekdays", "by weekday", "net PnL by the UTC weekday of the entry"),
    )
    return f"<section>\n<h2>How the trades went</h2>\n<div class='grid broad'>{''.join(figures)}</div>\n</section>\n"


def _figure(name: str, title: str, words: str) -> str:
    return (
        f"<figure class=figures id={name}-figure><h3>{escape(title)}</h3>"
        f'<div id={name} class=small role=img aria-label="{escape(words)}">'
        f"</div><figcaption class=note>{escape(words[0].upper() + words[1:])}.</figcaption></figure>"
    )
