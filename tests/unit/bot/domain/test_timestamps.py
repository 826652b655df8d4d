"""Times as text, written and read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbbot.domain.timestamps import epoch_ms, moment_of, rfc3339, rfc3339_ms

_LAST_MS = 253_402_300_799_999


@given(st.integers(0, _LAST_MS))
def test_what_is_written_is_read_back(ms: int) -> None:
    assert epoch_ms(rfc3339_ms(ms)) == epoch_ms(rfc3339(ms)) == ms


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01T01:00:00.0019999+01:00", 1),
        ("9999-12-31T23:59:59.999Z", _LAST_MS),
        ("9999-12-31T23:59:59-01:00", None),
        ("2026-11-22T17:20:00", None),
        ("2026-02-30T00:00:00Z", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_time_without_a_zone_or_beyond_the_last_year_is_none(text: str, ms: int | None) -> None:
    assert epoch_ms(text) == ms


def test_a_moment_keeps_its_microseconds() -> None:
    moment = moment_of("2026-11-22T17:20:00.123456Z")
    assert moment is not None
    assert moment.microsecond == 123_456
