"""A backtest as one HTML file: charts, trades, figures and settings, with nothing to be fetched.

``page`` puts it together from ``series`` (what is drawn), ``markup`` (what is read) and the
style sheet and scripts beside them. The same run gives the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Any

from cbbot.errors import BadInput
from cbbot.kernel.batch import Columns
from cbbot.research.backtest import Result
from cbbot.research.page.markup import body
from cbbot.research.page.plot_series import content

__all__ = ["page"]

_SCRIPTS = ("series.js", "chart.js", "trades.js", "analysis.js", "start.js")


def page(document: Mapping[str, Any], result: Result, candles: Columns, name: str) -> str:
    """The page. ``name`` is the candle file's, without its folder: a page must not tell where it was made.

    Raises:
        BadInput: plotly is not installed.
    """
    drawn = content(document, result, candles)
    script = "'use strict';\n(() => {\n" + "\n".join(_part(file) for file in _SCRIPTS) + "\n})();\n"
    library = _plotly()
    policy = (
        "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; "
        f"script-src {_hashed(library)} {_hashed(script)}; base-uri 'none'; form-action 'none'"
    )
    title = escape(f"{document['product_id']} backtest: {name}")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}</title>\n<style>\n{_part('report.css')}</style>\n</head>\n<body>\n"
        f"{body(document, drawn, name)}"
        f'<script type="application/json" id="run">{_inert(drawn)}</script>\n'
        f"<script>{library}</script>\n<script>{script}</script>\n</body>\n</html>\n"
    )


def _part(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


def _plotly() -> str:
    try:
        # Only a page needs it, and it brings no types.
        from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]  # noqa: PLC0415 - see above
    except ImportError as error:
        raise BadInput("--html needs plotly, which is not installed: pip install 'cbbot[research]'") from error
    library: str = get_plotlyjs()
    return library


def _hashed(script: str) -> str:
    """What the content security policy calls this very script: no other one runs."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _inert(values: Mapping[str, Any]) -> str:
    """JSON that cannot end the element it stands in."""
    text = json.dumps(values, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
