"""The engine: one thread around a `Stream`, and a second one that decodes a chunk while the next one is made.

Owns the stream, its pacing, the director and the session file; nobody else touches them once `start` was
called. Talks to the UI through the three channels and through listeners, which it calls on its own thread.
Never touches Qt or OpenGL, never polls: it waits for its next deadline or a command. A failure is told in a
sentence and the thread lives on.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from inference.channels import (
    Command,
    CommandQueue,
    ControlMailbox,
    Frame,
    FrameRing,
    GetBelonging,
    GetDepth,
    Load,
    Pause,
    Restart,
    Resume,
    SetDepth,
    SetPrompt,
    Stop,
)
from inference.errors import UserError, as_user_error
from inference.finishing import Making
from inference.lifecycle import TRANSITIONS, EngineEvent, EngineState, FramesReady, StateChanged
from inference.motion.director import Director, Span
from inference.motion.said import Said
from inference.pacing import EngineStats, Meters, Pacer
from inference.pipeline import Pipeline, inference_mode, lower_thread_priority, share_cores
from inference.session import SessionLog
from inference.stream_like import StreamLike
from inference.tracks import Tracks

log = logging.getLogger(__name__)

WARM_UP_CHUNKS = 2  # the first pays for lazy set-up, the second is a first estimate of the time a chunk takes


class Engine:
    """See the module. `make_stream` runs on the engine thread at the first Load and again after it failed.

    sessions: folder for session files, None for none. package: the name written into them. clock and wait are
    replaced in tests; wait(seconds or None) returns early when a command comes. decoder: replaced in tests.
    """

    def __init__(
        self,
        make_stream: Callable[[], StreamLike],
        *,
        sessions: Path | None = None,
        package: str = "",
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float | None], object] | None = None,
        decoder: Executor | None = None,
    ) -> None:
        self.mailbox = ControlMailbox()
        self.ring = FrameRing()
        self._commands = CommandQueue()
        self._make_stream = make_stream
        self._clock = clock
        self._wait = wait or self._commands.wait
        self._listeners: list[Callable[[EngineEvent], None]] = []
        self._meters = Meters()
        self._decoding = Pipeline(decoder)
        self._session = SessionLog(sessions, package)
        self._thread: threading.Thread | None = None
        self._state = EngineState.IDLE
        self._stopping = False
        self._held = False  # Pause was said and Resume was not
        self._stream: StreamLike | None = None
        self._opened: Load | None = None  # what the stream shows, the prompt kept current
        self._warmed: set[tuple[int, int]] = set()
        self._pacer: Pacer | None = None
        self._director: Director | None = None
        self._next_index = 0
        self._last_began_s: float | None = None  # of the chunk before, where nothing was waited for since

    # any thread

    @property
    def state(self) -> EngineState:
        return self._state

    @property
    def session_path(self) -> Path | None:
        """The session file being written, if any."""
        return self._session.path

    def start(self) -> None:
        """Start the thread; once."""
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> bool:
        """End the thread after the present chunk. Whether it ended in time; it is a daemon and never blocks
        the exit."""
        self._commands.put(Stop())
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            log.warning("the inference thread did not end within %.1f s", timeout_s)
            return False
        return True

    def send(self, command: Command) -> Future[Any]:
        """Queue a command. The future gives its answer (None, unless it asks something) when it is done, or raises
        the UserError that is also told to the listeners."""
        return self._commands.put(command)

    def subscribe(self, listener: Callable[[EngineEvent], None]) -> None:
        """Call `listener` with every event from now on, on the engine thread; it must return at once. Before
        `start`."""
        self._listeners.append(listener)

    @property
    def fps(self) -> float:
        """The frame rate the model is made for; 0 before there is one. For every frame; `stats` takes a millisecond."""
        return 0.0 if self._stream is None else self._stream.fps

    def stats(self) -> EngineStats:
        stream = self._stream
        found = self._meters.stats(self._pacer, self.fps, self.ring.dropped, stream.context_frames if stream else {})
        return found if stream is None else replace(found, backend=stream.computed_by)

    # engine thread

    def _run(self) -> None:
        lower_thread_priority()
        try:
            with inference_mode():
                while not self._stopping:
                    self.turn()
        finally:
            self._decoding.stop()
            self._commands.close(UserError("The engine has stopped.", next="Start the application again."))

    def turn(self) -> None:
        """One turn of the thread's loop: a command, or a wait, or a chunk. The thread calls it, and tests
        without one."""
        if (item := self._commands.pop()) is not None:
            self._obey(*item)
        elif self._state is not EngineState.RUNNING or self._pacer is None:
            self._wait(None)
        else:
            now_s = self._clock()
            if (take_s := self._pacer.take_at(now_s, int(self._decoding.busy))) > now_s:
                self._last_began_s = None
                self._wait(take_s - now_s)
            else:
                self._make_chunk()

    def _obey(self, command: Command, future: Future[Any]) -> None:
        self._last_began_s = None
        answer: object = None
        try:
            self._finish_decoding()  # a command finds every chunk whole
            match command:
                case Load():
                    self._load(command)
                case Restart(seed):
                    self._restart(seed)
                case SetPrompt(text):
                    answer = self._set_prompt(text)
                case GetDepth():
                    answer = self._with_picture().depth()
                case GetBelonging(places):
                    answer = self._with_picture().belongs(places)
                case SetDepth(depth):
                    self._with_picture().set_depth(depth)
                case Pause():
                    self._held = True
                    if self._state is EngineState.RUNNING:
                        self._enter(EngineState.PAUSED)
                case Resume():
                    self._held = False
                    if self._state is EngineState.PAUSED:
                        self._begin()
                case Stop():
                    self._session.close()
                    self._stopping = True
                    if self._state is not EngineState.IDLE:
                        self._enter(EngineState.IDLE)
        except Exception as error:  # answered, never fatal: the thread lives on
            if not isinstance(error, UserError):
                log.exception("a command failed")
            future.set_exception(error)
        else:
            future.set_result(answer)

    def _load(self, load: Load) -> None:
        """Open another picture. On failure the one before goes on: untouched where the fault shows before the
        stream changed, opened again where it does not."""
        before, was_failed = self._opened, self._state is EngineState.FAILED
        picture = load.picture
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or picture.size == 0:
            error = UserError(
                "This picture cannot be opened: it is not an 8-bit colour picture.",
                self._kept(),
                "Open another one.",
            )
            self._say(str(error))
            raise error
        self._enter(EngineState.LOADING)
        try:
            self._open(load)
        except Exception as fault:
            error = as_user_error(
                fault, "Opening the picture failed", self._kept(), "Try again, or open another picture."
            )
            refused = isinstance(fault, UserError) and self._state is EngineState.LOADING
            if before is not None and not was_failed and (refused or self._opens_again(before)):
                self._begin(str(error))
            else:
                self._enter(EngineState.FAILED, str(error))
            raise error from fault
        self._begin()

    def _with_picture(self) -> StreamLike:
        if self._opened is None or self._stream is None:
            raise UserError("There is no picture to look at yet.", next="Open one first.")
        return self._stream

    def _opens_again(self, before: Load) -> bool:
        try:
            self._open(before)
        except Exception:
            log.exception("the picture before did not open again either")
            return False
        return True

    def _restart(self, seed: int | None) -> None:
        """Open the same picture again: also the retry after a failure. Nothing to do without a picture."""
        if self._opened is None:
            return
        again = self._opened if seed is None else _with(self._opened, seed=seed)
        self._enter(EngineState.LOADING)
        try:
            self._open(again)
        except Exception as fault:
            error = as_user_error(fault, "Starting again failed", self._kept(), "Try again, or open another picture.")
            self._enter(EngineState.FAILED, str(error))
            raise error from fault
        self._begin()

    def _set_prompt(self, text: str) -> Said:
        if self._opened is None or self._stream is None:
            return Said()
        try:
            self._stream.set_prompt(text)
            moves = self._stream.said(text)
        except Exception as fault:
            error = as_user_error(
                fault, "The prompt was not taken", "The video goes on with the one before.", "Change it."
            )
            self._say(str(error))
            raise error from fault
        self._opened = _with(self._opened, prompt=text)
        self._note_session(lambda: self._session.prompt(text))
        return moves

    def _open(self, load: Load) -> None:
        """Open, show the picture, and where this size is new make a few chunks that nobody sees."""
        if self._stream is None:
            self._stream = self._make_stream()
            share_cores()
        stream = self._stream
        first = stream.open(load.picture, load.prompt, load.seed)
        self.ring.clear()
        self.ring.push([Frame(0, first, self._clock(), -math.inf)])
        self._emit(FramesReady())
        if stream.size not in self._warmed:
            self._enter(EngineState.WARMING)
            self._pacer = Pacer(stream.fps, stream.frames_per_chunk)
            for chunk in range(WARM_UP_CHUNKS):
                began_s = self._clock()
                stream.advance(Tracks.empty(stream.frames_per_chunk))
                if chunk > 0:
                    self._pacer.learn(self._clock() - began_s)
            stream.open(load.picture, load.prompt, load.seed)
            self._warmed.add(stream.size)
        same_picture = self._opened is not None and self._opened.picture is load.picture
        self._opened = load
        self._next_index = 1
        if self._director is None:
            self._director = Director(stream.size, stream.max_tracks)
        self._director.reset(stream.size, stream)
        self._meters.clear()
        fps = stream.fps
        if same_picture:
            self._note_session(lambda: self._session.restart(load.prompt, load.seed))
        else:
            self._note_session(lambda: self._session.open(load.picture, load.prompt, load.seed, fps))

    def _begin(self, message: str = "") -> None:
        """Run, or stay paused where Pause holds: what was drawn meanwhile is no motion, the schedule starts
        now."""
        assert self._pacer is not None
        assert self._stream is not None
        self._pacer.snap()
        self.mailbox.skip(self._clock() - self._stream.frames_per_chunk / self._stream.fps)
        self._enter(EngineState.PAUSED if self._held else EngineState.RUNNING, message)

    def _make_chunk(self) -> None:
        assert self._pacer is not None
        assert self._stream is not None
        assert self._director is not None
        began_s = self._clock()
        interval_s = 0.0 if self._last_began_s is None else began_s - self._last_began_s
        self._last_began_s = began_s
        stream, frames, index = self._stream, self._stream.frames_per_chunk, self._next_index
        snapshot = self.mailbox.take(began_s)
        span = Span(snapshot.since_s, snapshot.now_s, index, frames, stream.fps)
        try:
            tracks = self._director.direct(snapshot, span).rounded()
            chunk = stream.make(tracks)
            made_s = self._clock() - began_s
            director, event_s = self._director, snapshot.oldest_event_s
            making = Making(
                chunk, stream.motion, stream.timings_ms, span, made_s, interval_s, event_s,
                director.began, director.behind, director.shots,
            )  # fmt: skip
            self._decoding.put(lambda: self._finish_chunk(stream, making))
        except Exception as fault:
            self._fail(fault)
            return
        self._next_index += frames
        self._note_session(lambda: self._session.chunk(index, tracks))

    def _finish_chunk(self, stream: StreamLike, making: Making) -> None:
        """On the decoding thread."""
        assert self._pacer is not None
        self.ring.push(making.frames(stream, self._pacer, self._meters, self._clock))
        self._emit(FramesReady())

    def _finish_decoding(self) -> None:
        try:
            self._decoding.drain()
        except Exception as fault:
            self._fail(fault)

    def _fail(self, fault: Exception) -> None:
        """A chunk could not be made: told, and waits for a retry."""
        error = as_user_error(
            fault,
            "Making the next frames failed",
            self._kept(),
            "Start again from the picture, or open another.",
        )
        if self._state is EngineState.RUNNING:
            self._enter(EngineState.FAILED, str(error))
        else:
            self._say(str(error))

    def _kept(self) -> str:
        return "The picture and the points are kept." if self._opened is not None else ""

    def _note_session(self, write: Callable[[], None]) -> None:
        """Write to the session file; a disk that is full or gone ends the file, never the video."""
        try:
            write()
        except OSError as fault:
            self._session.abandon()
            error = as_user_error(
                fault, "The session file can no longer be written", "The video goes on without it.", "Check the disk."
            )
            self._say(str(error))

    def _enter(self, new: EngineState, message: str = "") -> None:
        """The one place that changes the state."""
        old = self._state
        if new not in TRANSITIONS[old]:
            raise RuntimeError(f"no way from {old.value} to {new.value}")
        self._state = new
        log.info("state %s -> %s %s", old.value, new.value, message)
        self._emit(StateChanged(old, new, message))

    def _say(self, message: str) -> None:
        log.warning("%s", message)
        self._emit(StateChanged(self._state, self._state, message))

    def _emit(self, event: EngineEvent) -> None:
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                log.exception("a listener failed")


def _with(load: Load, *, prompt: str | None = None, seed: int | None = None) -> Load:
    return Load(load.picture, load.prompt if prompt is None else prompt, load.seed if seed is None else seed)
