"""The track files of two other programs, read and written: ATI's `.pth` and Wan-Move's `.npy`.

Owns their layouts, as their own readers have them:
- ATI (`wan/utils/motion.py`, `tools/trajectory_editor/app.py`): `torch.save` of the bytes of an `.npz` whose `array` is
  float32 [N, 121, 1, 3] of (x, y, visible) times 8, in pixels of the picture, 24 rows a second; what is shorter is
  padded with zeros.
- Wan-Move (`wan/wan_move.py`): `..._tracks.npy`, float [T, N, 2] or [1, T, N, 2] in pixels of the picture, 81 rows at
  16 a second, and beside it `..._visibility.npy`, bool [T, N].

An array of 3 columns in an `.npy` is taken as ATI's, without the factor. Nothing is ever unpickled: a `.pth` is read
with `weights_only`, which knows bytes and numbers. No Qt; torch only for a `.pth`. Any thread.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from inference.errors import UserError
from inference.tracks import Tracks

ATI_FRAMES, ATI_FPS, _ATI_FACTOR = 121, 24.0, 8.0
WAN_MOVE_FRAMES, WAN_MOVE_FPS = 81, 16.0
MAX_POINTS = 250_000  # tracks times rows: two thousand tracks over Wan-Move's 81 rows
_MAX_BYTES = 32_000_000
_KEPT = "The paths that are there stay as they are."
_NEXT = "Choose a .npy of the shape [rows, tracks, 2], or a .pth of ATI."


def read_track_array(file: Path, size: tuple[float, float]) -> tuple[Tracks, float]:
    """Tracks and their rows a second. size: (width, height) in pixels of the picture that the file was made for, to
    which positions are normalised. UserError with a sentence for whatever is wrong.
    """
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise _fault(file, f"is larger than {_MAX_BYTES // 1_000_000} MB, which no file of tracks is")
        if file.suffix.lower() == ".pth":
            xyv, fps = _ati_layout(file, _pth_array(file) / _ATI_FACTOR), ATI_FPS
        else:
            xyv, fps = _npy_layout(file, _npy_array(file))
    except OSError as error:
        raise UserError(f"The file {file.name} cannot be read ({error.strerror}).", _KEPT, _NEXT) from error
    wrong = np.argwhere(~np.isfinite(xyv).all(axis=2))
    if len(wrong):
        row, track = (wrong[0] + 1).tolist()
        raise _fault(file, f"holds a position that is not a number, in track {track}, row {row}")
    xy, visible = xyv[..., :2] / np.array(size), xyv[..., 2] > 0.5  # [T, N, 2], [T, N]
    if not visible.any():
        raise _fault(file, "shows no track in any row")
    if np.abs(xy[visible]).max() > 3.0:
        across, down = np.abs(xyv[..., :2][visible]).max(axis=0)
        raise UserError(
            f"The tracks of {file.name} go to {across:.0f}, {down:.0f} pixels, far outside a picture of "
            f"{size[0]:.0f} x {size[1]:.0f}.",
            _KEPT,
            "Say which size the file was made for, and open it again.",
        )
    xy = np.where(visible[..., None], xy, np.clip(xy, -1.0, 2.0))
    return Tracks(xy.astype(np.float32), visible, np.arange(xy.shape[1])), fps


def write_ati(file: Path, tracks: Tracks, size: tuple[float, float]) -> None:
    """A `.pth` that ATI reads. tracks: normalised, 24 rows a second; at most 121 rows are written."""
    import torch  # here: whoever only draws does not need it

    xyv = np.zeros((tracks.ids.size, ATI_FRAMES, 1, 3), np.float32)
    rows = min(len(tracks), ATI_FRAMES)
    xyv[:, :rows, 0, :2] = np.swapaxes(tracks.xy[:rows], 0, 1) * np.array(size, np.float32)
    xyv[:, :rows, 0, 2] = tracks.visible[:rows].T
    packed, whole = io.BytesIO(), io.BytesIO()
    np.savez_compressed(packed, array=xyv * np.float32(_ATI_FACTOR))
    torch.save(packed.getvalue(), whole)
    _write(file, whole.getvalue())


def write_wan_move(file: Path, tracks: Tracks, size: tuple[float, float]) -> Path:
    """The `.npy` that Wan-Move reads, and the visibility beside it, whose place is returned. tracks: normalised, 16
    rows a second; the last one stays until row 81, and no more are written.
    """
    tracks = tracks.held_to(WAN_MOVE_FRAMES)
    beside = visibility_file(file)
    for place, array in ((file, tracks.xy * np.array(size, np.float32)), (beside, tracks.visible)):
        packed = io.BytesIO()
        np.save(packed, array, allow_pickle=False)
        _write(place, packed.getvalue())
    return beside


def visibility_file(file: Path) -> Path:
    """Where the visibility of a Wan-Move track file lies."""
    return file.with_name(f"{file.stem.removesuffix('_tracks')}_visibility.npy")


def _pth_array(file: Path) -> np.ndarray:
    import torch

    try:
        packed = torch.load(file, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # a damaged file meets every fault that torch can raise
        raise _fault(file, "is not a track file of ATI, or holds what is never opened since it can run code") from error
    if not isinstance(packed, bytes):
        raise _fault(file, "is not a track file of ATI")
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            if archive.getinfo("array.npy").file_size > 4 * 8 * MAX_POINTS:
                raise _fault(file, f"holds more than {MAX_POINTS:,} points")
        with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
            return _numbers(file, arrays["array"])
    except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise _fault(file, "is not a track file of ATI") from error


def _npy_array(file: Path) -> np.ndarray:
    try:
        array = np.load(file, mmap_mode="r", allow_pickle=False)  # the shape first, the numbers once it is known
    except (ValueError, EOFError) as error:
        pickled = "allow_pickle" in str(error) or "Python objects" in str(error)
        why = "holds pickled objects, which are never opened since they can run code" if pickled else "is not an .npy"
        raise _fault(file, why) from error
    if not isinstance(array, np.ndarray):  # an archive of several
        raise _fault(file, "holds several arrays")
    return _numbers(file, array)


def _numbers(file: Path, array: Any) -> np.ndarray:
    if array.dtype.kind not in "fiu":
        raise _fault(file, f"holds {array.dtype.name} and not numbers")
    if array.ndim not in (3, 4) or array.shape[-1] not in (2, 3) or 0 in array.shape:
        raise _fault(file, f"has the shape {list(array.shape)}")
    points = array.size // array.shape[-1]
    if points > MAX_POINTS:
        raise _fault(file, f"holds {points:,} points; at most {MAX_POINTS:,} are taken")
    return np.array(array, np.float64)


def _ati_layout(file: Path, array: np.ndarray) -> np.ndarray:
    """[N, T, 1, 3] or [T, N, 1, 3] -> [T, N, 3]; ATI tells the two apart by the 121 rows."""
    if array.ndim == 4:
        if array.shape[2] != 1:
            raise _fault(file, f"has the shape {list(array.shape)}")
        array = array[:, :, 0]
    if array.shape[2] == 2:
        array = np.concatenate([array, np.ones((*array.shape[:2], 1))], axis=2)
    by_row = array.shape[0] == ATI_FRAMES and array.shape[1] != ATI_FRAMES
    return array if by_row else np.swapaxes(array, 0, 1)


def _npy_layout(file: Path, array: np.ndarray) -> tuple[np.ndarray, float]:
    """[T, N, 2], also behind a 1, or ATI's layouts -> [T, N, 3] with the rows a second."""
    if array.shape[-1] == 3 or (array.ndim == 3 and array.shape[1] == ATI_FRAMES != array.shape[0]):
        return _ati_layout(file, array), ATI_FPS
    if array.ndim == 4:
        if array.shape[0] != 1:
            raise _fault(file, f"has the shape {list(array.shape)}")
        array = array[0]
    visible = np.ones((*array.shape[:2], 1))
    beside = visibility_file(file)
    if beside.is_file():
        visible = _visibility(beside, array.shape[:2])[..., None]
    return np.concatenate([array, visible], axis=2), WAN_MOVE_FPS


def _visibility(file: Path, shape: tuple[int, ...]) -> np.ndarray:
    try:
        array = np.load(file, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise _fault(file, "is not an .npy") from error
    seen = array[0] if getattr(array, "ndim", 0) == 3 and len(array) == 1 else array
    if getattr(seen, "shape", None) != shape or seen.dtype.kind not in "bfiu":
        raise _fault(file, f"does not say for each of {shape[1]} tracks in {shape[0]} rows whether it is seen")
    return np.array(seen, np.float64)


def _write(file: Path, content: bytes) -> None:
    part = file.with_name(file.name + ".part")
    try:
        part.write_bytes(content)
        part.replace(file)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _fault(file: Path, what: str) -> UserError:
    return UserError(f"The file {file.name} {what}.", _KEPT, _NEXT)
