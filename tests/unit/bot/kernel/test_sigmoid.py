from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, localcontext

import numpy as np
import pytest

from cbbot.kernel.sigmoid import WORK_ROWS, complement


@pytest.fixture(autouse=True)
def sixty_digits() -> Iterator[None]:
    with localcontext(prec=60):
        yield


def complements(z: np.ndarray) -> np.ndarray:
    out = np.empty_like(z)
    complement(z, out, np.full((WORK_ROWS, len(z)), np.nan))
    return out


@pytest.mark.parametrize("widest", [1e-9, 0.5, 5.0, 50.0, 599.0])
def test_it_is_within_4_ulp_of_the_true_value(widest: float) -> None:
    z = np.random.default_rng(3).uniform(-widest, widest, 2000)
    for x, found in zip(z.tolist(), complements(z).tolist(), strict=True):
        true = 1 / (1 + Decimal(x).exp())
        assert abs(Decimal(found) - true) <= 4 * Decimal(float(np.spacing(found))), x


def test_the_ends_of_the_range_reduction_are_as_good_as_its_middle() -> None:
    ends = np.array([(n + 0.5) * float(Decimal(2).ln()) for n in range(-40, 40)])
    for z in (np.nextafter(ends, -np.inf), ends, np.nextafter(ends, np.inf)):
        true = np.array([float(1 / (1 + Decimal(x).exp())) for x in z.tolist()])
        assert (np.abs(complements(z) - true) <= 4 * np.spacing(true)).all()


def test_far_out_it_is_one_or_next_to_nothing_and_never_warns() -> None:
    z = np.array([-np.inf, -1e300, -1e4, 0.0, -0.0, 1e4, 1e300, np.inf])
    assert complements(z).tolist()[:5] == [1.0, 1.0, 1.0, 0.5, 0.5]
    assert (complements(z)[5:] < 1e-200).all()


def test_what_it_is_given_stays() -> None:
    z = np.linspace(-3.0, 3.0, 7)
    before = z.copy()
    complements(z)
    assert z.tobytes() == before.tobytes()
