"""CPU of a signed REST call: signing, HTTP and parsing, the bridge's against the official SDK's.

    python benchmarks/bridge_rest_cost.py [--rounds 20] [--calls 50]

Both sides are processes that ask the same simulator for the same things, in turns, and count their own CPU. The SDK
runs in the clients' environment (``.venv-clients``, which ``python3 tools/dev.py setup`` makes).
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Final, cast

import jwt
from benchmarked_servers import FAST, SIMULATOR, Served, pin, served
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from machine_facts import machine

HERE: Final = Path(__file__).parent
KEY_NAME: Final = "organizations/o/apiKeys/k"
# With BTC, USD and USDC 250: what fits on a page.
FURTHER_ACCOUNTS: Final = 247
CALLS: Final = ("product", "order", "accounts")
ORDERS: Final = "/api/v3/brokerage/orders"


class Side:
    """A process that makes calls when told."""

    def __init__(self, python: Path, script: str, arguments: list[str], secret: str) -> None:
        self._process = subprocess.Popen(
            [str(python), str(HERE / script), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "KEY_NAME": KEY_NAME, "KEY_SECRET": secret},
            text=True,
        )
        pin(self._process, 0)

    def milliseconds(self, call: str, count: int) -> float:
        """CPU of one call, the mean of ``count``."""
        asked, answers = cast("IO[str]", self._process.stdin), cast("IO[str]", self._process.stdout)
        asked.write(json.dumps([call, count]) + "\n")
        asked.flush()
        return float(answers.readline()) / count * 1000

    def end(self) -> None:
        cast("IO[str]", self._process.stdin).close()
        self._process.wait()


def place_an_order(simulator: Served, key: ec.EllipticCurvePrivateKey) -> str:
    now = int(time.time())
    claims = {"sub": KEY_NAME, "iss": "cdp", "nbf": now - 5, "exp": now + 60, "uri": f"POST api.coinbase.com{ORDERS}"}
    headers = {"kid": KEY_NAME, "nonce": secrets.token_hex()}
    token = jwt.encode(claims, key, algorithm="ES256", headers=headers)
    size = {"market_market_ioc": {"quote_size": "10"}}
    body = {"client_order_id": "a", "product_id": "BTC-USD", "side": "BUY", "order_configuration": size}
    answer = simulator.post(ORDERS, body, {"Authorization": f"Bearer {token}"})
    return str(answer["success_response"]["order_id"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--calls", type=int, default=50)
    options = parser.parse_args()
    key = ec.generate_private_key(ec.SECP256R1())
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    print(machine())
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        key_file = Path(folder) / "public.pem"
        key_file.write_bytes(public)
        balances = [f"--balance=C{number}={number}.12345678" for number in range(FURTHER_ACCOUNTS)]
        keyed = ["--product=BTC-USD", "--key-name", KEY_NAME, "--public-key-file", str(key_file), *balances]
        unlimited = ("--private-rate=0", "--public-rate=0")
        simulator = stack.enter_context(served([*SIMULATOR, FAST, *unlimited, *keyed], processor=1))
        arguments = [simulator.url, place_an_order(simulator, key)]
        sides = {
            "SDK": Side(HERE.parent / ".venv-clients/bin/python", "sdk_rest_calls.py", arguments, secret),
            "bridge": Side(Path(sys.executable), "bridge_rest_calls.py", arguments, secret),
        }
        for side in sides.values():
            stack.callback(side.end)
        print(f"CPU ms of a call, median of {options.rounds} rounds of {options.calls}")
        for call in CALLS:
            times: dict[str, list[float]] = defaultdict(list)
            for side in sides.values():
                side.milliseconds(call, 20)
            for _ in range(options.rounds):
                for name, side in sides.items():
                    times[name].append(side.milliseconds(call, options.calls))
            sdk, bridge = (statistics.median(times[name]) for name in sides)
            ratio = statistics.median(b / s for b, s in zip(times["bridge"], times["SDK"], strict=True))
            print(f"{call:10} SDK {sdk:6.3f}  bridge {bridge:6.3f}  ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
