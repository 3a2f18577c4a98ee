"""Further photographs from a Debian package, optional: `python -m training.world.fetch --photographs`.

Owns the licence filter (public domain, CC0 and CC-BY alone, by the package's own copyright file), the credits list,
and laying a photograph around the eye. Never decides where it is used.
"""

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from inference.errors import UserError

PACKAGE = "lomiri-wallpapers-16.04"
STARTERS = (
    "aitzgorri",
    "seeding",
    "Picture_0B",
    "Picture_1A",
    "Wine",
    "friends",
)  # shipped as starter pictures: never trained on
MEGABYTES = 15.8
_ALLOWED = re.compile(r"CC0-1\.0|CC-BY-\d\.\d|public-domain")  # in full: CC-BY-SA does not match
_SIDE = 1536  # the longer one that is kept


@dataclass(frozen=True)
class Credit:
    """Who made a file of the package, and under which licence."""

    file: str
    author: str
    licence: str


def allowed(copyright_text: str) -> tuple[Credit, ...]:
    """The files that may be used, from a machine-readable Debian copyright file; only files named one by one."""
    credits = []
    for stanza in copyright_text.split("\n\n"):
        fields = dict(re.findall(r"^([A-Z][\w-]+):[ \t]*(.*(?:\n[ \t]+.*)*)", stanza, re.MULTILINE))
        licence = fields.get("License", "").split("\n")[0].strip()
        if _ALLOWED.fullmatch(licence):
            author = " ".join(fields.get("Copyright", "").split())
            names = [Path(name).name for name in fields.get("Files", "").split() if "*" not in name]
            credits += [Credit(name, author, licence) for name in names]
    return tuple(credits)


def fetch_photographs(root: Path) -> int:
    """Downloads the package, keeps what is allowed as JPEG beside CREDITS.txt; how many there are."""
    folder = root / PACKAGE
    if not any(folder.glob("*.jpg")):
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root) as scratch:
            kept = _unpack(Path(scratch))
            shutil.copytree(kept, folder, dirs_exist_ok=True)
    return len(list(folder.glob("*.jpg")))


def _unpack(scratch: Path) -> Path:
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise UserError(
            f"{PACKAGE} is a Debian package, and apt-get is not here.", next="The world works without its photographs."
        )
    done = subprocess.run(["apt-get", "download", PACKAGE], cwd=scratch, capture_output=True, text=True)
    archives = list(scratch.glob("*.deb"))
    if done.returncode or len(archives) != 1:
        raise UserError(f"{PACKAGE} could not be fetched: {done.stderr.strip()[-300:]}.", next="Run apt-get update.")
    subprocess.run(["dpkg-deb", "-x", str(archives[0]), str(scratch / "files")], check=True)
    share = scratch / "files" / "usr" / "share"
    credits = allowed((share / "doc" / PACKAGE / "copyright").read_text())
    kept = scratch / "kept"
    kept.mkdir()
    for credit in credits:
        picture = cv2.imread(str(share / "backgrounds" / credit.file), cv2.IMREAD_COLOR)
        if picture is not None:
            scale = min(1.0, _SIDE / max(picture.shape[:2]))
            small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            cv2.imwrite(str(kept / f"{Path(credit.file).stem}.jpg"), small, [cv2.IMWRITE_JPEG_QUALITY, 95])
    lines = [f"{credit.file}: {credit.author}, {credit.licence}" for credit in credits]
    (kept / "CREDITS.txt").write_text("\n".join(lines) + "\n")
    return kept


def laid_around(photograph: np.ndarray, height: int = 1024) -> np.ndarray:
    """A photograph [h, w, 3] as a closed panorama [height, 2 height, 3]: four times around, mirrored in turn.

    Each copy spans 90 degrees; what lies above and below is mirrored too, so that a view never meets an edge.
    """
    width = height // 2
    tall = max(2, round(photograph.shape[0] * width / photograph.shape[1]))
    one = cv2.resize(photograph, (width, tall), interpolation=cv2.INTER_AREA)
    pair = np.concatenate([one, one[:, ::-1]], axis=1)
    # From the middle outwards in turn: 0 .. tall - 1, tall - 1 .. 0, ...
    rows = (np.arange(height) - height // 2 + tall // 2) % (2 * tall)
    return np.tile(pair, (1, 2, 1))[np.minimum(rows, 2 * tall - 1 - rows)]
