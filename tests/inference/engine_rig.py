"""An engine turned by hand: without a thread, on a clock of its own, around a fake stream."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

from inference.channels import Frame, Handle, Load
from inference.engine import Engine
from inference.lifecycle import EngineEvent, EngineState, FramesReady, StateChanged
from tests.fakes import FakeClock, FakeStream, square_picture

FPS, T = 24.0, 4
PERIOD = T / FPS
DEADLINE_S = 120.0  # two processes test at once, on cores that others share; what passes takes a second
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
            while (coming := self.engine.ring.coming) is not None:
                frame = self.engine.ring.due(coming.due_s)
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
