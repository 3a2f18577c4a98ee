"""Motion transfer in the window: a video is opened and followed on a worker, placed on the picture, and lent.

Owns the worker, the driving video or camera that is open, and whether it is lent. Never lays out a widget
(`desktop.directing.transfer_page`) nor knows how points are followed (`inference.motion.borrow`). UI thread, except
`_work` and what it calls.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QFileDialog

from desktop.directing.transfer_box import TransferBox
from desktop.directing.transfer_page import CHECKPOINT_FILTER, FILE_FILTER, TransferPage
from inference.channels import Frame
from inference.errors import UserError, as_user_error
from inference.motion.borrow import BorrowedMotion, Driving, borrow
from inference.motion.point_tracks import Follow, followed
from inference.motion.transfer import TransferSource
from inference.motion.webcam import Camera, Webcam, WebcamSource, cameras
from inference.pipeline import lower_thread_priority

if TYPE_CHECKING:
    from desktop.main_window import MainWindow
    from desktop.settings import Settings

log = logging.getLogger(__name__)

PAGE = "Video"
_PERIOD_S = 1.0 / 15.0  # of the little screen, at most
_SETTLE_MS = 250  # after the last change of a setting, before what is lent begins anew


class TransferDesk(QObject):
    """One a window. What is lent begins anew, from the video's first frame and from what the picture shows then, with
    every change of where and how it lies."""

    _told = Signal(int, float)  # of which opening, how far it is
    _answered = Signal(int, object)  # of which opening: Driving, UserError, or None where it was cancelled
    _camera_lost = Signal(object, object)  # Webcam, UserError

    def __init__(self, window: MainWindow, settings: Settings) -> None:
        super().__init__(window)
        self._window, self._settings = window, settings
        self.page = TransferPage()
        self.box = TransferBox(window.viewport.picture_size, self)
        self.driving: Driving | None = None
        self.webcam: Webcam | None = None
        self.key: int | None = None  # of what is lent
        self._path: Path | None = None  # of the video that was opened last
        self._co_tracker: tuple[Path, Follow] | None = None  # the worker's
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="transfer", initializer=lower_thread_priority)
        self._numbers = itertools.count(1)
        self._opening = 0
        self._cancelled = threading.Event()
        self._painted_s = 0.0
        self._idle_since_s = time.monotonic()
        self._idle = QTimer(self, interval=round(_PERIOD_S * 1000))
        self._idle.timeout.connect(self._show_idle)
        self._settle = QTimer(self, interval=_SETTLE_MS, singleShot=True)
        self._settle.timeout.connect(self._begin_anew)
        window.direct.add_page(PAGE, self.page)
        window.viewport.pointer.tools.append(self.box)
        window.viewport.layers.append(self.box)
        window.player.frame_due.connect(self._on_frame)
        window.score.changed.connect(self._on_score)
        self.box.moved.connect(window.viewport.repaint_soon)
        self.box.placed.connect(self._begin_anew)
        page, queued = self.page, Qt.ConnectionType.QueuedConnection
        page.open_asked.connect(self._open_dialog)
        page.dropped.connect(self.open)
        page.camera_asked.connect(self.watch)
        page.tracker_asked.connect(self._choose_tracker)
        page.show_tracker(settings.point_tracker)
        page.play_asked.connect(self.toggle)
        page.cancel_asked.connect(self._cancel)
        page.changed.connect(self._on_changed)
        page.seen.connect(self._on_seen)
        self._told.connect(self._on_told, queued)
        self._answered.connect(self._on_answer, queued)
        self._camera_lost.connect(self._on_camera_lost, queued)

    def handlers(self) -> dict[str, Callable[[], None]]:
        return {"transfer": lambda: self._window.direct.turn_to(PAGE), "transfer_lend": self.toggle}

    def stop(self) -> None:
        """When the window closes."""
        self._idle.stop()
        self._settle.stop()
        self._cancel()
        self._switch_off()
        self._pool.shutdown(wait=True, cancel_futures=True)

    # ---- what is borrowed -------------------------------------------------------------------------

    def open(self, path: Path) -> None:
        """Follows a video; what was there before stays until this one is ready."""
        self._cancelled.set()
        self._cancelled = threading.Event()
        self._path = path
        self._opening = next(self._numbers)
        self.page.show_busy(0.0)
        checkpoint = self._settings.point_tracker
        self._pool.submit(self._work, self._opening, path, self._fps(), checkpoint, self._cancelled)

    def follow_by(self, checkpoint: Path | None) -> None:
        """From now on a video's points are followed by this checkpoint of CoTracker; None: by OpenCV. An open video is
        followed again.
        """
        self._settings.point_tracker = checkpoint
        self.page.show_tracker(checkpoint)
        if self._path is not None and self.webcam is None:
            self.open(self._path)

    def watch(self, camera: Camera) -> None:
        """Switches a camera on, in place of whatever was borrowed."""
        self._cancel()
        self.end()
        self._switch_off()
        self.driving = None
        self.webcam = Webcam(camera, lambda error: self._camera_lost.emit(webcam, error))
        webcam = self.webcam
        webcam.start()
        self.page.title.setText(camera.name)
        self.page.lend = "all"
        self.page.show_ready(True, frozenset({"all"}), live=True)

    def toggle(self) -> None:
        """Lends, or stops it."""
        if self.key is None:
            self.lend()
        else:
            self.end()

    def lend(self) -> None:
        """From now on the picture goes along; in place of what was lent before."""
        if self.driving is None and self.webcam is None:
            self._window.direct.turn_to(PAGE) if self._window.direct.page != PAGE else None
            self._window.stage.banner.show_note("Open a video first: its motion is what is lent.")
            return
        if not self._window.viewport.has_picture:
            self._window.stage.banner.show_note("Open a picture first: it borrows the motion.")
            return
        before, self.key = self.key, next(self._window.score.numbers)
        motion, aspect = self._motion(), self.box.picture_aspect
        if motion is not None:
            self._window.score.lend(TransferSource(self.key, motion, self.box.placement, aspect))
        elif self.webcam is not None:
            self._window.score.lend(WebcamSource(self.key, self.webcam, self.box.placement, aspect))
        if before is not None:  # only now: a chunk between the two would have neither, and the picture would jump
            self._window.score.end(before)
        self.page.show_playing(True)

    def end(self) -> None:
        """The picture is as it is without."""
        key, self.key = self.key, None
        self._idle_since_s = time.monotonic()
        self.page.show_playing(False)
        if key is not None:
            self._window.score.end(key)

    def _work(
        self, number: int, path: Path, fps: float, checkpoint: Path | None, cancelled: threading.Event
    ) -> None:  # on the worker
        try:
            answer: Driving | UserError | None = borrow(
                path,
                fps,
                follow=self._follow(checkpoint),
                progress=lambda share: self._told.emit(number, share),
                cancelled=cancelled.is_set,
            )
        except Exception as fault:  # decoders meet every broken file there is
            answer = as_user_error(fault, f"{path.name} cannot be followed", next="Choose another video.")
        self._answered.emit(number, answer)

    def _follow(self, checkpoint: Path | None) -> Follow:  # on the worker
        if checkpoint is None:
            return followed
        if self._co_tracker is None or self._co_tracker[0] != checkpoint:
            from inference.motion.co_tracker import CoTracker  # here: the window opens without torch

            self._co_tracker = (checkpoint, CoTracker(checkpoint))
        return self._co_tracker[1]

    def _on_told(self, number: int, share: float) -> None:
        if number == self._opening:
            self.page.show_busy(share)

    def _on_answer(self, number: int, answer: Driving | UserError | None) -> None:
        if number != self._opening:
            return
        self._opening = 0
        self.page.show_busy(None)
        if isinstance(answer, UserError):
            kept = answer.kept or ("What was borrowed before stays." if self.driving or self.webcam else "")
            self._window.stage.banner.show_problem(UserError(answer.what, kept, answer.next))
        elif answer is not None:
            self._take(answer)

    def _take(self, driving: Driving) -> None:
        self._switch_off()
        lent = self.key is not None
        self.driving = driving
        self.box.fit(driving.motions["all"].aspect)
        self.page.lend = self.page.lend if self.page.lend in driving.motions else "all"
        self.page.show_ready(True, frozenset(driving.motions), live=False)
        self.page.title.setText(f"{driving.title}  ·  {driving.motions['all'].seconds:.1f} s")
        self._window.stage.banner.hide()  # a problem that this solved
        if driving.note:
            self._window.stage.banner.show_note(driving.note)
        self._idle_since_s = time.monotonic()
        self._refresh_box()
        if lent:
            self.lend()

    def _cancel(self) -> None:
        self._cancelled.set()
        self._opening = 0
        self.page.show_busy(None)

    def _switch_off(self) -> None:
        if self.webcam is not None:
            self.webcam.stop()
            self.webcam = None

    def _on_camera_lost(self, webcam: Webcam, error: UserError) -> None:
        if webcam is self.webcam:
            self._window.stage.banner.show_problem(error)
            self.page.show_cameras(cameras())

    # ---- how it lies ------------------------------------------------------------------------------

    def _on_changed(self) -> None:
        page = self.page
        self.box.placement = replace(
            self.box.placement, turn_deg=page.turn_deg, mirror=page.mirror, speed=page.speed, round=page.round
        )
        self._window.viewport.repaint_soon()
        self._settle.start()

    def _begin_anew(self) -> None:
        if self.key is not None:
            self.lend()

    def _on_score(self) -> None:
        if self.key is not None and self.key not in self._window.score.keys:
            self.end()  # another picture

    def _motion(self) -> BorrowedMotion | None:
        return self.driving.motions[self.page.lend] if self.driving is not None else None

    def _fps(self) -> float:
        return self._window.player.engine.fps or 24.0

    # ---- what is shown ----------------------------------------------------------------------------

    def _on_seen(self, seen: bool) -> None:
        if seen:
            self.page.show_cameras(cameras())
            self._idle.start()
        else:
            self._idle.stop()
        self._refresh_box()

    def _refresh_box(self) -> None:
        self.box.shown = self.page.isVisible() and (self.driving is not None or self.webcam is not None)
        self._window.viewport.repaint_soon()

    def _on_frame(self, frame: Frame) -> None:
        """The little screen goes with the picture: what is lent shows in it the moment that the picture shows."""
        motion = self._motion()
        if self.key not in frame.began or motion is None or not self.page.isVisible():
            return
        played_s = (frame.index - frame.began[self.key]) / self._fps()
        self._show_moment(motion, float(self.box.placement.moment_s(np.array([played_s]), motion.seconds)[0]))

    def _show_idle(self) -> None:
        """What is not lent plays by itself; a camera always does."""
        motion = self._motion()
        if self.webcam is not None and (glance := self.webcam.view()) is not None:
            self.box.aspect = glance.aspect
            self.box.points = glance.xy
            self.page.screen.show_frame(glance.picture, glance.xy)
            self._refresh_box()
        elif motion is not None and self.key is None:
            played_s = np.array([time.monotonic() - self._idle_since_s])
            self._show_moment(motion, float(self.box.placement.moment_s(played_s, motion.seconds)[0]))

    def _show_moment(self, motion: BorrowedMotion, moment_s: float) -> None:
        now_s = time.monotonic()
        if self.driving is None or now_s - self._painted_s < 0.9 * _PERIOD_S:
            return
        self._painted_s = now_s
        row = min(int(moment_s * motion.fps + 1e-6), len(self.driving.shown) - 1)
        # The things' own motion is on the steadied first frame; in the video they are where all points are.
        in_video = self.driving.motions["all"] if self.page.lend == "objects" else motion
        picture = self.driving.pictures[self.driving.shown[row]]
        self.page.screen.show_frame(picture, _points(in_video, moment_s))
        self.box.points = _points(motion, moment_s)
        self._window.viewport.repaint_soon()

    def _choose_tracker(self, co_tracker: bool) -> None:
        name = ""
        if co_tracker:
            name, _ = QFileDialog.getOpenFileName(
                self._window, "Open a checkpoint of CoTracker3", "", CHECKPOINT_FILTER
            )
        if name or not co_tracker:
            self.follow_by(Path(name) if name else None)
        else:
            self.page.show_tracker(self._settings.point_tracker)

    def _open_dialog(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self._window, "Borrow the motion of a video", "", FILE_FILTER)
        if name:
            self.open(Path(name))


def _points(motion: BorrowedMotion, moment_s: float) -> np.ndarray:
    """What is seen at a moment, [N, 2]."""
    xy, visible = motion.at(np.array([moment_s]))
    return xy[0, visible[0]]
