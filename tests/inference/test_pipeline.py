"""The two halves of a chunk beside each other: order, failures, and a command that finds every chunk whole."""

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from inference.channels import Load, Pause, Resume
from inference.engine import Engine
from inference.pipeline import Pipeline
from inference.tracks import Tracks
from tests.fakes import FakeChunk, FakeStream, square_picture

DEADLINE_S = 120.0


def until(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.002)


def test_a_job_runs_beside_the_caller_and_the_next_one_waits_for_it() -> None:
    pipeline, gate, done = Pipeline(), threading.Event(), []
    pipeline.put(lambda: (gate.wait(DEADLINE_S), done.append(1))[0])
    assert done == []
    threading.Timer(0.05, gate.set).start()
    pipeline.put(lambda: done.append(2))
    assert done[0] == 1, "the second began before the first was done"
    pipeline.drain()
    assert done == [1, 2]
    pipeline.stop()


def test_what_a_job_raises_is_raised_once_and_the_next_job_is_not_started() -> None:
    pipeline, started = Pipeline(), []

    def fails() -> None:
        raise RuntimeError("in the second half")

    pipeline.put(fails)
    with pytest.raises(RuntimeError, match="second half"):
        pipeline.put(lambda: started.append(1))
    assert started == []
    pipeline.drain()
    pipeline.put(lambda: started.append(2))
    pipeline.drain()
    assert started == [2]
    pipeline.stop()


class Slow(FakeStream):
    """Decodes only when `gate` is open; notes which half of which chunk began, in order."""

    def __init__(self) -> None:
        super().__init__(cost_s=0.001)
        self.gate = threading.Event()
        self.gate.set()
        self.began: list[str] = []

    def make(self, tracks: Tracks) -> FakeChunk:
        self.began.append("make")
        return super().make(tracks)

    def decode(self, chunk: FakeChunk) -> Iterator[np.ndarray]:
        self.began.append("decode")
        if not self.gate.is_set():
            self.began.append("halt")
        self.gate.wait(DEADLINE_S)
        yield from super().decode(chunk)


@pytest.fixture
def running() -> tuple[Engine, Slow]:
    stream = Slow()
    engine = Engine(lambda: stream)
    engine.start()
    engine.send(Load(square_picture())).result(DEADLINE_S)
    yield engine, stream
    stream.gate.set()
    assert engine.stop(DEADLINE_S)


def test_the_next_chunk_is_made_while_one_is_decoded_and_no_further(running: tuple[Engine, Slow]) -> None:
    _, stream = running
    stream.gate.clear()

    def waiting() -> int:
        return stream.began.count("make") - stream.began.count("decode")

    until(lambda: "halt" in stream.began and waiting() == 1)
    time.sleep(0.5)  # three chunks' worth of frames
    assert waiting() == 1, "more than one chunk waits to be decoded"


def test_frames_come_in_order_and_a_pause_finds_every_chunk_whole(running: tuple[Engine, Slow]) -> None:
    engine, stream = running
    indices: list[int] = []
    end_s = time.monotonic() + 0.7
    while time.monotonic() < end_s:
        if (frame := engine.ring.due(time.monotonic())) is not None:
            indices.append(frame.index)
        time.sleep(0.002)
    assert indices == sorted(indices)
    assert len(indices) > 8
    engine.send(Pause()).result(DEADLINE_S)
    assert stream.began.count("make") == stream.began.count("decode")


def test_a_frame_waits_in_the_ring_before_the_chunks_last_one_is_decoded() -> None:
    stream, gate = FakeStream(cost_s=0.001), threading.Event()
    decode = stream.decode

    def halting(chunk: FakeChunk) -> Iterator[np.ndarray]:
        frames = list(decode(chunk))
        yield from frames[:-1]
        gate.wait(DEADLINE_S)
        yield frames[-1]

    engine = Engine(lambda: stream)
    engine.start()
    engine.send(Pause()).result(DEADLINE_S)
    engine.send(Load(square_picture())).result(DEADLINE_S)
    stream.decode = halting
    engine.send(Resume()).result(DEADLINE_S)
    until(lambda: len(engine.ring) == stream.frames_per_chunk)  # the picture, and all but the last
    time.sleep(0.05)
    assert len(engine.ring) == stream.frames_per_chunk
    gate.set()
    until(lambda: len(engine.ring) > stream.frames_per_chunk)
    assert engine.stop(DEADLINE_S)
