"""`motionstream render`: a picture and a tracks file, or a sentence, become frames, off-screen.

Owns the command line and the files it writes. Drives the same `Stream` as the engine, without a thread, a
clock or Qt, so that the same input gives the same frames. Runs on the caller's thread.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from inference.channels import ControlSnapshot
from inference.errors import UserError
from inference.motion.director import Director, Span, joined
from inference.motion.fly import CameraControl
from inference.motion.said import directing
from inference.picture import best_bucket, load_picture
from inference.pipeline import available_cores
from inference.session import session_to_tracks
from inference.track_ids import MANY
from inference.tracks import TrackFile, Tracks, load_tracks
from inference.video import VideoWriter

if TYPE_CHECKING:
    from inference.stream_like import StreamLike

DEFAULT_PACKAGE = Path(__file__).resolve().parent.parent / "assets" / "models" / "pocket"

TRACKLESS_FPS = 24.0

Buckets = tuple[tuple[int, int], ...]


def open_package(path: Path, threads: int | None = None, *, fastest: bool = False) -> tuple[StreamLike, Buckets]:
    """The stream of a model package and the picture sizes (width, height) it takes.

    threads: of torch, from now on in this process; None is one a core, whatever OMP_NUM_THREADS says to the trainers.
    fastest: as `Stream` says; for what is live, not for files that are to come out the same again.
    """
    # Here, since torch takes seconds that a wrong argument need not cost.
    import torch

    from inference.package import ModelPackage
    from inference.stream import Stream

    torch.set_num_threads(threads or available_cores())
    package = ModelPackage.load(path)
    return Stream(package, fastest=fastest), package.config.buckets


def render(
    stream: StreamLike,
    picture: np.ndarray,
    track_file: TrackFile,
    prompt: str = "",
    seed: int = 0,
    *,
    directs: bool = False,
) -> Iterator[np.ndarray]:
    """The frames, uint8 [H, W, 4] each: one for every row of the tracks, the first being the picture as
    decoded.

    Tracks at another frame rate are resampled to the stream's. The last chunk is filled by holding the last
    row; what that makes beyond the rows is not given out. directs: the prompt moves what no track stands on; in a
    session it has done so already.
    """
    tracks = track_file.tracks.resampled(track_file.fps, stream.fps)
    yield stream.open(picture, prompt, seed)
    if track_file.present is None:  # a session's ids say who brought them, and row 0 shows none
        stream.anchor(tracks[:1])
    frames = stream.frames_per_chunk
    # A session says when a point was specified, and every chunk is steered as it was then.
    present = track_file.present if track_file.fps == stream.fps else None
    if present is None:
        present = _lives(tracks)
    words = _Words(stream, prompt, tracks) if directs else None
    for start in range(1, len(tracks), frames):
        rows = tracks[start : start + frames].of_points(np.any(present[start : start + frames], axis=0))
        chunk = rows.held_to(frames)
        yield from stream.advance(joined([chunk, words.tracks(start)]) if words else chunk)[: len(rows)]


class _Words:
    """The tracks of a prompt, as the window's director makes them, beside those of a file."""

    def __init__(self, stream: StreamLike, prompt: str, tracks: Tracks) -> None:
        width, height = stream.size
        self._stream = stream
        held = tracks.xy[0, tracks.visible[0]]
        self._sources, move = directing(stream.said(prompt), width / height, held)
        self._camera = CameraControl(move=move)
        self._director = Director(stream.size, stream.max_tracks - tracks.ids.size)
        self._director.reset(stream.size, stream)

    def tracks(self, start: int) -> Tracks:
        """Of the chunk whose first frame is `start`."""
        fps, frames = self._stream.fps, self._stream.frames_per_chunk
        since_s, now_s = (start - 1) / fps, (start - 1 + frames) / fps
        snapshot = ControlSnapshot((), {}, since_s, now_s, None, sources=self._sources, camera=self._camera)
        return self._director.direct(snapshot, Span(since_s, now_s, start, frames, fps))


def _lives(tracks: Tracks) -> np.ndarray:
    """bool [T, N]: from the first row that shows a point to the last; and where one of a few left the picture, for it
    led out what it held, which is not to come back.
    """
    begun = np.logical_or.accumulate(tracks.visible, axis=0)
    not_ended = np.logical_or.accumulate(tracks.visible[::-1], axis=0)[::-1]
    if tracks.ids.size > MANY:
        return begun & not_ended
    outside = ((tracks.xy < 0) | (tracks.xy > 1)).any(axis=2)
    return begun & (not_ended | outside)


def main(
    arguments: Sequence[str] | None = None,
    *,
    open_package: Callable[[Path], tuple[StreamLike, Buckets]] = open_package,
) -> int:
    """The command. 0, or 2 after a sentence on stderr."""
    options = _parser().parse_args(arguments)
    try:
        _render_to_files(options, open_package)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _render_to_files(options: argparse.Namespace, open_package: Callable[[Path], tuple[StreamLike, Buckets]]) -> None:
    picture = load_picture(options.image)
    is_session = options.tracks is not None and options.tracks.suffix == ".ndjson"
    if options.tracks is None:
        track_file = TrackFile(Tracks.empty(1 + round(options.seconds * TRACKLESS_FPS)), TRACKLESS_FPS)
    else:
        track_file = session_to_tracks(options.tracks) if is_session else load_tracks(options.tracks)
    for note in (picture.note, track_file.note):
        if note:
            sys.stderr.write(f"{note}\n")
    stream, buckets = open_package(options.package)
    pixels = picture.crop(best_bucket(picture, buckets))
    try:
        options.frames.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(options.frames, error) from error
    prompt = track_file.prompt if options.prompt is None else options.prompt
    seed = track_file.seed if options.seed is None else options.seed
    made = render(stream, pixels, track_file, prompt, seed, directs=bool(prompt) and not is_session)
    if options.video is None:
        count = _write_frames(made, options.frames, None)
    else:
        comment = json.dumps(
            {
                "prompt": prompt,
                "seed": seed,
                "package": options.package.name,
                "tracks": options.tracks.name if options.tracks else "",
            }
        )
        with VideoWriter(options.video, stream.fps, comment=comment) as video:
            count = _write_frames(made, options.frames, video)
    sys.stdout.write(
        f"{count} frames in {options.frames}" + (f", video in {options.video}\n" if options.video else "\n")
    )


def _write_frames(made: Iterator[np.ndarray], folder: Path, video: VideoWriter | None) -> int:
    """Write every frame as 000000.png, 000001.png, ...; how many there were."""
    count = 0
    for count, image in enumerate(made, start=1):
        path = folder / f"{count - 1:06d}.png"
        try:
            Image.fromarray(np.ascontiguousarray(image[:, :, :3])).save(path)
        except OSError as error:
            raise _unwritable(path, error) from error
        if video is not None:
            video.write(image)
    return count


def _unwritable(path: Path, error: OSError) -> UserError:
    return UserError(
        f"{path} cannot be written ({error.strerror or error}).",
        "The frames before it are kept.",
        "Choose another folder, or make room on the disk.",
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="motionstream render", description="Render a picture that follows recorded tracks and words, off-screen."
    )
    parser.add_argument("--image", type=Path, required=True, help="the picture to start from")
    parser.add_argument("--tracks", type=Path, help="a tracks file (.npz) or a session (.ndjson); none: words alone")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long, where there are no tracks (default: 4)")
    parser.add_argument("--frames", type=Path, required=True, help="folder for 000000.png, 000001.png, ...")
    parser.add_argument("--video", type=Path, help="also write this .mp4")
    parser.add_argument("--prompt", help="what moves, in words (default: a session's own, or none)")
    parser.add_argument("--seed", type=int, help="of the noise (default: a session's own, or 0)")
    parser.add_argument("--package", type=Path, default=DEFAULT_PACKAGE, help="model package folder")
    return parser


if __name__ == "__main__":
    sys.exit(main())
