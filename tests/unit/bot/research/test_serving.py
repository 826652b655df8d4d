"""A backtest's metrics: the live bot's names, the run's own numbers, there while it runs."""

from __future__ import annotations

import errno
import http.client
import json
import socket
import urllib.error
import urllib.request
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cbbot.errors import BadInput
from cbbot.kernel.batch import Columns, readings
from cbbot.kernel.codes import DENIALS
from cbbot.kernel.sizing import vol_tenths
from cbbot.research.backtest import run
from cbbot.research.serving import MetricsServer, RunMetrics
from cbbot.views.bot_metrics import BotMetrics


def got(url: str) -> tuple[int, str]:
    with urllib.request.urlopen(url) as answer:  # noqa: S310  our own server
        return answer.status, answer.read().decode()


def samples(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def test_at_the_end_the_metrics_are_the_reports_numbers(demo: Any) -> None:
    metrics = RunMetrics(demo.rules, demo.candles, demo.span)
    result = run(demo.rules, demo.candles, demo.span, metrics.update, 97)
    sampled = samples(metrics.metrics.exposition().decode())
    document, lots = demo.document, len(result.tally.closed) + len(result.portfolio.lots)
    for signal, count in document["decisions"].items():
        assert sampled["bot_decisions_total", (signal,)] == count
    assert {key[1][0]: value for key, value in sampled.items() if key[0] == "bot_denials_total" and value} == (
        document["denials"]
    )
    assert sampled["bot_orders_total", ("paper", "BUY")] == sampled["bot_trades_total", ("open",)] == lots
    assert sampled["bot_orders_total", ("paper", "SELL")] == len(result.tally.closed)
    assert sampled["bot_trades_total", ("win",)] == document["summary"]["wins"]
    assert sampled["bot_trades_total", ("loss",)] == document["summary"]["losses"]
    assert sampled["bot_walk_forward_fits_total", ()] == result.fits > 10
    assert sampled["bot_equity_usd", ()] == float(document["summary"]["equity_end"])
    assert sampled["bot_equity_marked_usd", ()] == float(document["summary"]["equity_end_mtm"])
    assert sampled["bot_open_lots", ()] == len(result.portfolio.lots)
    assert sampled["bot_model_mode", ("baseline",)] == 1
    assert sampled["bot_last_price", ()] == demo.candles.close[-1] / 100
    assert sampled["bot_vol_risk_factor", ()] == 1.2
    assert (metrics.done, metrics.steps) == (1750, 1750)


@pytest.mark.parametrize("stretch", [1, 7, 500])
def test_the_volatility_factor_is_that_of_the_newest_candle(demo: Any, stretch: int) -> None:
    lowest = int(demo.candles.low.min())
    opened, high, low, close = ((column - lowest) * 20 + 10**7 for column in demo.candles[1:5])
    candles = Columns(demo.candles.start, opened, high, low, close, demo.candles.volume)
    metrics = RunMetrics(demo.rules, candles, demo.span)
    ratios = readings(candles, 10, 30, False).std_ratio
    seen: list[tuple[float, float]] = []

    def noted(done: int, *rest: Any) -> None:
        metrics.update(done, *rest)
        if stretch > 1 or done % 50 == 0:
            gauge = metrics.metrics.registry.get_sample_value("bot_vol_risk_factor")
            seen.append((gauge or 0.0, vol_tenths(ratios[demo.span.first + done - 1]) / 10))

    run(demo.rules, candles, demo.span, noted, stretch)
    assert [gauge for gauge, _ in seen] == [expected for _, expected in seen]
    assert len({gauge for gauge, _ in seen}) > 1


def test_the_names_are_those_of_the_live_bot(demo: Any) -> None:
    metrics = RunMetrics(demo.rules, demo.candles, demo.span)
    running = BotMetrics()
    running.describe(demo.rules.settings, bot="btc", venue="Coinbase", version="1")
    live = {name for name, _ in samples(running.exposition().decode())}
    assert {name for name, _ in samples(metrics.metrics.exposition().decode())} == live
    assert ("bot_denials_total", (DENIALS[-1],)) in samples(metrics.metrics.exposition().decode())


def test_a_scrape_in_the_middle_of_a_run_sees_how_far_it_is(demo: Any) -> None:
    seen: list[dict[tuple[str, tuple[str, ...]], float]] = []
    with MetricsServer("127.0.0.1", 0) as server:
        address = f"http://127.0.0.1:{server.port}"
        before = samples(got(f"{address}/metrics")[1])
        assert before["bot_decisions_total", ("flat",)] == 0
        assert json.loads(got(f"{address}/healthz")[1]) == {"status": "ok", "done": 0, "steps": None}
        server.run = RunMetrics(demo.rules, demo.candles, demo.span)

        def scraped(done: int, *rest: Any) -> None:
            assert server.run is not None
            server.run.update(done, *rest)
            seen.append(samples(got(f"{address}/metrics")[1]))
            assert json.loads(got(f"{address}/healthz")[1])["done"] == done

        run(demo.rules, demo.candles, demo.span, scraped, 500)
        with pytest.raises(urllib.error.HTTPError, match="404"):
            got(f"{address}/status")
    flats = [each["bot_decisions_total", ("flat",)] for each in seen]
    assert len(flats) > 4
    assert flats == sorted(set(flats))
    with pytest.raises(urllib.error.URLError):
        got(f"{address}/metrics")


def test_head_is_get_without_its_body() -> None:
    with MetricsServer("127.0.0.1", 0) as server:
        for path, status in (("/metrics", 200), ("/healthz", 200), ("/status", 404)):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
            connection.request("HEAD", path)
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (status, b"")
            assert int(answer.headers["Content-Length"]) > 0
            connection.close()


def test_a_port_that_is_taken_is_named() -> None:
    with (
        MetricsServer("127.0.0.1", 0) as server,
        pytest.raises(BadInput, match=f"--serve {server.port}: cannot listen"),
    ):
        MetricsServer("127.0.0.1", server.port)


def test_an_address_that_is_not_ours_is_named() -> None:
    with pytest.raises(BadInput, match=r"cannot listen on 192\.0\.2\.1:0: .*; --serve-host takes an address of this"):
        MetricsServer("192.0.2.1", 0)


def test_an_ipv6_address_is_listened_on() -> None:
    with socket.socket(socket.AF_INET6) as tried:
        if tried.connect_ex(("::1", 9)) == errno.EADDRNOTAVAIL:
            pytest.skip("this machine has no IPv6")
    with MetricsServer("::1", 0) as server:
        assert server.host == "[::1]"
        assert "bot_decisions" in got(f"http://{server.host}:{server.port}/metrics")[1]
