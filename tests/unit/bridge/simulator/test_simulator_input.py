"""What a person gives the simulator: candle files, arguments, keys, state files."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cbbot.contract.settings_reading import BadSettings
from cbbot.domain.candle import Candle
from cbbot.domain.instrument import BTC_USD
from cbbot.errors import BadInput
from cbbot_bridge.simulator.api_keys import public_key
from cbbot_bridge.simulator.candle_file import read_candles
from cbbot_bridge.simulator.command_line import parse_arguments
from cbbot_bridge.simulator.replay_clock import SimulatedClock
from cbbot_bridge.simulator.simulator_settings import SAMPLE
from cbbot_bridge.simulator.state_file import read_state
from cbbot_bridge.simulator.world import build_world

Simulate = Callable[..., AbstractContextManager[httpx.Client]]
HEADER = "time,open,high,low,close,volume\n"
KEY_NAME = "organizations/o/apiKeys/k"


def candles_of(path: Path, text: str) -> list[Candle]:
    path.write_text(text, encoding="utf-8")
    return list(read_candles(path, BTC_USD))


def test_the_sample_is_in_the_package_and_whole() -> None:
    candles = list(read_candles(SAMPLE, BTC_USD))
    assert len(candles) == 6000
    assert candles[0] == Candle(1_757_142_120, 11_075_429, 11_077_714, 11_075_428, 11_077_713, 118_492_322)


def test_times_columns_and_order_may_vary(tmp_path: Path) -> None:
    rows = "1757142120,5\n1757142180000,6\n\n2025-09-06T07:04:00Z,7\n2025-09-06 07:05:00,8\n"
    text = "Timestamp,VOL,open,high,low,close,note\n" + "".join(
        f"{line},1001,1002,1001,1001.005,x\n" if line else "\n" for line in rows.splitlines()
    )
    candles = candles_of(tmp_path / "c.csv", text)
    assert [item.start - 1_757_142_120 for item in candles] == [0, 60, 120, 180]
    assert [item.volume // 10**8 for item in candles] == [5, 6, 7, 8]
    assert candles[0].close == 100_100  # 1001.005 is half even


def test_rows_are_played_by_time_and_of_the_same_time_the_last_one(tmp_path: Path) -> None:
    rows = "180,3,3,3,3,1\n60,1,1,1,1,1\n120,2,2,2,2,1\n60,5,5,5,5,1\n"
    candles = candles_of(tmp_path / "c.csv", HEADER + rows)
    assert [(item.start, item.close) for item in candles] == [(60, 500), (120, 200), (180, 300)]


def test_the_sample_is_played_on_its_own_increments_under_any_products_name(tmp_path: Path) -> None:
    (market,) = parse_arguments(["--product", "DOGE-USD"]).markets
    assert (market.csv, market.instrument.price_increment) == (SAMPLE, Decimal("0.01"))
    with pytest.raises(BadInput, match=r"none\.csv: no such file"):
        parse_arguments(["--product", "NEW-USD", "--csv", str(tmp_path / "none.csv")])


def test_a_form_may_be_named(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("60,1,1,1,1,1\n120,2,2,2,2,1\n")
    arguments = ["--csv", str(path), "--history-fraction", "0"]
    with pytest.raises(BadInput, match="--format ohlcv"):
        build_world(parse_arguments(arguments), None)
    world = build_world(parse_arguments([*arguments, "--format", "bitfinex"]), None)
    assert world.main.tape.series[1].close == 200
    with pytest.raises(BadInput, match="--format='nonsense' is not accepted: one of ohlcv, "):
        parse_arguments([*arguments, "--format", "nonsense"])


def test_a_gzipped_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "c.csv.gz"
    path.write_bytes(gzip.compress((HEADER + "60,1,1,1,1,1\n120,1,1,1,1,1\n").encode()))
    assert len(list(read_candles(path, BTC_USD))) == 2


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ("60,1,1,1,1,1\n120,1,x,1,1,1\n", 3),
        ("60,1,1,1,1,1\n120,1,1,1,1\n", 3),
        ("61,1,1,1,1,1\n", 2),
        ("60,1,1,2,1,1\n", 2),
        ("60,0,1,0,1,1\n", 2),
        ("60,1,nan,1,1,1\n", 2),
        ("60,1,1,1,1,-1\n", 2),
        ("yesterday,1,1,1,1,1\n", 2),
        ("60,1,1,1,1,1\n99999999999999999999999,1,1,1,1,1\n", 3),
    ],
)
def test_a_bad_row_is_named_with_file_and_line(tmp_path: Path, rows: str, line: int) -> None:
    with pytest.raises(BadInput, match=rf"c\.csv:{line}: "):
        candles_of(tmp_path / "c.csv", HEADER + rows)


def test_a_file_that_is_no_replay_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none\.csv: no such file"):
        list(read_candles(tmp_path / "none.csv", BTC_USD))
    with pytest.raises(BadInput, match=r"c\.csv:1: no column volume"):
        candles_of(tmp_path / "c.csv", "time,open,high,low,close\n")
    with pytest.raises(BadInput, match=r"c\.csv: 1 candles"):
        candles_of(tmp_path / "c.csv", HEADER + "60,1,1,1,1,1\n")
    torn = tmp_path / "torn.csv.gz"
    torn.write_bytes(gzip.compress((HEADER + "60,1,1,1,1,1\n" * 99).encode())[:-20])
    with pytest.raises(BadInput, match=r"torn\.csv\.gz"):
        list(read_candles(torn, BTC_USD))
    torn.write_bytes(b"no gzip")
    with pytest.raises(BadInput, match=r"torn\.csv\.gz"):
        list(read_candles(torn, BTC_USD))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--speed", "-1"],
        ["--speed", "fast"],
        ["--speed", "NaN"],
        ["--port", "70000"],
        ["--history-fraction", "1"],
        ["--balance", "USD"],
        ["--balance", "USD=-1"],
        ["--taker-rate", "1"],
        ["--prints-per-candle", "3"],
        ["--csv", "a.csv", "--walk", "1"],
        ["--bogus"],
    ],
)
def test_a_bad_argument_is_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises((BadSettings, SystemExit)) as stopped:
        parse_arguments(arguments)
    refused = stopped.value
    if isinstance(refused, BadSettings):
        lines = list(refused.reasons)
    else:
        assert isinstance(refused, SystemExit)
        assert refused.code == 2
        lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1


@pytest.mark.processes
def test_every_bad_argument_is_a_line_of_the_simulators_and_the_exit_code_is_2() -> None:
    command = [sys.executable, "-m", "cbbot_bridge.simulator", "--port", "70_000", "--speed=fast", "--balance", "USD"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 2
    assert [line.split("=")[0] for line in ended.stderr.splitlines()] == [
        "simulator: --port",
        "simulator: --speed",
        "simulator: --balance",
    ]


def test_arguments_that_do_not_go_together_are_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="belong together"):
        parse_arguments(["--key-name", "k"])
    with pytest.raises(BadInput, match="none"):
        parse_arguments(["--key-name", "k", "--public-key-file", str(tmp_path / "none")])
    with pytest.raises(BadInput, match="BASE-QUOTE"):
        parse_arguments(["--product", "BTC"])
    with pytest.raises(BadInput, match="public key"):
        public_key("no pem")


def test_arguments_become_settings() -> None:
    settings = parse_arguments(["--balance", "USD=5", "--balance", "eth=2", "--history-fraction", "0.5", "--walk", "3"])
    assert settings.balances == {"BTC": 0, "USD": 5, "ETH": 2, "USDT": 0, "USDC": 10_000}
    assert settings.history_fraction == (1, 2)
    assert (settings.speed, settings.taker_rate) == (600, Decimal("0.009"))
    assert [(market.csv, market.seed) for market in settings.markets] == [(None, 3)] * 3


def test_a_running_clock_runs_at_its_speed_up_to_what_is_allowed() -> None:
    seconds = [100.0]
    clock = SimulatedClock(5_000, 600, lambda: seconds[0])
    seconds[0] += 1.5
    assert clock.now_ms() == 5_000 + 900_000
    clock.allow_until(905_001)
    seconds[0] += 1
    assert clock.now_ms() == 905_001
    with pytest.raises(BadInput, match="--speed 0"):
        clock.advance_to(1_000_000)


def test_a_stopped_clock_moves_forward_only() -> None:
    clock = SimulatedClock(5_000, 0)
    clock.advance_to(6_000)
    assert clock.now_ms() == 6_000
    with pytest.raises(BadInput, match="has passed"):
        clock.advance_to(5_999)


def test_a_state_file_that_cannot_be_used_is_refused(tmp_path: Path, candle_csv: Path) -> None:
    path = tmp_path / "state.json"
    assert read_state(path) is None
    settings = parse_arguments(["--csv", str(candle_csv)])
    good = build_world(settings, None).state() | {"orders": [], "fills": []}
    assert build_world(settings, good).now_ms() >= 1_757_142_480_000
    path.write_text(json.dumps(good), encoding="utf-8")
    clock = tmp_path / "state.json.clock"
    clock.write_text('{"resume_ms": 1757142999000}', encoding="utf-8")
    assert (read_state(path) or {})["resume_ms"] == 1_757_142_999_000
    clock.write_text("{}", encoding="utf-8")
    with pytest.raises(BadInput, match="state"):
        read_state(path)
    path.unlink()
    assert read_state(path) is None
    assert not clock.exists()
    for text in ("", "{", "[]"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(BadInput, match="state"):
            read_state(path)
    bad: list[dict[str, Any]] = [{}, good | {"version": 9}, good | {"replay": "x"}, good | {"resume_ms": "x"}]
    bad.append(good | {"orders": [{}]})
    for state in bad:
        with pytest.raises(BadInput, match="state"):
            build_world(settings, state)
    with pytest.raises(BadInput, match="another replay"):
        build_world(parse_arguments(["--walk", "1"]), good)


def test_a_restart_goes_on_with_account_and_clock(tmp_path: Path, simulate: Simulate) -> None:
    state = ["--state", str(tmp_path / "state.json")]
    body = {
        "client_order_id": "a",
        "product_id": "BTC-USD",
        "side": "BUY",
        "order_configuration": {"market_market_ioc": {"quote_size": "10"}},
    }
    root = "/api/v3/brokerage"
    with simulate(*state) as client:
        client.post("/sim/advance", json={"candles": 1}).raise_for_status()
        first = client.post(f"{root}/orders", json=body).json()
        # Told is kept: the order is in the file before its answer is out.
        assert first["success_response"]["order_id"] in (tmp_path / "state.json.records").read_text(encoding="utf-8")
        before = [client.get(root + path).json() for path in ("/time", "/accounts", "/orders/historical/fills")]
    assert json.loads((tmp_path / "state.json").read_text(encoding="utf-8"))["version"] == 2
    with simulate(*state) as client:
        after = [client.get(root + path).json() for path in ("/time", "/accounts", "/orders/historical/fills")]
        assert after == before
        assert client.post(f"{root}/orders", json=body).json() == first
    assert {path.name for path in tmp_path.iterdir()} == {"state.json", "state.json.clock", "state.json.records"}


@pytest.fixture(scope="module", params=["ES256", "EdDSA"])
def signer(request: pytest.FixtureRequest) -> tuple[str, Any]:
    key = ed25519.Ed25519PrivateKey.generate() if request.param == "EdDSA" else ec.generate_private_key(ec.SECP256R1())
    return request.param, key


@pytest.fixture(scope="module")
def guarded(
    signer: tuple[str, Any], simulate: Simulate, tmp_path_factory: pytest.TempPathFactory
) -> AbstractContextManager[httpx.Client]:
    path = tmp_path_factory.mktemp("keys") / "key.pem"
    path.write_bytes(signer[1].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return simulate("--key-name", KEY_NAME, "--public-key-file", str(path))


def claims(**changes: object) -> dict[str, object]:
    now = int(time.time())
    uri = "GET api.coinbase.com/api/v3/brokerage/accounts"
    return {"sub": KEY_NAME, "iss": "cdp", "nbf": now, "exp": now + 120, "uri": uri} | changes


def test_private_paths_want_a_sound_signature_and_public_ones_none(
    signer: tuple[str, Any], guarded: AbstractContextManager[httpx.Client]
) -> None:
    algorithm, key = signer
    path, now = "/api/v3/brokerage/accounts", int(time.time())

    def status(payload: dict[str, object], kid: str = KEY_NAME, with_key: Any = key) -> int:
        token = jwt.encode(payload, with_key, algorithm, headers={"kid": kid, "nonce": "0" * 32})
        return client.get(path, headers={"Authorization": f"Bearer {token}"}, params={"limit": 5}).status_code

    with guarded as client:
        assert status(claims()) == 200
        assert status(claims(iss="coinbase-cloud", aud=["retail_rest_api_proxy"])) == 200
        assert status(claims(uri=f"GET http://{client.base_url.netloc.decode()}{path}")) == 200
        assert status(claims(uri=None, uris=[f"GET api.coinbase.com{path}"])) == 200
        assert status(claims(uri=f"POST api.coinbase.com{path}")) == 401
        assert status(claims(uri=f"GET api.coinbase.com{path}?limit=5")) == 401
        assert status(claims(uri="GET api.coinbase.com/api/v3/brokerage/orders")) == 401
        assert status(claims(uri=f"GET example.com{path}")) == 401
        assert status(claims(exp=now - 5)) == 401
        assert status(claims(nbf=now + 60)) == 401
        assert status(claims(iss="me")) == 401
        assert status(claims(sub="other")) == 401
        assert status(claims(), kid="other") == 401
        other = (
            ed25519.Ed25519PrivateKey.generate() if algorithm == "EdDSA" else ec.generate_private_key(ec.SECP256R1())
        )
        assert status(claims(), with_key=other) == 401
        refused = client.get(path)
        assert (refused.status_code, refused.text) == (401, "Unauthorized")
        assert refused.headers["content-type"].startswith("text/plain")
        assert client.get("/api/v3/brokerage/time").status_code == 200
        assert client.get("/api/v3/brokerage/market/products").status_code == 200
