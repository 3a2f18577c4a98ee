"""Gets the pictures the world is made of into a cache: `python -m training.world.fetch`.

Owns the download, its checks and the one-time conversion of EXR panoramas. Never reads a picture for a clip (that is
`library`). Runs in the calling process, one package after another.
"""

import argparse
import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import cv2
import numpy as np

from inference.errors import UserError
from training.world.photographs import MEGABYTES, PACKAGE, fetch_photographs
from training.world.sources import EMOJI, PACKAGES, PANORAMAS, NpmPackage, cache_root, panorama_folder


def fetch(package: NpmPackage, root: Path) -> Path:
    """The package's folder in the cache, downloaded and checked first where it is not there yet."""
    folder = root / package.folder
    if not folder.is_dir():
        with tempfile.TemporaryDirectory(dir=_made(root)) as scratch:
            unpacked = _download(package, Path(scratch))
            _check_count(package, unpacked)
            unpacked.rename(folder)
    _check_count(package, folder)
    return folder


def convert_panoramas(folder: Path) -> None:
    """Writes each base64 EXR of the package once as a tone-mapped PNG under `panoramas/`."""
    target = _made(folder / "panoramas")
    for source in sorted(folder.glob(PANORAMAS.pattern)):
        png = target / source.name.replace(".exr.js", ".png")
        if not png.exists():
            linear = _read_exr(source)
            part = png.with_suffix(".part.png")
            cv2.imwrite(str(part), cv2.cvtColor(tone_map(linear), cv2.COLOR_RGB2BGR))
            part.rename(png)


def tone_map(linear: np.ndarray) -> np.ndarray:
    """float [H, W, 3] scene-linear RGB -> uint8 [H, W, 3]: exposure to a mid grey, highlights rolled off."""
    light = np.clip(linear, 0, 1e3)  # DWAB leaves small negatives; a sun may be infinite
    grey = light @ np.array([0.2126, 0.7152, 0.0722])
    light = light * (0.3 / max(float(np.exp(np.log(grey + 1e-4).mean())), 1e-4))
    rolled = light * (1 + light / 16) / (1 + light)
    return (np.clip(rolled * 1.15, 0, 1) ** (1 / 2.2) * 255 + 0.5).astype(np.uint8)


def _read_exr(source: Path) -> np.ndarray:
    import OpenEXR  # only this one-time conversion needs it: OpenCV cannot read DWAB

    text = source.read_text()
    payload = text[text.index("base64,") + 7 :].rstrip().rstrip(";").rstrip("'\"")
    with tempfile.NamedTemporaryFile(suffix=".exr") as exr:
        exr.write(base64.b64decode(payload))
        exr.flush()
        with OpenEXR.File(exr.name) as opened:
            return np.asarray(opened.channels()["RGB"].pixels, dtype=np.float64)


def _download(package: NpmPackage, scratch: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise UserError(f"npm was not found, so {package.name} was not fetched.", next="Install npm, run this again.")
    command = [npm, "pack", f"{package.name}@{package.version}", "--pack-destination", str(scratch), "--silent"]
    done = subprocess.run(command, cwd=scratch, capture_output=True, text=True)
    archives = list(scratch.glob("*.tgz"))
    if done.returncode or len(archives) != 1:
        raise UserError(
            f"{package.name} {package.version} could not be fetched: {done.stderr.strip()[-300:]}.",
            next="Look at the network and run this again.",
        )
    digest = base64.b64encode(hashlib.sha512(archives[0].read_bytes()).digest()).decode()
    if f"sha512-{digest}" != package.integrity:
        raise UserError(f"{package.name} {package.version} is not the pinned file.", "Nothing of it was kept.")
    with tarfile.open(archives[0]) as archive:
        archive.extractall(scratch, filter="data")
    return scratch / "package"


def _check_count(package: NpmPackage, folder: Path) -> None:
    found = len(list(folder.glob(package.pattern)))
    if found != package.count:
        raise UserError(
            f"{folder} holds {found} of {package.count} pictures of {package.name}.",
            next="Remove the folder and fetch again.",
        )


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Get the pictures the training world is made of.")
    parser.add_argument("--cache", type=Path, help="folder to keep them in (default: ~/.cache/motionstream/world)")
    parser.add_argument("--photographs", action="store_true", help="also those of a Debian package, by apt-get")
    options = parser.parse_args(arguments)
    root = cache_root(options.cache)
    try:
        for package in PACKAGES:
            state = "is there" if (root / package.folder).is_dir() else f"downloading {package.megabytes} MB"
            print(f"{package.name} {package.version} ({package.licence}): {state}", flush=True)
            fetch(package, root)
        convert_panoramas(root / PANORAMAS.folder)
        if options.photographs:
            state = "is there" if (root / PACKAGE).is_dir() else f"downloading {MEGABYTES} MB"
            print(f"{PACKAGE} (CC0 and CC-BY files alone): {state}", flush=True)
            print(f"{fetch_photographs(root)} photographs, credits in {root / PACKAGE / 'CREDITS.txt'}")
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    more = len(list(panorama_folder().glob("*.jpg")))
    print(f"In {root}: {EMOJI.count} emoji, {PANORAMAS.count} panoramas; {more} more panoramas beside the repository.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
