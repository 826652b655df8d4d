"""What decides is the same bits on every processor and with every C library."""

from __future__ import annotations

import ast
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal, localcontext
from pathlib import Path
from random import Random

import pytest

import cbbot.kernel
from cbbot.contract.settings import load
from cbbot.domain.instrument import BTC_USD
from cbbot.kernel.codes import BUY
from cbbot.kernel.elementary import exponential, logarithm, power
from cbbot.kernel.gates import adverse_pct
from cbbot.kernel.levels import scalp_take
from cbbot.kernel.strategy import logit
from cbbot.trader.rules import build_rules
from repository_files import ROOT
from syntax_trees import syntax_tree

# Functions of the math module whose results IEEE 754 or integers leave no choice about.
EXACT = {"ceil", "floor", "frexp", "inf", "isqrt", "ldexp", "nan", "sqrt"}


@pytest.fixture(autouse=True)
def sixty_digits() -> Iterator[None]:
    with localcontext(prec=60):
        yield


def within(ulps: int, found: float, true: Decimal) -> bool:
    return abs(Decimal(found) - true) <= ulps * Decimal(math.ulp(float(true)))


@pytest.mark.parametrize("widest", [1e-9, 0.3, 1.0, 30.0, 699.0])
def test_the_exponential_is_within_3_ulp_of_the_true_value(widest: float) -> None:
    rng = Random(1)
    for x in [-widest * rng.random() for _ in range(2000)]:
        assert within(3, exponential(x), Decimal(x).exp()), x


def test_the_logarithm_is_within_3_ulp_of_the_true_value() -> None:
    rng = Random(2)
    for x in [10.0 ** rng.uniform(-12, 12) for _ in range(2000)] + [1.0 + rng.uniform(-0.3, 0.4) for _ in range(2000)]:
        assert within(3, logarithm(x), Decimal(x).ln()), x


def test_the_ends_are_what_they_should_be() -> None:
    assert (exponential(0.0), exponential(-1e9), exponential(-math.inf)) == (1.0, 0.0, 0.0)
    assert (logarithm(1.0), power(0.5, 0), power(0.5, 3)) == (0.0, 1.0, 0.125)


def decided() -> list[str]:
    """Gates, takes and thresholds, many of each."""
    keys = {"SCALP_TP_DECAY_ENABLE": "true", "SCALP_TP_DEC_MODE": "exp", "SCALP_TP_MIN_PCT": "0"}
    params = build_rules(load(keys | {"PYRAMID_DECAY_MIN_PCT": "0"}), BTC_USD).params
    values = [adverse_pct(params, 37 * elapsed) for elapsed in range(50_000)]
    # A take has lost the digits in which powers differ, mostly.
    values += [power(part / 3_001.0, count) for part in range(1, 3_000) for count in range(2, 50)]
    values += [scalp_take(params, BUY, 100.0, count) for count in range(1000)]
    values += [logit(thousandths / 20_000.0) for thousandths in range(1, 20_000)]
    return [value.hex() for value in values]


def elsewhere(values: Callable[[], list[str]], tunables: str) -> list[str]:
    program = f"import sys, json; sys.path += {[str(Path(__file__).parent), str(ROOT / 'tests')]!r}; "
    program += f"import {Path(__file__).stem} as t; print(json.dumps(t.{values.__name__}()))"
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | {"GLIBC_TUNABLES": tunables}, capture_output=True, check=True
    )
    found: list[str] = json.loads(done.stdout)
    return found


def test_a_processor_that_fuses_nothing_decides_on_the_same_bits() -> None:
    # glibc then takes other versions of exp, log and pow; where there is no glibc nothing changes.
    assert elsewhere(decided, "glibc.cpu.hwcaps=-FMA,-FMA4,-AVX2,-AVX512F") == decided()


def test_the_kernel_takes_nothing_from_the_c_library_that_differs_between_machines() -> None:
    taken = {
        name.name
        for path in Path(str(cbbot.kernel.__file__)).parent.glob("*.py")
        for node in ast.walk(syntax_tree(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "math"
        for name in node.names
    }
    assert taken <= EXACT
