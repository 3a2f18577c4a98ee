"""The command line `motionstream`: the application, or `motionstream render` and `doctor`, which import no Qt.

Owns the arguments and the order of the heavy imports. Main thread.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path


def _import_model_code() -> None:
    """Torch, and Triton where there is a GPU, before PySide6 and before any OpenGL, once.

    On Windows the other order breaks the loading of torch's libraries (pytorch #166628); and Triton crashes where
    Mesa's LLVM was loaded before its own. A frozen smoke build carries no torch; there the window opens and says that
    it cannot run a model.
    """
    with contextlib.suppress(ImportError):
        import inference.package  # noqa: F401 - imported for its side effects; `inference` sets how OpenMP waits


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the process's exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["render"]:
        return _render(words[1:])
    if words[:1] == ["doctor"]:
        return _doctor(words[1:])
    options = _parser().parse_args(words)
    os.environ.setdefault("MOTIONSTREAM_BACKEND", options.backend)
    _import_model_code()
    from desktop import loading, resources

    package = options.package or resources.default_package()
    make_stream = loading.ahead(loading.package_stream(package))
    from desktop import app  # Qt and the window, while the package is read

    return app.run(options.picture, package, make_stream, options.seed, smoke=options.smoke)


def _render(words: list[str]) -> int:
    from inference import offline

    return offline.main(words)


def _doctor(words: list[str]) -> int:
    _import_model_code()
    from desktop import doctor, resources

    parser = argparse.ArgumentParser(
        prog="motionstream doctor", description="Look at this machine and measure how fast the model runs on it."
    )
    parser.add_argument("--package", type=Path, default=resources.default_package(), help="model package folder")
    return doctor.main(parser.parse_args(words).package)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="motionstream",
        description="A living picture: grab a point, drag it, and the video follows.",
        epilog="`motionstream render --help`: make frames off-screen from a picture and a tracks file. `motionstream"
        " doctor`: look at this machine.",
    )
    parser.add_argument("picture", nargs="?", type=Path, help="a picture to open (default: the start screen)")
    parser.add_argument("--package", type=Path, help="model package folder (default: the one that ships with it)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the noise (default: 0)")
    parser.add_argument(
        "--backend", choices=("fastest", "torch"), default="fastest", help="what computes the model (default: measured)"
    )
    parser.add_argument("--smoke", action="store_true", help="open the window, paint a picture, close it")
    return parser


if __name__ == "__main__":
    sys.exit(main())
