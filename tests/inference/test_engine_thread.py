"""The engine's own thread, with real time and a deadline."""

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from inference.channels import Load, Pause, Restart, Resume, SetPrompt
from inference.engine import Engine
from inference.errors import UserError
from inference.lifecycle import EngineEvent, EngineState
from inference.motion.hand import GRID_SIDE
from inference.pipeline import NICENESS, lower_thread_priority
from inference.session import session_to_tracks
from inference.track_ids import IDS_PER_HANDLE
from tests.fakes import FakeStream, square_picture
from tests.inference.engine_rig import DEADLINE_S, PICTURE, T, handle


class Waiter:
    """Waits for a condition on events, with a deadline and without polling."""

    def __init__(self, engine: Engine) -> None:
        self._told = threading.Condition()
        self.events: list[EngineEvent] = []
        engine.subscribe(self._hear)

    def _hear(self, event: EngineEvent) -> None:
        with self._told:
            self.events.append(event)
            self._told.notify_all()

    def until(self, condition: Callable[[], bool]) -> None:
        with self._told:
            assert self._told.wait_for(condition, DEADLINE_S)


def test_the_thread_streams_pauses_and_stops() -> None:
    engine = Engine(lambda: FakeStream(cost_s=0.001))
    waiter = Waiter(engine)
    engine.start()
    engine.send(Load(PICTURE)).result(DEADLINE_S)
    waiter.until(lambda: engine.stats().made_frames >= 2 * T)
    engine.send(Pause()).result(DEADLINE_S)
    made = engine.stats().made_frames
    engine.send(SetPrompt("still")).result(DEADLINE_S)
    assert engine.stats().made_frames == made
    assert engine.stop(DEADLINE_S)
    assert engine.state is EngineState.IDLE
    with pytest.raises(UserError, match="engine has stopped"):
        engine.send(Resume()).result(0)


def test_the_thread_outlives_a_failure() -> None:
    stream = FakeStream(cost_s=0.001)
    engine = Engine(lambda: stream)
    waiter = Waiter(engine)
    engine.start()
    engine.send(Load(PICTURE)).result(DEADLINE_S)
    stream.fail_advance = RuntimeError("once")
    waiter.until(lambda: engine.state is EngineState.FAILED)
    stream.fail_advance = None
    engine.send(Restart()).result(DEADLINE_S)
    assert engine.state is EngineState.RUNNING
    assert engine.stop(DEADLINE_S)


def test_the_thread_drives_the_real_stream(tmp_path: Path) -> None:
    from inference.package import ModelPackage  # torch is needed by this test only
    from inference.stream import Stream
    from tests.tiny import write_package

    package = write_package(tmp_path)
    engine = Engine(lambda: Stream(ModelPackage.load(package)), sessions=tmp_path / "sessions")
    waiter = Waiter(engine)
    engine.start()
    engine.send(Load(square_picture(64, 32), "it hops")).result(DEADLINE_S)
    path = engine.session_path
    assert path is not None
    engine.mailbox.put((handle(0.25),), time.monotonic())
    waiter.until(lambda: engine.stats().latency_n == 1)
    engine.mailbox.put((handle(0.75),), time.monotonic())
    waiter.until(lambda: engine.stats().latency_n == 2)
    assert {"control", "transformer", "decode", "total"} <= set(engine.stats().chunk_ms)
    with pytest.raises(UserError, match="pictures of 64x32"):
        engine.send(Load(square_picture(40, 40))).result(DEADLINE_S)
    assert engine.state is EngineState.RUNNING
    engine.send(SetPrompt("it spins")).result(DEADLINE_S)
    assert engine.stop(DEADLINE_S)
    tracks = session_to_tracks(path).tracks
    x = tracks.xy[:, tracks.ids % IDS_PER_HANDLE == GRID_SIDE * GRID_SIDE // 2, 0]  # of the middle, which always counts
    assert (x[0, 0], x[-1, 0]) == (0.25, 0.75)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="thread priorities are set on Linux only")
def test_only_the_inference_thread_gives_way() -> None:
    here = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    there: list[int] = []

    def work() -> None:
        lower_thread_priority()
        there.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert there == [max(here, NICENESS)]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == here
