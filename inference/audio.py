"""Sound files through PyAV.

Owns the reading of any file that FFmpeg knows, to mono samples. Never keeps a file open. Any thread.
"""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from inference.errors import UserError

RATE = 44_100
LONGEST_S = 900.0  # 80 MB of samples; the rest of a longer file is left out


def read_sound(path: Path) -> np.ndarray:
    """The first `LONGEST_S` seconds as int16 [K], mono, RATE a second. Raises UserError for what holds no sound."""
    parts: list[np.ndarray] = []
    count, most = 0, round(LONGEST_S * RATE)
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise UserError(f"There is no sound in {path.name}.", next="Choose another file.")
            resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
            for frame in container.decode(audio=0):
                for piece in resampler.resample(frame):
                    parts.append(piece.to_ndarray()[0])
                    count += parts[-1].size
                if count >= most:
                    break
            parts.extend(piece.to_ndarray()[0] for piece in resampler.resample(None))
    except (av.FFmpegError, OSError, ValueError) as error:
        raise UserError(
            f"{path.name} cannot be read as sound ({type(error).__name__}).", next="Choose another file."
        ) from error
    samples = np.concatenate(parts)[:most] if parts else np.zeros(0, np.int16)
    if not samples.size:
        raise UserError(f"The sound in {path.name} has no length.", next="Choose another file.")
    return samples
