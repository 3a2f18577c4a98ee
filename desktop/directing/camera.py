"""The camera as a person directs it: keys, mouse look, moves and keyframes become what the engine is asked.

Owns the fly mode, the levels of every source (keys, a pad, sound), the keyframes and what plays. Never computes a view
(`inference.motion`). UI thread.

In fly mode W, A, S, D, Q and E fly, by their place on the keyboard, and the shortcuts on those keys rest; everything
else stays as it is. A text field has its keys for itself.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent, QMouseEvent, QWindow
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QLineEdit, QPlainTextEdit, QTextEdit

from desktop.directing.dock import DirectDock
from desktop.directing.fly_keys import FlyKeys
from desktop.handles import XY, HandleModel
from desktop.viewport import Viewport
from inference.channels import ControlMailbox, Frame
from inference.errors import as_user_error
from inference.motion.camera import AHEAD, HOME, Scene, Shot, View
from inference.motion.camera_file import load_camera, save_camera
from inference.motion.camera_moves import LEAD_S, Classic, Keyframe, Kind
from inference.motion.camera_moves import Path as CameraPath
from inference.motion.fly import CameraMove, GoHome, Levels, Look
from render.overlay import BLUE, WHITE, Overlay, OverlayDots, OverlayLine

SPEED, MIN_SPEED, MAX_SPEED = 0.1, 0.01, 1.0  # distances of what is seen, a second
TURN = 0.7  # radians a second at a full level
# What a level of 1 is: a turn to the right is negative to the engine; 0 for what goes with the speed.
AXES = {"forward": 0.0, "right": 0.0, "up": 0.0, "yaw": -TURN, "pitch": TURN, "roll": -TURN}
PAGE = "Camera"
_LINE = "Flying  ·  W A S D, Q E down and up  ·  middle button looks, wheel sets the speed  ·  F ends"
_NOTCH = 1.15  # the wheel's, on the speed
_LOOK = math.radians(90.0)  # of a drag across the whole picture
_SPACING_S = 2.0  # between keyframes that are added
_PATH_SAMPLES = 24  # a second of path, as it is drawn
_KEYS = "keys"
_TEXT_FIELDS = (QLineEdit, QTextEdit, QPlainTextEdit, QAbstractSpinBox)


class CameraDesk(QObject):
    """`changed` when anything that the page shows has; `told` has a sentence for the person."""

    changed = Signal()
    told = Signal(str)

    def __init__(self, mailbox: ControlMailbox, points: HandleModel, viewport: Viewport, dock: DirectDock) -> None:
        super().__init__(dock)
        self._mailbox, self._points, self._viewport, self._dock = mailbox, points, viewport, dock
        self.flying = False
        self.speed = SPEED
        self.keyframes: tuple[Keyframe, ...] = ()
        self.loop = False
        self.move: CameraMove | None = None  # what plays
        self._keys = FlyKeys()
        self._levels: dict[str, Levels] = {}
        self._asked = Levels()
        self._look_from: tuple[float, float] | None = None
        self._frame: Frame | None = None  # the latest on the screen
        self._fps = 24.0
        viewport.pointer.tools.append(self)
        viewport.screen_layers.append(self)
        app = QApplication.instance()
        assert isinstance(app, QGuiApplication)
        app.installEventFilter(self)
        app.focusWindowChanged.connect(self._drop_keys)
        app.focusObjectChanged.connect(self._on_focus)

    def handlers(self) -> dict[str, Callable[[], None]]:
        """What the actions do."""
        return {
            "camera": lambda: self._dock.turn_to(PAGE),
            "fly": lambda: self.set_flying(not self.flying),
            "camera_home": self.go_home,
        }

    # ---- what others ask --------------------------------------------------------------------------

    def set_levels(self, source: str, levels: Mapping[str, float]) -> None:
        """How strongly `source` pushes, -1 to 1, by "right", "up", "forward" (flying), "yaw", "pitch" and "roll"
        (looking right and up, leaning right), until it says otherwise; {} is the end of it. Sources add up.
        """
        if unknown := levels.keys() - AXES.keys():
            raise ValueError(f"no such level of the camera: {sorted(unknown)}")
        self._levels[source] = dict(levels)
        total = {axis: sum(each.get(axis, 0.0) for each in self._levels.values()) for axis in AXES}
        scaled = Levels(**{axis: total[axis] * (AXES[axis] or self.speed) for axis in AXES})
        if scaled != self._asked:
            self._asked = scaled
            self._mailbox.ask_camera(scaled, time.monotonic())

    def look(self, yaw: float, pitch: float) -> None:
        """Turns the camera: radians, to the left and up."""
        self._mailbox.ask_camera(Look(yaw, pitch), time.monotonic())

    def set_speed(self, speed: float) -> None:
        self.speed = min(max(speed, MIN_SPEED), MAX_SPEED)
        self.set_levels(_KEYS, self._keys.levels)
        self.changed.emit()

    def set_flying(self, on: bool) -> None:
        """The fly mode."""
        self.flying = on
        self._drop_keys()
        self.changed.emit()

    @property
    def view(self) -> View:
        """Of the frame on the screen."""
        return self._frame.shot.view if self._frame is not None and self._frame.shot is not None else HOME

    @property
    def line(self) -> str:
        """What to say over the picture in fly mode, else ""."""
        return _LINE if self.flying else ""

    @property
    def seconds(self) -> float | None:
        """How far what plays is in the frame on the screen; None while nothing does."""
        if self.move is None or self._frame is None or self.move.key not in self._frame.began:
            return None
        return (self._frame.index - self._frame.began[self.move.key]) / self._fps

    # ---- moves ------------------------------------------------------------------------------------

    def go_home(self) -> None:
        """Back to where the picture was taken from, smoothly."""
        self.stop()
        self._mailbox.ask_camera(GoHome(), time.monotonic())
        self._asked = Levels()  # the way home ends them

    def play_classic(self, kind: Kind, strength: float, period_s: float) -> None:
        self._play(Classic(next(self._points.numbers), kind, strength, period_s))

    def play(self) -> None:
        """The path through the keyframes."""
        if self.keyframes:
            self._play(CameraPath(next(self._points.numbers), self.keyframes, self.loop))

    def go_to(self, index: int) -> None:
        """To one keyframe, and stay there."""
        self._play(CameraPath(next(self._points.numbers), (self.keyframes[index],)))

    def perform(self, move: CameraMove) -> None:
        """A move that another way to direct brings; it plays until it is stopped or another one plays."""
        self._play(move)

    def stop(self) -> None:
        """The camera stays where it is."""
        self._play(None)

    def _play(self, move: CameraMove | None) -> None:
        self.move = move
        self._mailbox.film(move)
        self.changed.emit()

    def on_picture(self) -> None:
        """Another picture: its camera is at home. The keyframes are kept, for whoever wants the same flight again."""
        self._frame = None
        self.stop()

    def on_frame(self, frame: Frame, fps: float) -> None:
        """A frame of the stream is on its way to the screen."""
        self._frame, self._fps = frame, fps or self._fps
        seconds = self.seconds
        if seconds is None or not isinstance(self.move, CameraPath):
            return
        single = len(self.move.keyframes) == 1
        if (single or not self.move.loop) and seconds > max(self.move.length_s, LEAD_S):
            self.stop()

    # ---- keyframes --------------------------------------------------------------------------------

    def add_keyframe(self) -> None:
        """Where the camera is now, at the end of the path."""
        time_s = self.keyframes[-1].time_s + _SPACING_S if self.keyframes else 0.0
        self.set_keyframes((*self.keyframes, Keyframe(time_s, self.view)))

    def remove_keyframe(self, index: int) -> None:
        self.set_keyframes(self.keyframes[:index] + self.keyframes[index + 1 :])

    def set_time(self, index: int, time_s: float) -> None:
        """When the path passes a keyframe; between its neighbours, as far as that goes."""
        low = self.keyframes[index - 1].time_s + 0.1 if index > 0 else 0.0
        high = self.keyframes[index + 1].time_s - 0.1 if index + 1 < len(self.keyframes) else math.inf
        changed = replace(self.keyframes[index], time_s=min(max(time_s, low), high))
        self.set_keyframes((*self.keyframes[:index], changed, *self.keyframes[index + 1 :]))

    def set_loop(self, on: bool) -> None:
        self.loop = on
        self.set_keyframes(self.keyframes)

    def set_keyframes(self, keyframes: tuple[Keyframe, ...]) -> None:
        """A path that plays goes on along the changed one."""
        self.keyframes = keyframes
        if isinstance(self.move, CameraPath) and len(self.move.keyframes) > 1:
            self._play(CameraPath(self.move.key, keyframes, self.loop) if keyframes else None)
        self._viewport.repaint_soon()
        self.changed.emit()

    def save(self, path: Path, size: tuple[int, int]) -> None:
        """Raises UserError where the disk does not take it."""
        try:
            save_camera(path, self.keyframes, self.loop, size, self._fps)
        except OSError as fault:
            raise as_user_error(
                fault, "The camera path was not saved", "It is still in the window.", "Choose another place."
            ) from fault

    def load(self, path: Path) -> None:
        """Raises UserError, and keeps the path that was there, for a file with anything wrong."""
        keyframes, self.loop = load_camera(path)
        self.set_keyframes(keyframes)

    # ---- keys -------------------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if not self.flying or kind not in (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            return False
        assert isinstance(event, QKeyEvent)
        if not self._hears():
            return False
        if kind == QEvent.Type.ShortcutOverride:  # the key flies: no shortcut of the same key
            flies = FlyKeys().press(event)
            event.setAccepted(flies)
            return flies
        flies = self._keys.press(event) if kind == QEvent.Type.KeyPress else self._keys.release(event)
        self.set_levels(_KEYS, self._keys.levels)
        return flies

    def _hears(self) -> bool:
        """Whether the keyboard is this window's, and no text field has it."""
        focus = QApplication.focusWidget()
        return QApplication.activeModalWidget() is None and not isinstance(focus, _TEXT_FIELDS)

    def _on_focus(self, focus: QObject | None) -> None:
        if isinstance(focus, _TEXT_FIELDS):
            self._drop_keys()

    def _drop_keys(self, _: QWindow | None = None) -> None:
        self._keys.clear()
        self.set_levels(_KEYS, self._keys.levels)

    # ---- the mouse: middle button looks, wheel beside a point sets the speed ------------------------

    def press(self, xy: XY, event: QMouseEvent) -> bool:
        if event.button() != Qt.MouseButton.MiddleButton:
            return False
        self._look_from = event.position().x(), event.position().y()
        return True

    def drag(self, xy: XY, way: Sequence[tuple[float, XY]], event_position: tuple[float, float]) -> None:
        assert self._look_from is not None
        width = max(self._viewport.picture_size().width(), 1.0)
        across, down = (now - before for now, before in zip(event_position, self._look_from, strict=True))
        self._look_from = event_position
        self.look(-across / width * _LOOK, -down / width * _LOOK)

    def release(self, xy: XY) -> None:
        self._look_from = None

    def hover(self, xy: XY) -> None: ...

    def wheel(self, xy: XY, notches: float, modifiers: Qt.KeyboardModifier) -> bool:
        points = self._points
        if not self.flying or points.hovered is not None or points.held is not None:
            return False
        self.set_speed(self.speed * _NOTCH**notches)
        return True

    def cursor(self, xy: XY) -> Qt.CursorShape | None:
        return Qt.CursorShape.SizeAllCursor if self._look_from is not None else None

    # ---- the path over the picture ----------------------------------------------------------------

    def overlay(self) -> Overlay:
        """The path and its keyframes as the shown view sees them: what of them is in front of the camera."""
        if not self.keyframes or not (self.flying or self._dock.page == PAGE):
            return Overlay()
        size = self._viewport.picture_size()
        scene = Scene(np.ones((2, 2), np.float32), size.width() / max(size.height(), 1.0))
        shot = Shot(self.view, scene)
        knots, ahead = shot.world_to_screen(np.array([keyframe.view.position for keyframe in self.keyframes]))
        dots = OverlayDots(knots[ahead > AHEAD].astype(np.float32), WHITE, radius=4.0)
        if len(self.keyframes) == 1:
            return Overlay(dots=(dots,))
        path = CameraPath(0, self.keyframes, self.loop)
        count = min(max(2, round(path.length_s * _PATH_SAMPLES)), 600)
        way = [path.at(second).position for second in np.linspace(0.0, path.length_s * (1 - 1e-9), count)]
        screen, ahead = shot.world_to_screen(np.array(way))
        breaks = np.flatnonzero(np.diff((ahead > AHEAD).astype(np.int8))) + 1
        pieces = [piece for piece in np.split(np.arange(count), breaks) if ahead[piece[0]] > AHEAD]
        lines = tuple(OverlayLine(screen[piece].astype(np.float32), BLUE) for piece in pieces)
        return Overlay(lines=lines, dots=(dots,))
