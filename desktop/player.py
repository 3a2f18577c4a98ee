"""The window's side of the engine: sends it commands, brings its events to the UI thread, holds it while
unseen.

Owns the engine and the reasons for a pause. Never waits on the engine and never touches a tensor. UI
thread, except `_on_engine_event`, which the engine calls on its own thread and which only emits queued
signals.
"""

from __future__ import annotations

import logging
from concurrent.futures import Future
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, Qt, Signal

from desktop.pace import FramePacer
from inference.channels import Load, Pause, Restart, Resume, SetPrompt
from inference.engine import Engine
from inference.lifecycle import EngineEvent, EngineState, FramesReady, StateChanged

log = logging.getLogger(__name__)

BY_PERSON = "person"  # the one reason for a pause that a person chose; the others come and go with the window


class Player(QObject):
    """Play, pause and restart for the window. Frames come out of `frame_due` at their time."""

    state_changed = Signal(object)  # EngineState
    told = Signal(str)  # sentences for the person
    frame_due = Signal(object)
    frame_coming = Signal(object)  # Frame: the next one, while none is due, again and again

    _state_event = Signal(object)
    _frames_event = Signal()
    _opened = Signal()

    def __init__(self, engine: Engine, seed: int, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.engine = engine
        self.state = engine.state
        self.prompt = ""
        self.ended = False
        self._stopped = False
        self._seed = seed
        self._picture: np.ndarray | None = None
        self._holds: set[str] = set()
        self._opening = 0  # loads and restarts not yet answered
        self._frames_pending = False
        self._pacer = FramePacer(engine.ring, self)
        self._pacer.frame_due.connect(self.frame_due)
        self._pacer.frame_coming.connect(self.frame_coming)
        queued = Qt.ConnectionType.QueuedConnection
        self._state_event.connect(self._on_state, queued)
        self._frames_event.connect(self._on_frames, queued)
        self._opened.connect(self._on_opened, queued)
        engine.subscribe(self._on_engine_event)
        engine.start()

    @property
    def paused_by_person(self) -> bool:
        return BY_PERSON in self._holds

    @property
    def streaming(self) -> bool:
        """There is a stream, or one is being opened, or it failed and can be started again."""
        return self.state is not EngineState.IDLE

    def load(self, picture: np.ndarray) -> None:
        """Starts from a picture, uint8 [H, W, 3] at a bucket's size; a person who chooses one wants to see
        it move.
        """
        self._picture = picture
        self.hold(BY_PERSON, False)
        self._open(Load(picture, self.prompt, self._seed))

    def restart(self) -> None:
        """From the picture again; after a failure, another try."""
        if self.state is EngineState.FAILED and self._picture is not None:
            self._open(
                Load(self._picture, self.prompt, self._seed)
            )  # a stream that never opened has nothing to restart
        else:
            self._open(Restart())

    def set_prompt(self, text: str) -> Future[Any]:
        """The answer is what the words move (`inference.motion.said.Said`)."""
        self.prompt = text
        return self.engine.send(SetPrompt(text))

    @property
    def aspect(self) -> float:
        """The picture's width to its height."""
        return self._picture.shape[1] / self._picture.shape[0] if self._picture is not None else 1.0

    def hold(self, reason: str, on: bool) -> None:
        """Adds or removes a reason to generate nothing; the engine runs while there is none."""
        before = bool(self._holds)
        if on:
            self._holds.add(reason)
        else:
            self._holds.discard(reason)
        if bool(self._holds) != before:
            log.info("hold=%s reasons=%s", bool(self._holds), sorted(self._holds))
            self.engine.send(Pause() if self._holds else Resume())

    def look_ahead(self) -> None:
        """The frame before is on the screen: `frame_coming` for the next, where it waits already."""
        self._pacer.look_ahead()

    def stop(self) -> None:
        """Ends the engine; called once, when the window closes. `ended` says whether it did in time."""
        self._stopped = True
        self._pacer.stop()
        self.ended = self.engine.stop()

    def _open(self, command: Load | Restart) -> None:
        # Frames of the stream before must not flash up behind the new picture: none is shown until the
        # answer is here.
        self._opening += 1
        self._pacer.stop()
        self.engine.send(command).add_done_callback(self._on_answer)

    def _on_answer(self, _: Future[Any]) -> None:
        self._opened.emit()

    def _on_engine_event(self, event: EngineEvent) -> None:
        match event:
            case StateChanged():
                self._state_event.emit(event)
            case FramesReady():
                if not self._frames_pending:  # one wake-up on its way is enough
                    self._frames_pending = True
                    self._frames_event.emit()

    def _on_opened(self) -> None:
        self._opening -= 1
        self._on_frames()

    def _on_frames(self) -> None:
        self._frames_pending = False
        if not self._opening and not self._stopped:  # a wake-up may still be on its way when the window is gone
            self._pacer.wake()

    def _on_state(self, event: StateChanged) -> None:
        self.state = event.new
        if event.message:
            self.told.emit(event.message)
        self.state_changed.emit(event.new)
