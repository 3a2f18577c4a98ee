"""The second half of a chunk on a thread of its own, so that the next chunk's first half runs beside it.

Owns that thread and how the cores are shared. On a processor, one stage on every core wastes what the other would use:
two halves of a small product wait for each other, two different stages do not. Never knows what a job does. `put` and
`drain` are the engine thread's.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Any

log = logging.getLogger(__name__)

NICENESS = 10  # the window must stay smooth beside a busy model


class Pipeline:
    """One job at a time, in order. executor is replaced in tests; an inline one makes every job part of its `put`."""

    def __init__(self, executor: Executor | None = None) -> None:
        self._executor = executor
        self._last: Future[None] | None = None

    def put(self, job: Callable[[], None]) -> None:
        """Starts a job when the one before is done. Raises what that one raised; the new one is then not started."""
        self.drain()
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, "decoder", lower_thread_priority)
        self._last = self._executor.submit(_inferring, job)

    def drain(self) -> None:
        """Waits until nothing runs. Raises what the last job raised, once."""
        last, self._last = self._last, None
        if last is not None:
            last.result()

    def stop(self) -> None:
        """No job after this; the thread ends by itself."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)


def available_cores() -> int:
    """The cores this process may use: fewer than the machine's in a container or under taskset."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def share_cores() -> None:
    """Leaves half of torch's threads, where there is torch, to each half of a chunk. The number is the process's."""
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(max(1, torch.get_num_threads() // 2))


def lower_thread_priority() -> None:
    """Make this thread, and the pools it will start, give way to the window. Linux only: elsewhere a native
    thread id is nothing `setpriority` knows."""
    if not sys.platform.startswith("linux"):
        return
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
    except OSError as fault:
        log.warning("the thread %s keeps its priority: %s", threading.current_thread().name, fault)


def inference_mode() -> AbstractContextManager[Any]:
    """torch's inference mode, where there is torch."""
    try:
        import torch
    except ImportError:
        return nullcontext()
    return torch.inference_mode()


def _inferring(job: Callable[[], None]) -> None:
    with inference_mode():
        job()
