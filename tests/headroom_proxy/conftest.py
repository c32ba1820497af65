"""Fixtures of the addon's tests: worker processes shared by all of them, and an addon that is ended with its test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from loky.process_executor import ProcessPoolExecutor

from headroom_proxy import addon as addon_module
from headroom_proxy import ledger
from headroom_proxy.pool import Pool
from tests.addon_rig import Rig, Start, borrowed, make_rig


@pytest.fixture(scope="session")
def executor() -> Iterator[Executor]:
    made = ProcessPoolExecutor(max_workers=2, timeout=600)
    yield made
    made.shutdown(wait=True, kill_workers=True)


@pytest.fixture
def pool(executor: Executor) -> Pool:
    return borrowed(executor)


@pytest.fixture
async def start(tmp_path: Path, executor: Executor, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Start]:
    """Start the addon: `await start(headroom_mode="audit")`; another `directory` is another installation. Ended with the test."""
    monkeypatch.setattr(addon_module, "Pool", lambda _: borrowed(executor))
    monkeypatch.setattr(ledger, "_COLLECT_SECONDS", 0.02)
    async with AsyncExitStack() as running:

        async def begin(directory: Path = tmp_path / "data", given: Iterable[str] = (), **options: object) -> Rig:
            rig = make_rig(directory, given, **options)
            rig.addon.running()
            running.push_async_callback(rig.addon.done)
            return rig

        yield begin


@pytest.fixture
async def rig(start: Start) -> Rig:
    """A running addon with default settings."""
    return await start()
