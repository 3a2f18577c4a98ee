"""The living picture: shows frames and the points over them, and turns the mouse into gestures on the
picture.

Owns the GL context's renderer and, in `desktop.pointer`, the mouse. Never decides what a gesture means
(`desktop.edits`) nor when a frame is due (`desktop.pace`). Repaints on a new frame, and at most 60 times a second while
the pointer or the overlay moves. UI thread; GL only inside Qt's paint calls or between `makeCurrent` and `doneCurrent`.

It is a `QOpenGLWindow` in a window container and not a `QOpenGLWidget`, because Qt composes the latter with
the rest of the window: on a machine that draws OpenGL in software that costs 29 ms of a core a frame at
1280x800, against 1.5 ms, and the model needs that core. The price: widgets cannot lie over it, so the line
over the picture is painted here.
"""

from __future__ import annotations

import logging
import time

import moderngl
import numpy as np
from PySide6.QtCore import QEvent, QMimeData, QPointF, QSizeF, Qt, QTimer, Signal
from PySide6.QtGui import QDropEvent, QMouseEvent, QPainter, QWheelEvent
from PySide6.QtOpenGL import QOpenGLWindow

from desktop import caption
from desktop.directing.lens import Lens
from desktop.directing.tool import Layer
from desktop.edits import TRAIL_FADE_S, PointEditor
from desktop.guide import Guide
from desktop.handles import DEFAULT_RADIUS, XY, Point
from desktop.pictures import TOY_FORMAT, may_hold_picture
from desktop.pointer import Pointer
from inference.channels import Frame
from render.overlay import Overlay, OverlayHandle
from render.renderer import Renderer
from render.surface import Surface
from render.viewport_map import PictureRect, letterbox, to_picture

log = logging.getLogger(__name__)

_OVERLAY_PERIOD_S = 1.0 / 60.0
_LINE_LIFT_PX = 18
_GL_UNPACK_ALIGNMENT = 0x0CF5


class Viewport(QOpenGLWindow):
    """Shows frames letterboxed. `frame_shown(index, sampled_s, swap_s)` is emitted when a model frame
    reached the screen: once a frame, after the buffer swap, in `time.monotonic()` seconds."""

    frame_shown = Signal(int, float, float)
    dropped = Signal(QMimeData, object)  # where: XY, None before the first picture

    def __init__(self, editor: PointEditor) -> None:
        super().__init__()
        self.gl_renderer = ""  # what draws, in the driver's words; "" before the first paint
        self._editor = editor
        self._ctx: moderngl.Context | None = None
        self._renderer: Renderer | None = None
        self._image: np.ndarray | None = None  # uint8 [H, W, 4], the newest frame
        self._motion: np.ndarray | None = None  # how it is made of the photograph
        self._image_is_new = False
        self._photograph: np.ndarray | None = None  # uint8 [H, W, 3], the picture at its own resolution
        self._photograph_is_new = False
        self._detail = True
        self._frame: Frame | None = None  # painted or about to be, not yet reported as shown
        self._swapping: Frame | None = None
        self._hint_xy: XY | None = None
        self._guide: Guide | None = None
        self.lens = Lens()
        self.only: Layer | None = None  # what alone is drawn over the picture, where that is set
        self.layers: list[Layer] = []  # drawn in this order, below the points; places of the scene
        self.screen_layers: list[Layer] = []  # as those, but places of the screen
        self._line = ""
        self._last_paint_s = 0.0
        self._repaint = QTimer(self, singleShot=True, timerType=Qt.TimerType.PreciseTimer)
        self._repaint.timeout.connect(self.update)
        self._trail_end = QTimer(self, singleShot=True, interval=round(TRAIL_FADE_S * 1000) + 20)
        self._trail_end.timeout.connect(self.update)
        self.frameSwapped.connect(self._on_swapped)
        editor.model.subscribe(self.repaint_soon)
        self.pointer = Pointer(editor, self)
        self.pointer.released.connect(self._trail_end.start)

    # ---- frames -----------------------------------------------------------------------------------

    def show_frame(self, frame: Frame) -> None:
        """A frame of the stream, shown with the next paint."""
        self._frame = frame
        moved = self.lens.shot is not None or frame.shot is not None
        self.lens.shot = frame.shot
        self._set_image(frame.image, frame.motion)
        if moved:
            self.pointer.reframe()

    def prepare(self, frame: Frame) -> None:
        """Enlarges the frame that `show_frame` will be given next, ahead of its time: while this one is looked at."""
        if self._renderer is not None and not self._image_is_new:  # what waits to be painted comes first
            self._renderer.prepare(frame.image, frame.motion)

    def shown_picture(self) -> np.ndarray | None:
        """What is shown now, without points and words: uint8 [H, W, 3] at the size it has on the screen. None before
        the first picture.
        """
        if self._image is None or self._renderer is None or self._ctx is None:
            return None
        rect, size = self._rect(), self._size_px()
        self.makeCurrent()
        surface = Surface(self._ctx, size)
        self._hand_over(self._renderer)
        self._renderer.draw(surface.framebuffer, size)
        pixels = surface.read()[rect.y : rect.y + rect.height, rect.x : rect.x + rect.width, :3].copy()
        surface.release()
        self.doneCurrent()
        return pixels

    def show_still(self, picture: np.ndarray) -> None:
        """A picture that is no frame of a stream: uint8 [H, W, 3]."""
        self._frame = self.lens.shot = None
        self._set_image(np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)]), None)  # [H, W, 4]

    def set_photograph(self, photograph: np.ndarray) -> None:
        """The picture behind the frames that follow, uint8 [H, W, 3] at its own resolution."""
        self._photograph, self._photograph_is_new = photograph, True

    def set_detail(self, on: bool) -> None:
        """Whether frames are given the photograph's own pixels."""
        self._detail = on
        self.update()

    @property
    def frame_size(self) -> tuple[int, int]:
        """Of the frames as they are made, (width, height) in pixels; (1, 1) before the first picture."""
        height, width = self._image.shape[:2] if self._image is not None else (1, 1)
        return width, height

    @property
    def has_picture(self) -> bool:
        return self._image is not None

    def _set_image(self, image: np.ndarray, motion: np.ndarray | None) -> None:
        self._image, self._motion = image, motion
        self._editor.aspect = image.shape[1] / image.shape[0]
        self._image_is_new = True
        self.update()

    # ---- GL ---------------------------------------------------------------------------------------

    def initializeGL(self) -> None:
        """Runs again whenever Qt makes a new context, for instance after a move to another screen."""
        self._ctx = moderngl.create_context(require=330)
        self._renderer = Renderer(self._ctx)
        self._image_is_new = self._image is not None
        self._photograph_is_new = self._photograph is not None
        self.context().aboutToBeDestroyed.connect(self._release_gl)
        self.gl_renderer = self._ctx.info["GL_RENDERER"]
        log.info("gl renderer=%s version=%s", self.gl_renderer, self._ctx.version_code)

    def _release_gl(self) -> None:
        self.makeCurrent()
        if self._renderer is not None:
            self._renderer.release()
            self._renderer = None
            self._ctx = None
        self.doneCurrent()

    def paintGL(self) -> None:
        if self._renderer is None or self._ctx is None:
            return
        self._hand_over(self._renderer)
        # Qt may draw into a framebuffer of its own, and another one after a resize: asked for at every paint.
        target = self._ctx.detect_framebuffer(self.defaultFramebufferObject())
        overlay = self._overlay() if self._image is not None else Overlay()
        self._renderer.draw(target, self._size_px(), overlay, self.devicePixelRatio())
        if self._line or self._guide is not None:
            self._paint_captions()
        self._last_paint_s = time.monotonic()
        if self._frame is not None:  # else: the same frame again, or a grab between paint and swap
            self._swapping, self._frame = self._frame, None

    def _hand_over(self, renderer: Renderer) -> None:
        """What changed since the last paint."""
        if self._photograph_is_new:
            renderer.set_photograph(self._photograph)
            self._photograph_is_new = False
        if self._image_is_new and self._image is not None:
            renderer.set_frame(self._image, self._motion)
            self._image_is_new = False
        if renderer.detail != self._detail:
            renderer.detail = self._detail

    def _on_swapped(self) -> None:
        frame, self._swapping = self._swapping, None
        if frame is not None:
            self.frame_shown.emit(frame.index, frame.sampled_s, time.monotonic())

    def _paint_captions(self) -> None:
        # moderngl leaves rows packed without padding, which garbles the glyphs that Qt uploads.
        self.context().functions().glPixelStorei(_GL_UNPACK_ALIGNMENT, 4)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._guide is not None:
            caption.paint_hand(painter, self.widget_position(self._guide.at))
        if self._line:
            box = caption.line_size(self._line)
            if self._image is not None:
                box.moveCenter(self.widget_position((0.5, 1.0)) - QPointF(0, box.height() / 2 + _LINE_LIFT_PX))
            else:
                box.moveCenter(QPointF(self.width() / 2, self.height() / 2))
            caption.paint_line(painter, self._line, box)
        painter.end()

    # ---- overlay ----------------------------------------------------------------------------------

    @property
    def line(self) -> str:
        """The line over the picture, "" when there is none."""
        return self._line

    def say(self, line: str) -> None:
        """Puts one quiet line over the picture; "" takes it away."""
        if line != self._line:
            self._line = line
            self.update()

    def set_hint(self, xy: XY | None) -> None:
        """Marks a place worth grabbing, until the next call with None."""
        self._hint_xy = xy
        self.update()

    def follow(self, guide: Guide | None) -> None:
        """Shows the guide's points and its hand, until the next call with None."""
        self._guide = guide
        self.update()

    def _overlay(self) -> Overlay:
        if self._guide is not None:
            return self._guide.overlay()
        if self.only is not None:
            return self.only.overlay()
        now_s = time.monotonic()
        placed = (self._overlay_handle(point, now_s) for point in self._editor.model.points)
        handles = [handle for handle in placed if handle is not None]
        if self._hint_xy is not None and not handles:
            handles.append(OverlayHandle(self._hint_xy, DEFAULT_RADIUS, "hover"))
        overlay = Overlay()
        for layer in self.layers:
            overlay = self.lens.seen(layer.overlay()).over(overlay)
        for layer in self.screen_layers:
            overlay = layer.overlay().over(overlay)
        return Overlay(tuple(handles)).over(overlay)

    def _overlay_handle(self, point: Point, now_s: float) -> OverlayHandle | None:
        """None for one behind the camera."""
        model = self._editor.model
        if (seen := self.lens.to_screen(point.xy, point.origin)) is None:
            return None
        if point.id in model.moving:
            kind = "held"
        elif point.pinned:
            kind = "pin"
        else:
            kind = "hover" if point.id == model.hovered else "free"
        trail = np.array(self._editor.trail_of(point.id, now_s), np.float32).reshape(-1, 2)  # [K, 2]
        trail = self.lens.trail(trail, point.origin)
        alone = len(model.selection) == 1 and point.id in model.selection
        marked = kind != "held" and (alone or point.id == model.hovered)  # several are marked by the gizmo's frame
        holds = self._frame.holds.get(point.id) if self._frame is not None else None
        return OverlayHandle(seen, point.radius * point.grow, kind, trail, marked, point.side, point.turn, holds)

    def repaint_soon(self) -> None:
        """For whoever draws over the picture and has changed. At once after a rest, at 60 Hz while things move."""
        if self._repaint.isActive():
            return
        wait_s = self._last_paint_s + _OVERLAY_PERIOD_S - time.monotonic()
        if wait_s <= 0.0:
            self.update()
        else:
            self._repaint.start(max(1, round(wait_s * 1000.0)))

    # ---- pointer ----------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.pointer.press(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.pointer.move(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.pointer.release(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.pointer.wheel(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Leave:
            self.pointer.leave()
        elif isinstance(event, QDropEvent):  # entering and moving included; the container hands them on to here
            event.setAccepted(may_hold_picture(event.mimeData()) or event.mimeData().hasFormat(TOY_FORMAT))
            if event.type() == QEvent.Type.Drop:
                self.dropped.emit(event.mimeData(), self.picture_position(event.position()))
            return True
        return super().event(event)

    # ---- geometry ---------------------------------------------------------------------------------

    def widget_position(self, xy: XY) -> QPointF:
        """Where a picture position lies in this widget, in logical pixels."""
        rect, ratio = self._rect(), self.devicePixelRatio()
        return QPointF((rect.x + xy[0] * rect.width) / ratio, (rect.y + xy[1] * rect.height) / ratio)

    def picture_position(self, position: QPointF) -> XY | None:
        """A widget position on the picture, possibly outside of it; None while there is no picture."""
        if self._image is None:
            return None
        ratio = self.devicePixelRatio()
        return to_picture(self._rect(), position.x() * ratio, position.y() * ratio)

    def picture_size(self) -> QSizeF:
        """How large the picture is shown, in logical pixels."""
        rect, ratio = self._rect(), self.devicePixelRatio()
        return QSizeF(rect.width / ratio, rect.height / ratio)

    def _rect(self) -> PictureRect:
        return letterbox(self.frame_size, self._size_px())

    def _size_px(self) -> tuple[int, int]:
        ratio = self.devicePixelRatio()
        return round(self.width() * ratio), round(self.height() * ratio)
