"""The processes that do what is too large for the event loop. Threads would not do: they hold the GIL (MITMPROXY 1.6).

loky rather than the standard pool: it starts its processes without importing the main program (mitmdump, 100 MB each)
and replaces one that died.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable

from loky.process_executor import BrokenProcessPool, ProcessPoolExecutor, ShutdownExecutorError

from headroom_proxy import worker

logger = logging.getLogger(__name__)

_IDLE_SECONDS = 300
_START_SECONDS = 30


class PoolError(RuntimeError):
    """The work could not be done: the processes died, or the deadline passed."""


class Pool:
    """At most `workers` processes, started when first needed and ended when idle for long."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._executor: ProcessPoolExecutor | None = None
        self._starting = asyncio.Lock()
        self._cold = True
        self._closed = False

    async def run[**P, T](self, seconds: float, task: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A worker's function with these arguments. Raises PoolError after `seconds`, or when it failed twice."""
        try:
            async with asyncio.timeout(seconds):
                executor = await self._executor_now(None)
                try:
                    return await self._submit(executor, task, *args, **kwargs)
                except (BrokenProcessPool, ShutdownExecutorError):
                    executor = await self._executor_now(executor)
                    return await self._submit(executor, task, *args, **kwargs)
        except TimeoutError as error:
            raise PoolError(f"no result within {seconds} s") from error
        except (BrokenProcessPool, ShutdownExecutorError, OSError) as error:
            raise PoolError(f"no worker process: {error}") from error

    async def warm_up(self) -> None:
        """Start the processes, so that the first large request does not wait for them."""
        self._cold = False
        await self.run(_START_SECONDS, worker.ready)

    def is_cold(self) -> bool:
        """Whether nobody has used or warmed the pool yet."""
        return self._cold

    async def close(self) -> None:
        """End the processes."""
        self._closed = True
        executor, self._executor = self._executor, None
        if executor is not None:
            await asyncio.to_thread(executor.shutdown, wait=True, kill_workers=True)

    async def _executor_now(self, broken: ProcessPoolExecutor | None) -> ProcessPoolExecutor:
        """The executor, another one in place of `broken`; whoever asks first makes it, the others get the same."""
        async with self._starting:
            if self._closed:
                raise PoolError("the proxy ends")
            if broken is not None and self._executor is broken:
                logger.warning("Headroom: a worker process died; starting others")
                self._executor = None
            if self._executor is None:
                self._executor = ProcessPoolExecutor(
                    max_workers=self._workers, timeout=_IDLE_SECONDS, initializer=worker.start, initargs=(os.getpid(),)
                )
            return self._executor

    async def _submit[**P, T](self, executor: ProcessPoolExecutor, task: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        # Submitting may start processes, which blocks for some milliseconds.
        future = await asyncio.to_thread(executor.submit, task, *args, **kwargs)
        return await asyncio.wrap_future(future)
