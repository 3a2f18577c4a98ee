"""Starts the application: QApplication, OpenGL, logs, the window.

Owns the order of these steps and the sentences for what is missing. Main thread.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QGuiApplication, QOffscreenSurface, QOpenGLContext, QSurfaceFormat
from PySide6.QtWidgets import QApplication

from desktop import diagnostics, resources
from desktop.crop import Bucket
from desktop.main_window import MainWindow
from desktop.pictures import read_starters
from desktop.recorded_hand import Demo, load_demo
from desktop.theme import apply_theme
from inference.config import load_config
from inference.engine import Engine
from inference.errors import UserError
from inference.stream_like import StreamLike

log = logging.getLogger(__name__)

# What pictures are cropped to while no model package says otherwise.
COMMON_BUCKETS: tuple[Bucket, ...] = ((256, 144), (192, 192), (144, 256))

_GL_VERSION = (3, 3)


def application(arguments: Sequence[str] = ()) -> QApplication:
    """The QApplication with the surface format every window gets; the one that exists, if any."""
    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        return existing
    form = QSurfaceFormat()
    form.setVersion(*_GL_VERSION)
    form.setProfile(QSurfaceFormat.OpenGLContextProfile.CoreProfile)
    form.setSwapInterval(1)
    QSurfaceFormat.setDefaultFormat(form)  # before the first context, hence before the application
    QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_ShareOpenGLContexts)
    QCoreApplication.setApplicationName(resources.APP_NAME)
    # A window asks for a paint when a frame is due: there is nothing to wait for (Qt would, 5 ms).
    os.environ.setdefault("QT_QPA_UPDATE_IDLE_TIME", "0")
    app = QApplication([resources.APP_NAME, *arguments])
    # Qt would throw away all but the newest of the moves that wait; the engine follows the whole way (desktop.pointer).
    # After the application, whose X11 plug-in turns it on.
    QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_CompressHighFrequencyEvents, False)
    apply_theme(app)
    return app


def opengl_problem() -> str:
    """Why no window can draw here, in sentences; "" when it can. Needs the QApplication."""
    platform = QGuiApplication.platformName()
    context, surface = QOpenGLContext(), QOffscreenSurface()
    surface.create()
    if platform not in ("offscreen", "minimal", "vnc", "linuxfb") and context.create() and context.makeCurrent(surface):
        version = context.format().version()
        context.doneCurrent()
        if version >= _GL_VERSION:
            return ""
        found = f"OpenGL {version[0]}.{version[1]} was found, but MotionStream draws with OpenGL 3.3."
    else:
        found = f"There is no OpenGL on the Qt platform '{platform}', so MotionStream cannot draw its window."
    return (
        f"{found} Nothing was lost. Install a graphics driver (on Debian and Ubuntu: apt-get install libegl1"
        " libgl1-mesa-dri), or use `motionstream render`, which needs no display."
    )


def build_window(
    make_stream: Callable[[], StreamLike],
    *,
    buckets: tuple[Bucket, ...] = COMMON_BUCKETS,
    data_dir: Path | None = None,
    package: Path | None = None,
    seed: int = 0,
) -> MainWindow:
    """The main window with an engine of its own, not yet shown and without a picture (`open_picture`).

    make_stream runs on the engine's thread at the first picture; when it raises UserError the window says so and lives
    on. package: its folder, for the check-up and the session files. data_dir holds sessions, pasted pictures and
    settings; None is the user's own.
    """
    folder = data_dir or resources.user_data_dir()
    engine = Engine(make_stream, sessions=folder / "sessions", package=package.name if package else "")
    starters = read_starters(resources.resource_path("assets", "pictures"))
    return MainWindow(engine, buckets, starters, folder, resources.user_log_dir(), seed, package, _start_demo())


def _start_demo() -> Demo | None:
    try:
        return load_demo(resources.resource_path("assets", "demo"), "start.toml")
    except UserError as error:
        log.warning("%s", error)
        return None


def _buckets_of(package: Path) -> tuple[Bucket, ...]:
    try:
        return load_config(package / "model.toml").buckets
    except UserError as error:
        log.warning("%s", error)  # the engine says it in the window when it loads the package
        return COMMON_BUCKETS


def run(
    picture: Path | None, package: Path, make_stream: Callable[[], StreamLike], seed: int, *, smoke: bool = False
) -> int:
    """Runs the application until its window closes. make_stream: as `build_window`, of `package`. smoke: closes it by
    itself after the first picture was painted.

    Returns the exit code: 2, after a sentence on stderr, where no window can be drawn.
    """
    diagnostics.install(resources.user_log_dir())
    app = application()
    if problem := opengl_problem():
        sys.stderr.write(problem + "\n")
        return diagnostics.EXIT_UNUSABLE
    window = build_window(make_stream, buckets=_buckets_of(package), package=package, seed=seed)
    window.show()
    window.open_picture(picture)
    if smoke:
        once = Qt.ConnectionType.SingleShotConnection
        window.pictures.accepted.connect(lambda *_: window.viewport.frameSwapped.connect(window.close, once))
    code = app.exec()
    if not window.player.ended:
        # The engine is still inside a library call, most likely loading a model. A thread that runs native
        # code while the interpreter goes down aborts the process; everything it writes is flushed line by
        # line, so leaving is safe.
        logging.shutdown()
        os._exit(code)
    return code
