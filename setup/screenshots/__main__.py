"""Takes the pictures of the scenes: a virtual screen, the real window with the real small model, one PNG a scene.

Owns the screen, the window's life and the size of the files. A person's own data is never touched: the window keeps its
own in a folder that goes away. Main thread.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from pyvirtualdisplay.display import Display

import inference.package  # noqa: F401 - torch before Qt and OpenGL, as in the application

FOLDER = Path(__file__).resolve().parent
IMAGES = FOLDER.parents[1] / "docs" / "guide" / "images"
SCREEN, SIZE = (1600, 1000), (1280, 800)
MOST_BYTES = 250_000
PATIENCE_S = 180.0
_WIDTHS = (1280, 1120, 960, 800, 640)


def scenes() -> tuple[str, ...]:
    """The names of all scenes."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_")))


def wait(condition: Callable[[], object]) -> None:
    """Runs the event loop until the condition holds. Raises TimeoutError when it never does."""
    from PySide6.QtCore import QCoreApplication, QEventLoop

    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline_s:
            raise TimeoutError("what the scene waits for did not come")
        QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 50)
        time.sleep(0.01)


def take(name: str) -> Image.Image:
    """The window as it is on the screen once the scene `name` is set."""
    from PySide6.QtCore import QCoreApplication, QEvent, QPoint
    from PySide6.QtGui import QCursor, QImage

    from desktop.app import build_window
    from desktop.loading import package_stream
    from inference.offline import DEFAULT_PACKAGE

    module = importlib.import_module(f"setup.screenshots.{name}")
    with tempfile.TemporaryDirectory() as data:
        stream = package_stream(DEFAULT_PACKAGE)
        window = build_window(stream, data_dir=Path(data), package=DEFAULT_PACKAGE)
        try:
            QCursor.setPos(QPoint(SCREEN[0] - 1, SCREEN[1] - 1))
            window.move(0, 0)
            window.resize(*getattr(module, "SIZE", SIZE))
            window.show()
            window.activateWindow()
            wait(window.windowHandle().isExposed)
            module.scene(window, wait)
            settled_s = time.monotonic() + 0.3
            wait(lambda: time.monotonic() > settled_s)
            place = window.geometry()
            # From the screen: a grabbed widget would lack the picture, which OpenGL draws.
            grabbed = window.screen().grabWindow(0, place.x(), place.y(), place.width(), place.height())
            image = grabbed.toImage().convertToFormat(QImage.Format.Format_RGB888)
            rows = bytes(image.constBits())
            return Image.frombuffer(
                "RGB", (image.width(), image.height()), rows, "raw", "RGB", image.bytesPerLine(), 1
            ).copy()
        finally:
            window.close()
            window.deleteLater()
            QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def packed(image: Image.Image, most: int = MOST_BYTES) -> bytes:
    """A PNG of at most `most` bytes: whole; where that is too large with 256 colours, and then smaller and smaller."""
    data = b""
    for width in _WIDTHS:
        size = (min(width, image.width), round(image.height * min(1.0, width / image.width)))
        small = image.resize(size, Image.Resampling.LANCZOS) if size != image.size else image
        for form in (small, small.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)):
            target = io.BytesIO()
            form.save(target, "PNG", optimize=True)
            data = target.getvalue()
            if len(data) <= most:
                return data
    return data


def main() -> int:
    """Returns the process's exit code: 1 where a scene failed; the others are taken all the same."""
    parser = argparse.ArgumentParser(prog="python -m setup.screenshots", description="Take the guide's pictures.")
    parser.add_argument("scenes", nargs="*", metavar="way", help=f"all where none is named: {', '.join(scenes())}")
    parser.add_argument("--folder", type=Path, default=IMAGES, help="where they go (default: docs/guide/images)")
    options = parser.parse_args()
    if unknown := set(options.scenes) - set(scenes()):
        parser.error(f"there is no scene called {', '.join(sorted(unknown))}")
    options.folder.mkdir(parents=True, exist_ok=True)
    failed = 0
    with tempfile.TemporaryDirectory() as home, Display(visible=False, size=SCREEN, color_depth=24):
        os.environ |= {"XDG_DATA_HOME": home, "XDG_CONFIG_HOME": home, "XDG_STATE_HOME": home, "QT_QPA_PLATFORM": "xcb"}
        from desktop.app import application

        app = application()
        for name in options.scenes or scenes():
            try:
                data = packed(take(name))
            except Exception:  # one scene that fails costs its own picture alone
                traceback.print_exc()
                failed += 1
                continue
            (options.folder / f"{name}.png").write_bytes(data)
            print(f"{name}.png {len(data) // 1000} kB", flush=True)
        app.shutdown()  # before its screen goes
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
