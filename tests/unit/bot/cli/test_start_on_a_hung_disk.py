"""A disk that does not answer while the state is read: the start ends in words instead of waiting in silence."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cbbot.cli import serve as serving
from cbbot.cli.serve import Surroundings, serve
from cbbot.contract.settings import load
from cbbot.errors import UnsafeStart

HERE = Surroundings("127.0.0.1", "demo", "", "http://127.0.0.1:1", None, None, None)


@pytest.fixture
def hung(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A file in the state's folder that whoever reads it waits for ever for."""
    made: list[Path] = []

    def hang(name: str) -> Path:
        made.append(tmp_path / name)
        os.mkfifo(made[-1])
        return tmp_path

    yield hang
    for path in made:
        # Lets the thread that reads it go.
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))


@pytest.mark.parametrize("name", ["bot_state.json", "trades.jsonl", "bot_state.json.control"])
def test_a_start_whose_disk_does_not_answer_ends_and_says_so(
    hung: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(serving, "READ_SECONDS", 0.2)
    folder = hung(name)
    settings = load({"STATE_FILE": str(folder / "bot_state.json"), "PORT": "0"})
    with pytest.raises(UnsafeStart, match=r"the disk of the state's folder .* has not answered for 0\.2 s"):
        asyncio.run(asyncio.wait_for(serve(settings, HERE, []), 20))
