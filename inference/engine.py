"""The engine: one thread around a `Stream`, which obeys commands and has chunks made between them.

Owns the state, what the stream shows, the session file and the maker of chunks (`inference.chunk_maker`, with its
decoding thread); nobody else touches them once `start` was called. A command finds every chunk whole. Talks to the UI
through the three channels and through listeners, which it calls on its own thread, and with `FramesReady` on the
decoding thread. Never touches Qt or OpenGL, never polls: it waits for its next deadline or a command. A failure is told
in a sentence and the thread lives on.
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
from inference.chunk_maker import ChunkMaker
from inference.errors import UserError, as_user_error
from inference.lifecycle import EngineEvent, EngineState, FramesReady, Lifecycle
from inference.motion.said import Said
from inference.pacing import EngineStats
from inference.pipeline import inference_mode, lower_thread_priority, share_cores
from inference.session import SessionLog
from inference.stream_like import StreamLike

log = logging.getLogger(__name__)


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
        self._life = Lifecycle()
        self._decoder = decoder
        self._session = SessionLog(sessions, package)
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._held = False  # Pause was said and Resume was not
        self._maker: ChunkMaker | None = None  # from the first picture on, with the stream in it
        self._opened: Load | None = None  # what the stream shows, the prompt kept current

    # any thread

    @property
    def state(self) -> EngineState:
        return self._life.state

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
        """Call `listener` with every event from now on, on the engine's threads; it must return at once. Before
        `start`."""
        self._life.subscribe(listener)

    @property
    def fps(self) -> float:
        """The frame rate the model is made for; 0 before there is one. For every frame; `stats` takes a millisecond."""
        return 0.0 if self._maker is None else self._maker.stream.fps

    def stats(self) -> EngineStats:
        return EngineStats() if self._maker is None else self._maker.stats()

    # engine thread

    def _run(self) -> None:
        lower_thread_priority()
        try:
            with inference_mode():
                while not self._stopping:
                    self.turn()
        finally:
            if self._maker is not None:
                self._maker.stop()
            self._commands.close(UserError("The engine has stopped.", next="Start the application again."))

    def turn(self) -> None:
        """One turn of the thread's loop: a command, or a wait, or a chunk. The thread calls it, and tests
        without one."""
        if (item := self._commands.pop()) is not None:
            self._obey(*item)
        elif self._life.state is not EngineState.RUNNING or self._maker is None:
            self._wait(None)
        elif (wait_s := self._maker.wait_s()) > 0:
            self._wait(wait_s)
        else:
            self._make_chunk(self._maker)

    def _obey(self, command: Command, future: Future[Any]) -> None:
        answer: object = None
        try:
            self._finish_chunks()
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
                    if self._life.state is EngineState.RUNNING:
                        self._life.enter(EngineState.PAUSED)
                case Resume():
                    self._held = False
                    if self._life.state is EngineState.PAUSED:
                        self._begin()
                case Stop():
                    self._session.close()
                    self._stopping = True
                    if self._life.state is not EngineState.IDLE:
                        self._life.enter(EngineState.IDLE)
        except Exception as error:  # answered, never fatal: the thread lives on
            if not isinstance(error, UserError):
                log.exception("a command failed")
            future.set_exception(error)
        else:
            future.set_result(answer)

    def _load(self, load: Load) -> None:
        """Open another picture. On failure the one before goes on: untouched where the fault shows before the
        stream changed, opened again where it does not."""
        before, was_failed = self._opened, self._life.state is EngineState.FAILED
        picture = load.picture
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or picture.size == 0:
            what = "This picture cannot be opened: it is not an 8-bit colour picture."
            error = UserError(what, self._kept(), "Open another one.")
            self._life.say(str(error))
            raise error
        self._life.enter(EngineState.LOADING)
        try:
            self._open(load)
        except Exception as fault:
            again = "Try again, or open another picture."
            error = as_user_error(fault, "Opening the picture failed", self._kept(), again)
            refused = isinstance(fault, UserError) and self._life.state is EngineState.LOADING
            if before is not None and not was_failed and (refused or self._opens_again(before)):
                self._begin(str(error))
            else:
                self._life.enter(EngineState.FAILED, str(error))
            raise error from fault
        self._begin()

    def _with_picture(self) -> StreamLike:
        if self._opened is None or self._maker is None:
            raise UserError("There is no picture to look at yet.", next="Open one first.")
        return self._maker.stream

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
        again = self._opened if seed is None else replace(self._opened, seed=seed)
        self._life.enter(EngineState.LOADING)
        try:
            self._open(again)
        except Exception as fault:
            error = as_user_error(fault, "Starting again failed", self._kept(), "Try again, or open another picture.")
            self._life.enter(EngineState.FAILED, str(error))
            raise error from fault
        self._begin()

    def _set_prompt(self, text: str) -> Said:
        if self._opened is None:
            return Said()
        try:
            stream = self._with_picture()
            stream.set_prompt(text)
            moves = stream.said(text)
        except Exception as fault:
            kept = "The video goes on with the one before."
            error = as_user_error(fault, "The prompt was not taken", kept, "Change it.")
            self._life.say(str(error))
            raise error from fault
        self._opened = replace(self._opened, prompt=text)
        self._note_session(lambda: self._session.prompt(text))
        return moves

    def _open(self, load: Load) -> None:
        """Open, show the picture, and where this size is new make a few chunks that nobody sees."""
        if self._maker is None:
            self._maker = ChunkMaker(
                self._make_stream(), self.mailbox, self.ring,
                clock=self._clock, ready=lambda: self._life.tell(FramesReady()), decoder=self._decoder,
            )  # fmt: skip
            share_cores()
        maker, stream = self._maker, self._maker.stream
        first = stream.open(load.picture, load.prompt, load.seed)
        self.ring.clear()
        self.ring.push(Frame(0, first, self._clock(), -math.inf))
        self._life.tell(FramesReady())
        if not maker.warm:
            self._life.enter(EngineState.WARMING)
            maker.warm_up()
            stream.open(load.picture, load.prompt, load.seed)
        same_picture = self._opened is not None and self._opened.picture is load.picture
        self._opened = load
        maker.begin()
        fps = stream.fps
        if same_picture:
            self._note_session(lambda: self._session.restart(load.prompt, load.seed))
        else:
            self._note_session(lambda: self._session.open(load.picture, load.prompt, load.seed, fps))

    def _begin(self, message: str = "") -> None:
        """Run, or stay paused where Pause holds."""
        assert self._maker is not None
        self._maker.begin_now()
        self._life.enter(EngineState.PAUSED if self._held else EngineState.RUNNING, message)

    def _make_chunk(self, maker: ChunkMaker) -> None:
        try:
            index, tracks = maker.make()
        except Exception as fault:
            self._fail(fault)
        else:
            self._note_session(lambda: self._session.chunk(index, tracks))

    def _finish_chunks(self) -> None:
        try:
            if self._maker is not None:
                self._maker.finish()
        except Exception as fault:
            self._fail(fault)

    def _fail(self, fault: Exception) -> None:
        """A chunk could not be made: told, and waits for a retry."""
        again = "Start again from the picture, or open another."
        error = as_user_error(fault, "Making the next frames failed", self._kept(), again)
        if self._life.state is EngineState.RUNNING:
            self._life.enter(EngineState.FAILED, str(error))
        else:
            self._life.say(str(error))

    def _kept(self) -> str:
        return "The picture and the points are kept." if self._opened is not None else ""

    def _note_session(self, write: Callable[[], None]) -> None:
        """Write to the session file; a disk that is full or gone ends the file, never the video."""
        try:
            write()
        except OSError as fault:
            self._session.abandon()
            what, kept = "The session file can no longer be written", "The video goes on without it."
            error = as_user_error(fault, what, kept, "Check the disk.")
            self._life.say(str(error))
