"""Directing with sound: what is listened to, what it moves, and what is said when it cannot be heard.

Owns the source, the list of moves and the performer made of them. Opening cards and reading files happens on a worker's
thread. The performer's file runs with the video: it begins with the file, and anew after a restart. UI thread.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QObject, Qt, QTimer, Signal

from desktop.directing.camera_levels import CameraLevels
from desktop.directing.sound_card import Microphone, Speaker, inputs
from desktop.directing.sound_move import CAMERA_AXES, SoundMove
from desktop.directing.sound_page import SoundPage
from inference.audio import RATE, read_sound
from inference.channels import Frame
from inference.errors import UserError, as_user_error
from inference.motion.sound import HOP_S, Analyser, Drive
from inference.motion.sound_performer import HeardFile, HeardLive, Move, SoundPerformer
from render.overlay import BLUE, Overlay, OverlayDots, OverlayLine

if TYPE_CHECKING:
    from desktop.main_window import MainWindow

PAGE = "Sound"
STRIP_S = 4.0  # what the strip shows

_WATCH_MS = 250
_BLOCK = 10 * RATE  # samples read and heard at once
_HEARS_NOTHING = HeardLive()


@dataclass(frozen=True)
class FileSound:
    """A file as it was read. samples: int16 [K] at RATE."""

    path: Path
    samples: np.ndarray
    heard: HeardFile


class SoundDesk(QObject):
    """One a window. `camera`: what camera axes move; None until there is one."""

    changed = Signal()

    _done = Signal(object, object)  # what follows on the UI thread, its argument

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.camera: CameraLevels | None = None
        self.moves: list[SoundMove] = []
        self.file: FileSound | None = None
        self.note = ""  # the line about the source
        self._window = window
        self._key: int | None = None
        self._microphone: Microphone | None = None
        self._live = HeardLive()
        self._speaker: Speaker | None = None
        self.frame: Frame | None = None  # on the screen, or about to be
        self._asked = 0  # the newest wish for a source; older ones that come late are dropped
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="sound")
        self._done.connect(self._follow, Qt.ConnectionType.QueuedConnection)
        self._watch = QTimer(self, interval=_WATCH_MS)
        self._watch.timeout.connect(self._look_after)
        self.page = SoundPage(self)
        window.direct.add_page(PAGE, self.page)
        window.viewport.layers.append(self)
        window.player.frame_due.connect(self._on_frame)
        window.score.changed.connect(self._on_score)

    def handlers(self) -> dict[str, Callable[[], None]]:
        return {"sound": lambda: self._window.direct.turn_to(PAGE)}

    def stop(self) -> None:
        """When the window closes."""
        self._watch.stop()
        self._asked += 1
        self._drop_source()
        self._worker.shutdown(wait=True)

    # ---- the source -------------------------------------------------------------------------------

    @property
    def listening(self) -> bool:
        return self._microphone is not None

    @property
    def hearing(self) -> bool:
        """Whether the file comes out of the loudspeaker."""
        return self._speaker is not None

    def look_for_inputs(self) -> None:
        """Fills the page's list of what can be listened to."""
        if self._microphone is None and self._speaker is None:
            self._start(inputs, self.page.show_inputs, self._say_no_card)

    def listen(self, on: bool, name: str | None = None) -> None:
        """To a microphone or line-in; in place of a file."""
        self._drop_source()
        if on:
            self._say("Opening…")
            heard = HeardLive()
            self._start(lambda: (Microphone(heard, name), heard), self._on_microphone, self._say_no_card)

    def open_file(self, path: Path) -> None:
        """Reads a sound file; the moves then follow it with the video."""
        self._drop_source()
        self._say(f"Reading {path.name}…")

        def read() -> FileSound:
            samples, analyser = read_sound(path), Analyser(RATE)
            rows = [
                analyser.feed(samples[at : at + _BLOCK] / np.float32(32768)) for at in range(0, len(samples), _BLOCK)
            ]
            heard = np.concatenate(rows)
            if not len(heard):
                raise UserError(f"{path.name} is too short to follow.", next="Choose a longer one.")
            return FileSound(path, samples, HeardFile(heard))

        self._start(read, self._on_file, self._on_failed)

    def hear(self, on: bool) -> None:
        """Whether the file comes out of the loudspeaker too."""
        if self._speaker is not None:
            self._worker.submit(self._speaker.close)
            self._speaker = None
        if on and self.file is not None:
            samples = self.file.samples
            self._start(lambda: Speaker(samples), self._on_speaker, self._on_failed)
        self.changed.emit()

    def close_source(self) -> None:
        """Silence; the moves stay."""
        self._drop_source()
        self._say("")

    def _drop_source(self) -> None:
        self._asked += 1
        self._watch.stop()
        for stream in (self._microphone, self._speaker):
            if stream is not None:
                self._worker.submit(stream.close)
        self._microphone = self._speaker = self.file = None
        self._begin()

    def _on_microphone(self, opened: tuple[Microphone, HeardLive]) -> None:
        self._microphone, self._live = opened
        self._watch.start()
        self._begin()
        self._say("Listening")

    def _on_file(self, sound: FileSound) -> None:
        self.file = sound
        self._begin()
        minutes, seconds = divmod(round(sound.heard.duration_s), 60)
        self._say(f"{sound.path.name}  ·  {minutes}:{seconds:02d}, again and again")

    def _on_speaker(self, speaker: Speaker) -> None:
        self._speaker = speaker
        self.changed.emit()

    def _look_after(self) -> None:
        if self._microphone is not None and self._microphone.is_lost:
            self._drop_source()
            self._say("")
            self._window.stage.banner.show_problem(
                UserError(
                    "The microphone is gone.",
                    "What it moved comes to rest where you put it; everything else goes on.",
                    "Plug it in and press Listen.",
                )
            )

    def _say(self, line: str) -> None:
        self.note = line
        self.changed.emit()

    def _say_no_card(self, error: UserError) -> None:
        self._say(str(error))

    def _on_failed(self, error: UserError) -> None:
        self._say("")
        self._window.stage.banner.show_problem(error)

    def _start(self, work: Callable[[], Any], then: Callable[[Any], None], failed: Callable[[Any], None]) -> None:
        """Work for the worker; what follows happens here, unless another source was asked for meanwhile."""
        asked = self._asked

        def finish(value: object) -> None:
            if asked == self._asked:
                then(value)
            elif isinstance(opened := value[0] if isinstance(value, tuple) else value, Microphone | Speaker):
                opened.close()

        def on_done(future: Future[Any]) -> None:
            fault = future.exception()
            if fault is None:
                self._done.emit(finish, future.result())
            elif isinstance(fault, Exception):
                error = as_user_error(fault, "The sound could not be used")
                self._done.emit(lambda value: failed(value) if asked == self._asked else None, error)

        self._worker.submit(work).add_done_callback(on_done)

    def _follow(self, then: Callable[[object], None], value: object) -> None:
        then(value)

    # ---- moves ------------------------------------------------------------------------------------

    def add(self, move: SoundMove) -> None:
        """One more thing that the sound does."""
        self.moves.append(self._with_quarters(move))
        self._tell()

    def change(self, index: int, move: SoundMove) -> None:
        self.moves[index] = self._with_quarters(move)
        self._tell()

    def remove(self, index: int) -> None:
        del self.moves[index]
        self._tell()

    def chosen_points(self) -> tuple[int, ...]:
        """The selected points, or else every point that holds the picture, but for what only holds the rest still."""
        points = self._window.points
        return points.selection or tuple(point.id for point in points.points if point.pinned and not point.still)

    def _with_quarters(self, move: SoundMove) -> SoundMove:
        if move.axis != "grow" or len(move.quarters) == len(move.handles):
            return move
        numbers = self._window.score.numbers
        quarters = tuple((next(numbers), next(numbers), next(numbers), next(numbers)) for _ in move.handles)
        return replace(move, quarters=quarters)

    def _begin(self) -> None:
        """Another source: a file runs from its beginning."""
        key, self._key = self._key, None
        if key is not None:
            self._window.score.end(key)
        self._tell()

    def _tell(self) -> None:
        """The engine has the moves as they are now. A file keeps its time as long as it is the same file."""
        size = self._window.viewport.picture_size()
        aspect = size.height() / max(1.0, size.width())
        moves = tuple(
            Move(move.handles, move.axis, move.amount, move.drive, move.quarters)  # type: ignore[arg-type]
            for move in self.moves
            if move.axis not in CAMERA_AXES
        )
        if self._window.viewport.has_picture and (self.file is not None or self._microphone is not None):
            self._key = self._key if self._key is not None else next(self._window.score.numbers)
            self._window.score.perform(SoundPerformer(self._key, moves, self._sound(), aspect))
        if self.camera is not None and not any(move.axis in CAMERA_AXES for move in self.moves):
            self.camera.set_levels("sound", {})
        self._window.viewport.repaint_soon()
        self.changed.emit()

    def _on_score(self) -> None:
        """A new picture has taken everything off the score: its points are gone, the source stays."""
        if self._key is not None and self._key not in self._window.score.keys:
            self._key = None
            self.moves = [move for move in self.moves if move.axis in CAMERA_AXES]
            QTimer.singleShot(0, self, self._tell)  # after the picture is there

    # ---- what is shown ----------------------------------------------------------------------------

    def _sound(self) -> HeardLive | HeardFile:
        if self.file is not None:
            return self.file.heard
        return self._live if self._microphone is not None else _HEARS_NOTHING

    def level(self, drive: Drive) -> float:
        """In the frame that is shown."""
        sound, frame = self._sound(), self.frame
        if frame is None:
            return 0.0
        at_s = self.video_s(frame) if isinstance(sound, HeardFile) else frame.sampled_s
        return float(sound.levels_at(drive, np.array([at_s]))[0]) if at_s is not None and np.isfinite(at_s) else 0.0

    def video_s(self, frame: Frame) -> float | None:
        """How long the sound has played in that frame, None where it had not begun."""
        began = frame.began.get(self._key, None) if self._key is not None else None
        fps = self._window.player.engine.fps
        return None if began is None or not fps else (frame.index - began) / fps

    def strip(self, drive: Drive) -> np.ndarray:
        """The levels of the last STRIP_S, oldest first, float64 [K]."""
        sound, count = self._sound(), round(STRIP_S / HOP_S)
        if isinstance(sound, HeardLive):
            return drive.levels(sound.recent()[0])[-count:]
        now_s = self.video_s(self.frame) if self.frame is not None else None
        times_s = (now_s or 0.0) + HOP_S * np.arange(1 - count, 1)
        return np.where(times_s >= 0, sound.levels_at(drive, times_s), 0.0)

    def overlay(self) -> Overlay:
        """The way of each point that the sound moves, and where it is on it."""
        size = self._window.viewport.picture_size()
        aspect = size.height() / max(1.0, size.width())
        present = {point.id: point.xy for point in self._window.points.points if point.pinned}
        lines, ends = [], []
        for move in self.moves:
            if move.axis not in ("right", "down") or (self.file is None and self._microphone is None):
                continue
            way = np.array([aspect, 0.0] if move.axis == "right" else [0.0, 1.0]) * move.amount
            level = self.level(move.drive)
            for start in (np.array(present[number]) for number in move.handles if number in present):
                lines.append(OverlayLine(np.array([start, start + way], np.float32), BLUE, strength=0.6))
                ends.append(start + level * way)
        dots = (OverlayDots(np.array(ends, np.float32), BLUE, radius=4.5),) if ends else ()
        return Overlay(lines=tuple(lines), dots=dots)

    def _on_frame(self, frame: Frame) -> None:
        self.frame = frame
        if self._speaker is not None and (video_s := self.video_s(frame)) is not None:
            self._speaker.playhead.tell(video_s, frame.due_s)
        if self.camera is not None:
            pushes = {CAMERA_AXES[m.axis]: m.amount * self.level(m.drive) for m in self.moves if m.axis in CAMERA_AXES}
            if pushes:
                self.camera.set_levels("sound", pushes)
