"""The engine around a fake stream: most tests turn it by hand on a clock of their own, the last ones run its
thread."""

import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.channels import Frame, GetDepth, Handle, Load, Pause, Restart, Resume, SetDepth, SetPrompt, Stop
from inference.engine import Engine
from inference.errors import UserError
from inference.lifecycle import TRANSITIONS, EngineEvent, EngineState, FramesReady, StateChanged
from inference.pipeline import NICENESS, lower_thread_priority
from inference.session import session_to_tracks
from tests.fakes import FakeClock, FakeStream, square_picture

FPS, T = 24.0, 4
PERIOD = T / FPS
DEADLINE_S = 20.0
PICTURE = square_picture()


def handle(x: float = 0.5, *, held: bool = True) -> Handle:
    return Handle(1, (x, 0.5), not held, held, 0.05)


class Inline(Executor):
    """Runs every job at once, so that the two halves of a chunk follow each other."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as fault:
            future.set_exception(fault)
        return future


class Rig:
    """An engine without a thread on a fake clock, with everything it told and every frame it made."""

    def __init__(self, cost_s: float = 0.05, sessions: Path | None = None) -> None:
        self.clock = FakeClock()
        self.stream = FakeStream(cost_s=cost_s, spend=self.clock.advance)
        self.made_streams = 0
        self.fail_make: Exception | None = None
        self.blocked = False
        self.engine = Engine(
            self._make, sessions=sessions, package="fake", clock=self.clock.now, wait=self._wait, decoder=Inline()
        )
        self.events: list[EngineEvent] = []
        self.frames: list[Frame] = []
        self.engine.subscribe(self._hear)

    def _make(self) -> FakeStream:
        if self.fail_make is not None:
            raise self.fail_make
        self.made_streams += 1
        return self.stream

    def _wait(self, timeout_s: float | None) -> None:
        self.blocked = timeout_s is None
        if timeout_s is not None:
            self.clock.advance(timeout_s)

    def _hear(self, event: EngineEvent) -> None:
        self.events.append(event)
        if isinstance(event, FramesReady):
            while (next_s := self.engine.ring.next_due_s) is not None:
                frame = self.engine.ring.due(next_s)
                assert frame is not None
                self.frames.append(frame)

    def do(self, command: Any) -> Future[Any]:
        """Send a command and turn until it is answered."""
        future = self.engine.send(command)
        while not future.done():
            self.engine.turn()
        return future

    def run(self, seconds: float) -> None:
        """Turn for that long, or until the engine has nothing to do."""
        end_s = self.clock.now() + seconds
        self.blocked = False
        while self.clock.now() < end_s and not self.blocked:
            self.engine.turn()

    @property
    def states(self) -> list[EngineState]:
        """Every state entered."""
        return [event.new for event in self.events if isinstance(event, StateChanged) and event.old != event.new]

    @property
    def messages(self) -> list[str]:
        return [event.message for event in self.events if isinstance(event, StateChanged) and event.message]


def loaded(cost_s: float = 0.05, sessions: Path | None = None) -> Rig:
    rig = Rig(cost_s, sessions)
    rig.do(Load(PICTURE, "a toy", 7)).result(0)
    return rig


# States


def test_a_load_goes_through_loading_and_warming_to_running() -> None:
    rig = loaded()
    assert rig.states == [EngineState.LOADING, EngineState.WARMING, EngineState.RUNNING]
    assert rig.stream.opened[-1][1:] == ("a toy", 7)
    assert rig.stream.consumed == []  # the warm-up left nothing behind
    assert [frame.index for frame in rig.frames] == [0]
    np.testing.assert_array_equal(rig.frames[0].image[..., :3], PICTURE)


def test_a_known_size_is_not_warmed_again() -> None:
    rig = loaded()
    rig.do(Load(square_picture(), "", 1)).result(0)
    assert rig.states[3:] == [EngineState.LOADING, EngineState.RUNNING]
    rig.do(Load(square_picture(192, 192), "", 1)).result(0)
    assert rig.states[5:] == [EngineState.LOADING, EngineState.WARMING, EngineState.RUNNING]
    assert rig.made_streams == 1


def test_frames_are_counted_from_the_picture_on() -> None:
    rig = loaded()
    rig.run(1.0)
    assert [frame.index for frame in rig.frames] == list(range(len(rig.frames)))
    rig.do(Restart()).result(0)
    assert rig.frames[-1].index == 0
    assert rig.stream.opened[-1][2] == 7
    rig.do(Restart(seed=9)).result(0)
    assert rig.stream.opened[-1][2] == 9


def test_a_frame_says_how_it_is_made_of_the_picture() -> None:
    rig = loaded()
    assert rig.frames[0].motion is None
    rig.engine.mailbox.put((handle(0.5),), rig.clock.now())
    rig.run(0.5)
    rig.engine.mailbox.put((handle(0.6),), rig.clock.now())
    rig.run(1.0)
    moved = [frame.motion for frame in rig.frames[1:]]
    assert all(motion is not None and motion.shape == (1, 1, 4) for motion in moved)
    assert moved[0][0, 0, 0] == 0.0
    assert moved[-1][0, 0, 0] == pytest.approx(0.1 * 256 / 144, abs=1 / 144)


def test_pause_blocks_without_polling_and_resume_starts_at_once() -> None:
    rig = loaded()
    rig.run(0.5)
    rig.do(Pause()).result(0)
    made = len(rig.stream.consumed)
    rig.blocked = False
    rig.engine.turn()
    assert rig.blocked
    rig.clock.advance(3600)
    rig.do(Resume()).result(0)
    resumed_s = rig.clock.now()
    rig.engine.turn()
    assert len(rig.stream.consumed) == made + 1
    due = [frame.due_s for frame in rig.frames[-T:]]
    assert due[0] == pytest.approx(resumed_s + 0.05)
    np.testing.assert_allclose(np.diff(due), 1 / FPS, rtol=1e-6)


def test_what_was_dragged_while_paused_is_one_even_move() -> None:
    rig = loaded()
    rig.engine.mailbox.put((handle(0.2),), rig.clock.now())
    rig.run(0.5)
    rig.do(Pause()).result(0)
    for step in range(1, 5):
        rig.clock.advance(10)
        rig.engine.mailbox.put((handle(0.2 + step / 10),), rig.clock.now())
    rig.clock.advance(100)
    rig.do(Resume()).result(0)
    rig.engine.turn()
    np.testing.assert_allclose(rig.stream.consumed[-1].xy[:, 12, 0], [0.3, 0.4, 0.5, 0.6], atol=1e-4)


def test_pause_holds_through_a_load() -> None:
    rig = Rig()
    rig.do(Pause()).result(0)
    rig.do(Load(PICTURE)).result(0)
    assert rig.engine.state is EngineState.PAUSED
    assert rig.frames[0].index == 0
    rig.do(Resume()).result(0)
    assert rig.engine.state is EngineState.RUNNING


def test_a_restart_forgets_where_handles_came_from() -> None:
    rig = loaded()
    rig.engine.mailbox.put((handle(0.2),), rig.clock.now())
    rig.run(0.3)
    rig.engine.mailbox.put((handle(0.8),), rig.clock.now())
    rig.do(Restart()).result(0)
    rig.engine.turn()
    np.testing.assert_array_equal(rig.stream.consumed[0].xy[:, 12, 0], np.full(T, 0.8, np.float32))


def test_the_prompt_reaches_the_stream_and_outlives_a_restart() -> None:
    rig = loaded()
    rig.do(SetPrompt("it jumps")).result(0)
    assert rig.stream.prompt == "it jumps"
    rig.do(Restart()).result(0)
    assert rig.stream.opened[-1][1] == "it jumps"


def test_depth_is_asked_for_and_set_between_chunks_even_while_paused() -> None:
    rig = loaded()
    rig.do(Pause()).result(0)
    np.testing.assert_array_equal(rig.do(GetDepth()).result(0), rig.stream.depth())
    painted = np.full(PICTURE.shape[:2], 0.3, np.float32)
    assert rig.do(SetDepth(painted)).result(0) is None
    np.testing.assert_array_equal(rig.do(GetDepth()).result(0), painted)
    rig.do(SetDepth(None)).result(0)
    assert rig.stream.painted is None


def test_depth_without_a_picture_is_told() -> None:
    rig = Rig()
    for command in (GetDepth(), SetDepth(None)):
        with pytest.raises(UserError, match="no picture"):
            rig.do(command).result(0)


def test_commands_without_a_picture_do_nothing() -> None:
    rig = Rig()
    for command in (Restart(), SetPrompt("x"), Resume(), Pause(), Resume()):
        rig.do(command).result(0)
    assert rig.engine.state is EngineState.IDLE


def test_every_state_can_be_left() -> None:
    assert set(TRANSITIONS) == set(EngineState)
    assert all(TRANSITIONS[state] for state in EngineState)


# Failures


def test_a_failing_model_is_told_and_a_retry_works() -> None:
    rig = Rig()
    rig.fail_make = UserError("The model is missing.", next="Install it.")
    with pytest.raises(UserError, match="The model is missing"):
        rig.do(Load(PICTURE)).result(0)
    assert rig.engine.state is EngineState.FAILED
    assert rig.messages == ["The model is missing. Install it."]
    rig.fail_make = None
    rig.do(Load(PICTURE)).result(0)
    assert rig.engine.state is EngineState.RUNNING


def test_a_failing_chunk_is_told_and_a_restart_goes_on() -> None:
    rig = loaded()
    rig.stream.fail_advance = RuntimeError("out of luck")
    rig.run(1.0)
    assert rig.engine.state is EngineState.FAILED
    assert "out of luck" in rig.messages[-1]
    assert "points are kept" in rig.messages[-1]
    rig.stream.fail_advance = None
    rig.do(Restart()).result(0)
    rig.run(0.3)
    assert rig.engine.state is EngineState.RUNNING


def test_a_chunk_that_fails_in_its_second_half_is_told_and_a_restart_goes_on() -> None:
    rig = loaded()
    rig.stream.fail_decode = RuntimeError("out of colours")
    rig.run(1.0)
    assert rig.engine.state is EngineState.FAILED
    assert "out of colours" in rig.messages[-1]
    rig.stream.fail_decode = None
    rig.do(Restart()).result(0)
    rig.run(0.3)
    assert rig.engine.state is EngineState.RUNNING


def test_a_restart_that_fails_stays_failed() -> None:
    rig = loaded()
    rig.stream.fail_open = MemoryError()
    with pytest.raises(UserError, match="memory is full"):
        rig.do(Restart()).result(0)
    assert rig.engine.state is EngineState.FAILED


@pytest.mark.parametrize(
    "picture",
    [PICTURE.astype(np.float32), PICTURE[..., 0], np.zeros((0, 0, 3), np.uint8), np.zeros((9, 9, 4), np.uint8)],
)
def test_a_wrong_picture_leaves_the_stream_untouched(picture: np.ndarray) -> None:
    rig = loaded()
    rig.run(0.5)
    made, opened = len(rig.stream.consumed), len(rig.stream.opened)
    with pytest.raises(UserError, match="not an 8-bit colour picture"):
        rig.do(Load(picture)).result(0)
    rig.run(0.5)
    assert rig.engine.state is EngineState.RUNNING
    assert len(rig.stream.opened) == opened
    assert len(rig.stream.consumed) > made
    assert "not an 8-bit" in rig.messages[-1]


def test_a_load_the_stream_refuses_leaves_it_running_where_it_was() -> None:
    rig = loaded()
    rig.run(0.5)
    made, index = len(rig.stream.consumed), rig.frames[-1].index
    rig.stream.fail_open = UserError("This model makes other sizes.")
    with pytest.raises(UserError, match="other sizes"):
        rig.do(Load(square_picture(64, 64))).result(0)
    rig.run(0.5)
    assert rig.engine.state is EngineState.RUNNING
    assert len(rig.stream.consumed) > made
    assert rig.frames[-1].index > index
    assert "This model makes other sizes. The picture and the points are kept." in rig.messages[-1]


def test_a_load_that_breaks_goes_back_to_the_picture_before(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = loaded()
    rig.run(0.5)
    real_open = rig.stream.open

    def open_but_not_small(picture: np.ndarray, prompt: str = "", seed: int = 0) -> np.ndarray:
        if picture.shape[0] < 100:
            raise RuntimeError("halfway through")
        return real_open(picture, prompt, seed)

    monkeypatch.setattr(rig.stream, "open", open_but_not_small)
    with pytest.raises(UserError, match="halfway through"):
        rig.do(Load(square_picture(64, 64))).result(0)
    assert rig.engine.state is EngineState.RUNNING
    assert rig.stream.opened[-1][0] is PICTURE
    monkeypatch.setattr(rig.stream, "open", lambda *_: (_ for _ in ()).throw(RuntimeError("broken")))
    with pytest.raises(UserError, match="broken"):
        rig.do(Load(square_picture(64, 64))).result(0)
    assert rig.engine.state is EngineState.FAILED


def test_a_prompt_that_fails_changes_nothing() -> None:
    rig = loaded()
    rig.stream.fail_prompt = ValueError("no words")
    with pytest.raises(UserError, match="goes on with the one before"):
        rig.do(SetPrompt("x")).result(0)
    assert rig.engine.state is EngineState.RUNNING
    assert rig.stream.prompt == "a toy"


def test_a_listener_that_fails_harms_nobody() -> None:
    rig = Rig()
    rig.engine.subscribe(lambda event: 1 / 0)  # type: ignore[arg-type,return-value]
    rig.do(Load(PICTURE)).result(0)
    rig.run(0.3)
    assert rig.engine.state is EngineState.RUNNING


# Pacing and latency


@pytest.mark.parametrize("cost_s", [0.01, 0.05, 0.1, 0.15])
def test_frames_are_due_evenly(cost_s: float) -> None:
    rig = loaded(cost_s)
    rig.run(5.0)
    due = [frame.due_s for frame in rig.frames[1:]]
    np.testing.assert_allclose(np.diff(due), 1 / FPS, rtol=1e-6)
    stats = rig.engine.stats()
    assert stats.capacity_fps == pytest.approx(T / (0.8 * cost_s))  # the first half is the slower one
    assert not stats.slowed


def test_a_slow_stream_slows_the_clock_evenly() -> None:
    rig = loaded(0.3)
    rig.run(10.0)
    due = [frame.due_s for frame in rig.frames[60:]]  # the estimates settle within some ten chunks
    np.testing.assert_allclose(np.diff(due), 0.3 / T, rtol=0.01)
    stats = rig.engine.stats()
    assert stats.slowed
    assert stats.clock_fps == pytest.approx(T / 0.3, rel=0.01)


@pytest.mark.parametrize("cost_s", [0.01, 0.05, 0.1, 0.15])
def test_an_event_is_on_screen_within_a_chunk_its_cost_a_margin_and_a_frame(cost_s: float) -> None:
    rig = loaded(cost_s)
    rig.run(1.0)
    events: list[float] = []

    def drag() -> None:
        events.append(rig.engine.mailbox.put((handle(0.2 + len(events) / 1000),), rig.clock.now()))

    for step in range(60):  # prime steps meet every phase of the chunk
        rig.clock.at(rig.clock.now() + step * 0.0613, drag)
    rig.run(5.0)
    assert len(events) == 60
    margin_s = rig.engine.stats().margin_ms / 1000
    latencies = []
    for event_s in events:
        first = next(frame for frame in rig.frames if frame.sampled_s >= event_s)
        latencies.append(first.due_s - event_s)
    assert max(latencies) <= PERIOD + cost_s + margin_s + 1 / FPS + 1e-6
    assert min(latencies) >= cost_s
    stats = rig.engine.stats()
    assert stats.latency_n > 10
    assert stats.latency_p95_ms / 1000 <= PERIOD + cost_s + margin_s + 1 / FPS + 1e-6


def test_the_frame_that_contains_an_event_is_the_first_that_moves() -> None:
    rig = loaded()
    rig.engine.mailbox.put((handle(0.5),), rig.clock.now())
    rig.run(1.0)
    moved_s: list[float] = []
    rig.clock.at(
        rig.clock.now() + 0.07,
        lambda: moved_s.append(rig.engine.mailbox.put((handle(0.75),), rig.clock.now())),
    )
    rig.run(1.0)
    still = rig.frames[0].image
    contains = next(frame for frame in rig.frames if frame.sampled_s >= moved_s[0])
    at_rest = [np.array_equal(frame.image, still) for frame in rig.frames if frame.index < contains.index]
    assert not np.array_equal(contains.image, still)
    assert sum(not rest for rest in at_rest) <= T - 1  # the line towards the event may begin within its own chunk
    np.testing.assert_array_equal(rig.frames[-1].image, np.roll(still, 64, axis=1))


# Sessions


def test_a_session_replays_what_the_stream_consumed(tmp_path: Path) -> None:
    rig = loaded(sessions=tmp_path)
    for step in range(10):
        rig.clock.at(
            rig.clock.now() + step * 0.06,
            lambda step=step: rig.engine.mailbox.put((handle(0.3 + step / 30),), rig.clock.now()),
        )
    rig.run(1.0)
    path = rig.engine.session_path
    assert path is not None
    consumed = list(rig.stream.consumed)
    rig.do(Stop()).result(0)
    replay = session_to_tracks(path)
    assert replay.fps == FPS
    assert len(replay.tracks) == 1 + T * len(consumed)
    for chunk, tracks in enumerate(consumed):
        columns = np.searchsorted(replay.tracks.ids, tracks.ids)
        rows = slice(1 + chunk * T, 1 + (chunk + 1) * T)
        np.testing.assert_array_equal(replay.tracks.xy[rows][:, columns], tracks.xy)
        np.testing.assert_array_equal(replay.tracks.visible[rows][:, columns], tracks.visible)


def test_a_session_that_cannot_be_written_is_told_once_and_the_video_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    rig = loaded(sessions=tmp_path / "file" / "sessions")
    rig.run(1.0)
    assert rig.engine.state is EngineState.RUNNING
    told = [message for message in rig.messages if "session file" in message]
    assert len(told) == 1
    assert rig.engine.session_path is None


# The thread


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
    x = session_to_tracks(path).tracks.xy[:, 12, 0]
    assert (x[0], x[-1]) == (0.25, 0.75)


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
