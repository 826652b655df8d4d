"""A simulator for clients that nobody here wrote: its market moves alike every minute, its clock when tests move it.

Each minute opens at 50,000, falls to 49,000, rises to 51,000 and closes at 50,000. So a minute fills every order that
rests between these prices, whatever came before it.
"""

from __future__ import annotations

import base64
import json
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import httpx
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from simulation.driven_clients import Key
from simulation.served import Served

__all__ = [
    "BOUND_PORTFOLIO",
    "CLOSE",
    "HIGH",
    "LEVEL",
    "LOW",
    "MAKER",
    "OPENING",
    "OTHERS",
    "TAKER",
    "VOLUME",
    "CyclicVenue",
    "cyclic_venue",
    "ecdsa_key",
    "write_cycle",
]

CLOSE, LOW, HIGH = Decimal(50_000), Decimal(49_000), Decimal(51_000)
TAKER, MAKER = Decimal("0.009"), Decimal("0.005")
OPENING: Final = {"USD": Decimal(20_000_000), "USDC": Decimal(1_000_000), "BTC": Decimal(500)}
OTHERS: Final = ("ETH-USD", "USDT-USDC")
"""Products beside BTC-USD, whose prices walk. The second one has a book of its own, though it is paid in USDC."""
BOUND_PORTFOLIO: Final = "bots"
"""The portfolio that one of the keys is bound to; there is nothing in it at first."""
VOLUME: Final = Decimal(240)
"""Of each minute, in twelve prints of 20."""
LEVEL: Final = Decimal(10)
"""What others show at each price of the book."""
_START: Final = 1_757_142_000  # a whole hour
_MINUTES: Final = 2_000


class CyclicVenue:
    """A running simulator, and the keys that it accepts by what they are for."""

    def __init__(self, address: str, keys: Mapping[str, Key]) -> None:
        self.address = address
        self.keys = keys

    @property
    def key(self) -> Key:
        """The key that is used where nothing speaks for another one: it may look and trade."""
        return self.keys["usual"]

    def minutes(self, count: int = 1) -> None:
        """Let so many minutes end; the clock then stands at the end of the last one."""
        self.control("advance", {"candles": count})

    def seconds(self, count: int) -> None:
        """Let so much of a minute pass: after 20 s the price is at its lowest, after 35 s at its highest."""
        self.control("advance", {"to_ms": int(self.now().timestamp() * 1000) + count * 1000})

    def now(self) -> datetime:
        """The venue's time."""
        answer = httpx.get(f"{self.address}/sim/status", timeout=10).raise_for_status()
        return datetime.fromtimestamp(answer.json()["now_ms"] / 1000, UTC)

    def moment(self, **later: float) -> str:
        """The venue's time and so much more, as an order's end."""
        return f"{(self.now() + timedelta(**later)).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"

    def control(self, what: str, body: dict[str, Any]) -> Any:
        """Ask one of the control endpoints, which are not the exchange's."""
        return httpx.post(f"{self.address}/sim/{what}", json=body, timeout=10).raise_for_status().json()


@contextmanager
def cyclic_venue(folder: Path) -> Iterator[CyclicVenue]:
    """A simulator that checks signatures."""
    candles = write_cycle(folder)
    keys, entries = {}, []
    for name, (make, rest) in _KEYS.items():
        public, secret = make()
        (folder / f"{name}.pem").write_bytes(public)
        keys[name] = Key(f"organizations/o/apiKeys/{name}", secret)
        entries.append({"name": keys[name].name, "public_key_file": f"{name}.pem"} | rest)
    (folder / "keys.json").write_text(json.dumps(entries), encoding="utf-8")
    command = ["cbbot_bridge.simulator", "--port", "0", "--speed", "0", "--csv", str(candles)]
    command += [part for product_id in ("BTC-USD", *OTHERS) for part in ("--product", product_id)]
    command += ["--level-size", str(int(LEVEL * 10**8)), "--taker-rate", str(TAKER), "--maker-rate", str(MAKER)]
    command += ["--keys-file", str(folder / "keys.json")]
    command += [part for currency, amount in OPENING.items() for part in ("--balance", f"{currency}={amount}")]
    served = Served(command, {}, folder / "simulator.log")
    try:
        yield CyclicVenue(served.url, keys)
    finally:
        code = served.end(signal.SIGTERM)
    lines = [json.loads(line) for line in served.log.read_text().splitlines()]
    failures = [line for line in lines if line["level"] not in ("debug", "info", "warning")]
    assert (code, failures) == (0, []), "whatever clients ask, the simulator has no failure of its own"


def write_cycle(folder: Path) -> Path:
    """The file of the market's candles."""
    candles = folder / "cyclic.csv"
    rows = (f"{_START + 60 * minute},{CLOSE},{HIGH},{LOW},{CLOSE},{VOLUME}" for minute in range(_MINUTES))
    candles.write_text("\n".join(["time,open,high,low,close,volume", *rows]), encoding="utf-8")
    return candles


def ecdsa_key() -> tuple[bytes, str]:
    """The public half of a key, and its secret as Coinbase hands it out."""
    key = ec.generate_private_key(ec.SECP256R1())
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), secret


def ed25519_key() -> tuple[bytes, str]:
    """The same of the other kind of key: seed and public half in base64."""
    key = ed25519.Ed25519PrivateKey.generate()
    seed = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    public = key.public_key()
    secret = base64.b64encode(seed + public.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), secret


# By what they are for: the kind of key, and what else the simulator is told of it.
_KEYS: Final[dict[str, tuple[Callable[[], tuple[bytes, str]], dict[str, Any]]]] = {
    "usual": (ecdsa_key, {}),
    "ed25519": (ed25519_key, {}),
    "looking": (ecdsa_key, {"permissions": ["view"]}),
    "moving": (ecdsa_key, {"permissions": ["view", "trade", "transfer"]}),
    "bound": (ecdsa_key, {"portfolio": BOUND_PORTFOLIO}),
}
