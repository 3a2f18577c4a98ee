"""Where the application finds what it ships with and where it keeps what a person made.

Owns those paths and nothing else; reads and writes no file. Any thread.
"""

import sys
from pathlib import Path

import platformdirs

APP_NAME = "MotionStream"


def resource_path(*parts: str) -> Path:
    """A file or folder that ships with the application, in a checkout and in a frozen build alike."""
    frozen_root = getattr(sys, "_MEIPASS", None)  # set by PyInstaller: everything shipped is unpacked below it
    root = Path(frozen_root) if frozen_root else Path(__file__).resolve().parent.parent
    return root.joinpath(*parts)


def default_package() -> Path:
    """The model package used when none is named."""
    return resource_path("assets", "models", "pocket")


def user_data_dir() -> Path:
    """Sessions and pasted pictures: what a person made here and would miss."""
    return Path(platformdirs.user_data_dir(APP_NAME, appauthor=False))


def user_log_dir() -> Path:
    """Log files and crash traces."""
    return Path(platformdirs.user_log_dir(APP_NAME, appauthor=False))
