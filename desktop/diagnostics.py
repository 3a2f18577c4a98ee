"""Logs and crash traces: set up before anything else can fail, written only to this machine, never sent.

Owns the log folder's files and the process-wide hooks. Any thread may log; `install` runs once, on the main
thread.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import sys
import threading
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import IO

from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler

log = logging.getLogger(__name__)

EXIT_UNUSABLE = 2  # no display, no OpenGL: nothing the application could do

_FORMAT = "%(asctime)s %(levelname)s %(threadName)s %(name)s %(message)s"
_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
}

_crash_file: IO[str] | None = None  # faulthandler writes to its descriptor until the process ends


def install(folder: Path) -> None:
    """Logs to `folder`, traces of crashes beside them; without a writable folder, warnings go to stderr
    alone.
    """
    global _crash_file
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    console = logging.StreamHandler()
    console.setLevel(logging.WARNING)
    console.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
    root.addHandler(console)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = RotatingFileHandler(folder / "motionstream.log", maxBytes=2_000_000, backupCount=5, encoding="utf-8")
        _crash_file = open(folder / "crash.txt", "a", encoding="utf-8")  # noqa: SIM115 - open for the whole run
    except OSError as error:
        log.warning("no log file: %s", error)
        faulthandler.enable()
    else:
        file.setFormatter(logging.Formatter(_FORMAT))
        root.addHandler(file)
        faulthandler.enable(_crash_file)
    sys.excepthook = _log_exception
    threading.excepthook = lambda args: _log_exception(args.exc_type, args.exc_value, args.exc_traceback)
    qInstallMessageHandler(_log_qt)


def _log_exception(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    """The window lives on: PySide6 calls this for an exception in a slot and returns to the event loop."""
    if error is None or issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error or kind(), trace)
        return
    log.critical("unhandled", exc_info=(kind, error, trace))


def _log_qt(kind: QtMsgType, context: QMessageLogContext, message: str | None) -> None:
    if kind != QtMsgType.QtFatalMsg:
        logging.getLogger("qt").log(_LEVELS[kind], "%s", message)
        return
    # Qt aborts the process right after this call, with a core dump and no word to the person: leave with a
    # sentence.
    log.critical("qt fatal: %s", message)
    sys.stderr.write(
        "MotionStream cannot open a window here. Nothing was lost. Start it from a desktop session, or use"
        " `motionstream render`, which needs no display.\n"
        f"Qt says: {(message or '').strip()}\n"
    )
    logging.shutdown()
    os._exit(EXIT_UNUSABLE)
