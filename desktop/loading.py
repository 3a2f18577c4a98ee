"""Loads the model package while the window starts.

Owns when a stream is made, and the sentence where this copy has no torch. Never imports Qt, which is what it runs
beside. `ahead` makes on a thread of its own; otherwise whoever calls.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from inference.errors import UserError
from inference.offline import open_package
from inference.stream_like import StreamLike


def package_stream(package: Path, threads: int | None = None) -> Callable[[], StreamLike]:
    """A factory that loads the package when it is called, on the engine's thread. threads: None is one a core."""

    def make() -> StreamLike:
        try:
            return open_package(package, threads, fastest=True)[0]
        except ImportError as error:  # of torch: a window without a model must still open
            raise UserError(
                f"This copy of MotionStream cannot run a model: {error}.",
                "Pictures can be looked at.",
                "Install the full application.",
            ) from error

    return make


def ahead(make_stream: Callable[[], StreamLike]) -> Callable[[], StreamLike]:
    """`make_stream`, begun now: the first call waits for what is being made and returns it, or raises what it raised;
    every later one makes anew.
    """
    loader = ThreadPoolExecutor(1, thread_name_prefix="loading")
    begun = [loader.submit(make_stream)]
    loader.shutdown(wait=False)
    return lambda: begun.pop().result() if begun else make_stream()
