"""The page's text as HTML: figures, breakdowns, settings. Everything that came from outside is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from cbbot.research.effective_settings import effective
from cbbot.research.page.analysis_markup import returns_section, trade_charts, warnings_section
from cbbot.research.result_tables import LIMITS, amounts, breakdowns, run_rows, sections, shown, undefined_lines

__all__ = ["body"]

_TILES = (
    ("return", "total_return_pct", "pct"),
    ("buy and hold", "buy_and_hold_return_pct", "pct"),
    ("largest drawdown", "max_drawdown_pct", "pct"),
    ("Sharpe", "sharpe", "ratio"),
    ("profit factor", "profit_factor", "ratio"),
    ("win rate", "win_rate_pct", "pct"),
    ("expectancy", "expectancy_usd", "usd"),
    ("fees", "fees_usd", "usd"),
)
_PLAIN = ("max_drawdown_pct", "fees_usd", "win_rate_pct")
_TITLES = (
    ("lot", "lot"),
    ("role", "role"),
    ("side", "side"),
    ("opened", "opened"),
    ("open", "open_price"),
    ("size", "base_size"),
    ("closed", "closed"),
    ("close", "close_price"),
    ("held", "held"),
    ("closed by", "exit_reason"),
    ("fees", "fees"),
    ("return", "return_pct"),
    ("net PnL", "net_pnl"),
)


def body(document: Mapping[str, Any], drawn: Mapping[str, Any], name: str) -> str:
    """Everything between ``<body>`` and the scripts."""
    return "".join(
        (
            _header(document, name),
            "<main>\n",
            warnings_section(document["warnings"]),
            _tiles(document["summary"]),
            _chart(drawn),
            _trades(document, drawn),
            trade_charts(document),
            returns_section(document),
            _figures(document),
            _checks(document.get("checks", {})),
            _settings(document["settings"]),
            f"<p class=note>{escape(LIMITS[document['fill_model']])}</p>\n",
            f"<p class=note>Made by cbbot {escape(document['version'])}.</p>\n",
            "</main>\n",
        )
    )


def _header(document: Mapping[str, Any], name: str) -> str:
    lines = [f"{label} {text}" if label in ("candles", "fills") else text for label, text in run_rows(document)[1:]]
    said = "".join(f"<li>{escape(text)}</li>" for text in (name, *lines))
    return f"<header>\n<h1>{escape(document['product_id'])} <span>backtest</span></h1>\n<ul>{said}</ul>\n</header>\n"


def _tiles(summary: Mapping[str, Any]) -> str:
    tiles = []
    for label, key, kind in _TILES:
        value = summary[key]
        sign = "" if key in _PLAIN or value is None else _sign(float(value) - (1.0 if key == "profit_factor" else 0.0))
        note = ""
        if key == "max_drawdown_pct" and summary["max_drawdown_seconds"] is not None:
            fate = "regained" if summary["max_drawdown_recovered"] else "not regained"
            note = f"<small>{escape(shown(summary['max_drawdown_seconds'], 'seconds'))}, {fate}</small>"
        elif key == "win_rate_pct":
            note = f"<small>{summary['wins']:,} of {summary['wins'] + summary['losses']:,}</small>"
        tiles.append(f"<div><dt>{label}</dt><dd{sign}>{escape(_shown(value, kind))}{note}</dd></div>")
    return f"<dl class=tiles>{''.join(tiles)}</dl>\n"


def _shown(value: Any, kind: str) -> str:
    return amounts([value])[0] if kind == "usd" else shown(value, kind)


def _sign(amount: float) -> str:
    return ' class="gain"' if amount > 0 else ' class="loss"' if amount < 0 else ""


def _chart(drawn: Mapping[str, Any]) -> str:
    thinned = ""
    if drawn["kept"] < drawn["steps"]:
        thinned = (
            f" The file keeps {drawn['kept']:,} of {drawn['steps']:,} steps: of every stretch the lowest and the "
            "highest close and equity, and every step at which a lot was opened or closed."
        )
    return (
        "<section>\n<div class=bar><h2>Price, equity, drawdown, exposure</h2><span class=buttons>"
        "<button type=button id=scales aria-pressed=true>equity on its own scale</button>"
        "<button type=button id=pan aria-pressed=false>drag to move</button>"
        "<button type=button id=whole>whole run</button>"
        '<button type=button id=earlier aria-label="earlier">&larr;</button>'
        '<button type=button id=later aria-label="later">&rarr;</button>'
        '<button type=button id=nearer aria-label="zoom in">+</button>'
        '<button type=button id=farther aria-label="zoom out">&minus;</button></span></div>\n'
        '<div id=chart tabindex=0 role=group aria-label="charts; arrow keys move, plus and minus zoom"></div>\n'
        "<p class=note id=levels role=status></p>\n"
        f"<p class=note><span id=drawn></span>{thinned} Times are UTC. A row of the table shows its trade. "
        "<span class=mouse>The wheel zooms, as do the buttons and dragging over the chart.</span></p>\n"
        "<noscript><p>The charts and the table of trades need JavaScript.</p></noscript>\n"
        "</section>\n"
    )


def _trades(document: Mapping[str, Any], drawn: Mapping[str, Any]) -> str:
    count = len(document["trades"])
    chips = "".join(
        f'<label><input type=checkbox name=reason value="{escape(reason)}" checked>'
        f"{escape(reason.replace('_', ' '))}</label>"
        for reason in drawn["reasons"]
    )
    heads = "".join(
        f"<th scope=col data-key={key} aria-sort=none><button type=button>{escape(title)}</button></th>"
        for title, key in _TITLES
    )
    empty = "<p class=note>No lot was closed.</p>\n" if count == 0 else ""
    return (
        f"<section>\n<div class=bar><h2>Trades</h2><fieldset id=reasons><legend>closed by</legend>{chips}</fieldset>"
        f"<span id=shown role=status></span></div>\n{empty}"
        f"<div id=scroll tabindex=-1{' hidden' if count == 0 else ''}><table id=trades aria-rowcount={count + 1}>"
        f"<thead><tr>{heads}</tr></thead><tbody></tbody></table></div>\n</section>\n"
    )


def _figures(document: Mapping[str, Any]) -> str:
    parts = []
    for title, rows in sections(document):
        cells = "".join(f"<div><dt>{escape(label.strip())}</dt><dd>{escape(value)}</dd></div>" for label, value in rows)
        parts.append(f"<div class=figures><h3>{escape(title.lower())}</h3><dl>{cells}</dl></div>")
    tables = "".join(
        f"<div class=figures><h3>{escape(titles[0])}</h3>{_table(('', *titles[1:]), rows)}</div>"
        for titles, rows in breakdowns(document["trades"])
    )
    grids = f"<div class=grid>{''.join(parts)}</div><div class='grid broad'>{tables}</div>"
    lines = "".join(f"<p class=note>{escape(line)}</p>" for line in undefined_lines(document))
    return f"<section>\n<h2>Figures</h2>\n{grids}\n{lines}</section>\n"


def _checks(checks: Mapping[str, Any]) -> str:
    """What ``--check-lookahead`` and ``--check-warmup`` found, if they were asked for."""
    said = []
    if looked := checks.get("lookahead"):
        found = looked["difference"] or "no difference"
        said.append(f"Look-ahead, {looked['points']:,} of {looked['steps']:,} steps decided again: {found}.")
    if warmed := checks.get("warmup"):
        enough = warmed["agree_from"]
        known = "no history tried is enough" if enough is None else f"{enough:,} candles of history are enough"
        said.append(f"Warm-up, over {warmed['steps']:,} steps: {known} for the same decisions with the same model.")
    lines = "".join(f"<p>{escape(line)}</p>" for line in said)
    return f"<section id=checks>\n<h2>Checks</h2>\n{lines}</section>\n" if said else ""


def _settings(settings: Mapping[str, str]) -> str:
    table = _table(("key", "value"), effective(settings).items(), "settings")
    return f"<section>\n<details><summary><h2>Settings</h2></summary>{table}</details>\n</section>\n"


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]], name: str = "plain") -> str:
    head = "".join(f"<th scope=col>{escape(title)}</th>" for title in titles)
    lines = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<div class=wide><table class={name}><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>"
