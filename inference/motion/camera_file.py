"""Camera paths as JSON files, with the convention and the intrinsics written into them.

Owns the format. Reading is safe: whatever is wrong is a sentence. Any thread.
"""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from inference.errors import UserError
from inference.motion.camera import FOV_DEG, View
from inference.motion.camera_moves import Keyframe

FORMAT, VERSION = "motionstream-camera", 1
MAX_KEYFRAMES = 1000
_MAX_BYTES = 4 << 20  # a thousand keyframes take less than half a megabyte
_CONVENTION = (
    "camera_to_world: 4x4, rows first; OpenGL axes: x right, y up, the camera looks along -z. The world is that of the "
    "camera that took the picture; unit: distance of the nearest thing in the picture. Fields of view are vertical."
)
_NEXT = "Choose another file; the path that was there is kept."


def save_camera(path: Path, keyframes: tuple[Keyframe, ...], loop: bool, size: tuple[int, int], fps: float) -> None:
    """Writes a file that `load_camera` reads. size: (width, height) of the model's frames; raises OSError."""
    width, height = size
    focal = height / 2 / math.tan(math.radians(FOV_DEG) / 2)
    whole = {
        "format": FORMAT,
        "version": VERSION,
        "convention": _CONVENTION,
        "fps": fps,
        "intrinsics": {
            "width": width,
            "height": height,
            "fov_deg": FOV_DEG,
            "fx": focal,
            "fy": focal,
            "cx": width / 2,
            "cy": height / 2,
        },
        "loop": loop,
        "keyframes": [
            {
                "time_s": keyframe.time_s,
                "fov_deg": keyframe.view.fov_deg,
                "camera_to_world": keyframe.view.pose.tolist(),
            }
            for keyframe in keyframes
        ],
    }
    path.write_text(json.dumps(whole, indent=1), encoding="utf-8")


def load_camera(path: Path) -> tuple[tuple[Keyframe, ...], bool]:
    """The keyframes of a file, and whether they loop. UserError for whatever is wrong with it."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise _fault(path, f"is too large: more than {MAX_KEYFRAMES} keyframes")
        whole = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _fault(path, "cannot be read") from error
    except (ValueError, RecursionError) as error:
        raise _fault(path, "is no JSON file") from error
    if not isinstance(whole, dict) or whole.get("format") != FORMAT:
        raise _fault(path, "is no camera path of this program")
    if whole.get("version") != VERSION:
        raise _fault(path, f"has version {whole.get('version')}, not {VERSION}")
    rows = whole.get("keyframes")
    if not isinstance(rows, list) or not rows:
        raise _fault(path, "has no keyframes")
    if len(rows) > MAX_KEYFRAMES:
        raise _fault(path, f"has {len(rows)} keyframes; {MAX_KEYFRAMES} is the most")
    keyframes = tuple(_keyframe(path, number, row) for number, row in enumerate(rows, start=1))
    if any(after.time_s <= before.time_s for before, after in pairwise(keyframes)):
        raise _fault(path, "has keyframes whose times do not ascend")
    return keyframes, whole.get("loop") is True


def _keyframe(path: Path, number: int, row: Any) -> Keyframe:
    try:
        time_s, fov_deg = float(row["time_s"]), float(row.get("fov_deg", FOV_DEG))
        pose = np.array(row["camera_to_world"], np.float64)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise _fault(path, f"has a keyframe that is none, number {number}") from error
    if pose.shape != (4, 4):
        raise _fault(path, f"has a pose that is not 4x4, in keyframe {number}")
    if not (math.isfinite(time_s) and math.isfinite(fov_deg) and np.isfinite(pose).all()):
        raise _fault(path, f"has a number that is none, in keyframe {number}")
    turn = pose[:3, :3]
    if not np.allclose(turn @ turn.T, np.eye(3), atol=1e-3) or np.linalg.det(turn) < 0:
        raise _fault(path, f"has a pose that is no rotation, in keyframe {number}")
    if not 5.0 <= fov_deg <= 150.0:
        raise _fault(path, f"has a field of view of {fov_deg:g} degrees, in keyframe {number}")
    if np.abs(pose[:3, 3]).max() > 1e4:
        raise _fault(path, f"goes too far away, in keyframe {number}")
    return Keyframe(time_s, View.of_pose(pose, fov_deg))


def _fault(path: Path, what: str) -> UserError:
    return UserError(f"The camera file {path.name} {what}.", next=_NEXT)
