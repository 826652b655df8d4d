"""The Grafana dashboards as JSON, built of :mod:`dashboard_panels` by Grafana's own library."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from dashboard_panels import BOT, FLEET, TRADES, PanelRow
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DataSourceRef, VariableRefresh
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

__all__ = ["files"]

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
KINDS: dict[str, Any] = {
    "stat": stat.Panel, "series": timeseries.Panel, "states": statetimeline.Panel, "table": table.Panel,
}  # fmt: skip
HEIGHTS = {"stat": 4, "series": 8, "states": 8, "table": 6}


def files() -> dict[str, str]:
    """The text of each dashboard, by the name of its file."""
    bot = _dashboard("cbbot: a bot", "cbbot-bot", BOT, ("namespace", "tradingbot"))
    for name, (expr, colour) in TRADES.items():
        noted = build.AnnotationQuery().name(name).datasource(SOURCE).enable(True).icon_color(colour).expr(expr)
        bot = bot.annotation(noted)
    fleet = _dashboard("cbbot: the fleet", "cbbot-fleet", FLEET, ("namespace",))
    return {"cbbot-bot.json": _text(bot), "cbbot-fleet.json": _text(fleet)}


def _text(made: build.Dashboard) -> str:
    document = json.loads(JSONEncoder().encode(made.build()))
    return json.dumps(_without_nulls(document), sort_keys=True, indent=1) + "\n"


def _without_nulls(value: Any) -> Any:
    """Grafana has defaults for what is absent, and none for what is null."""
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value


def _dashboard(title: str, uid: str, rows: Sequence[PanelRow], labels: Sequence[str]) -> build.Dashboard:
    made = build.Dashboard(title).uid(uid).tags(["cbbot"]).refresh("30s").time("now-6h", "now").timezone("browser")
    made = made.tooltip(DashboardCursorSync.CROSSHAIR).readonly()
    made = made.with_variable(build.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    narrowed = ""
    for label in labels:
        made = made.with_variable(_variable(label, narrowed))
        narrowed += f'{label}=~"${label}",'
    for row in rows:
        made = made.with_panel(_panel(row))
    return made


def _variable(label: str, narrowed: str) -> build.QueryVariable:
    # All: also where a Prometheus has no such label.
    listed = build.QueryVariable(label).query(f"label_values(bot_info{{{narrowed.rstrip(',')}}}, {label})")
    return listed.datasource(SOURCE).refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).include_all(True).all_value(".*")


def _panel(row: PanelRow) -> Any:
    made = KINDS[row.kind]().title(row.title).datasource(SOURCE).span(row.span).height(HEIGHTS[row.kind])
    made = made.unit(row.unit)
    if row.meaning:
        made = made.description(row.meaning)
    for number, query in enumerate(row.queries):
        asked = prometheus.Dataquery().ref_id(chr(ord("A") + number)).expr(query.expr).legend_format(query.legend)
        if row.kind == "table":
            asked = asked.instant().format(PromQueryFormat.TABLE)
        made = made.with_target(asked)
    return made
