"""One world for the tests of this folder: a bot that trades live at the simulator, watched by Prometheus."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from monitoring.watched_world import WatchedWorld, watched_world


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
async def world(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WatchedWorld]:  # noqa: ARG001  of the session too
    """Each test leaves it trading."""
    async with watched_world(tmp_path_factory.mktemp("world")) as running:
        yield running
