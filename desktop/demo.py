"""The demo without a display: `python -m desktop.demo` plays a recorded drag through the window's own engine.

Owns the playback, its measurements and the files it writes. The frames are made by the same `Engine` in
real time as in the window and drawn by the same `Renderer` on an EGL context. They are encoded afterwards:
the encoder takes no time from the model. Imports no Qt. The main thread owns the GL context.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import moderngl
import numpy as np
from PIL import Image

from desktop.recorded_hand import Demo, RecordedHand, load_demo
from desktop.resources import default_package, resource_path
from inference.channels import Frame, Load
from inference.engine import Engine
from inference.errors import UserError
from inference.lifecycle import EngineEvent, EngineState, FramesReady, StateChanged
from inference.offline import open_package
from inference.picture import best_bucket, load_picture
from inference.stream_like import StreamLike
from inference.video import VideoWriter
from render.context import GLUnavailable, offscreen_context
from render.overlay import Overlay
from render.renderer import Renderer
from render.surface import Surface

SHORT_SIDE = 720  # of the video, pixels; what a window on a common screen shows
SHEET_COLUMNS, SHEET_ROWS, SHEET_GAP = 3, 3, 8
SHEET_SCALE = 0.625  # of the video's size
NO_DITHER = Image.Dither.NONE  # dots would move in every frame, and cost twice the bytes
GIF_WIDTH, GIF_COLOURS, GIF_STEP_S = 576, 128, 0.08

OpenPackage = Callable[[Path], tuple[StreamLike, tuple[tuple[int, int], ...]]]


@dataclass(frozen=True, eq=False)
class Shown:
    """A frame as it was shown: when its drawing was finished, and what lay over it."""

    frame: Frame
    overlay: Overlay
    shown_s: float


@dataclass
class Playback:
    """What was shown, and for each event the time until a frame that contains it was finished."""

    shown: list[Shown] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def frames_per_second(self) -> float:
        """Distinct model frames shown a second; the picture at the start does not count."""
        made = [shown.shown_s for shown in self.shown if shown.frame.index > 0]
        return (len(made) - 1) / (made[-1] - made[0]) if len(made) > 1 else 0.0


class Screen:
    """A framebuffer in the place of the window, with the renderer that draws into it."""

    def __init__(self, picture_size: tuple[int, int]) -> None:
        scale = SHORT_SIDE / min(picture_size)
        self.size = round(picture_size[0] * scale), round(picture_size[1] * scale)
        self._ctx: moderngl.Context = offscreen_context()
        self._surfaces: dict[tuple[int, int], Surface] = {}
        self._renderer = Renderer(self._ctx)

    def set_photograph(self, pixels: np.ndarray) -> None:
        """The picture behind the frames, uint8 [H, W, 3] at its own resolution."""
        self._renderer.set_photograph(pixels)

    def show(self, frame: Frame, overlay: Overlay, size: tuple[int, int] | None = None) -> Surface:
        """Draws a frame and waits until it is finished."""
        size = size or self.size
        if size not in self._surfaces:
            self._surfaces[size] = Surface(self._ctx, size)
        surface = self._surfaces[size]
        self._renderer.set_frame(frame.image, frame.motion)
        self._renderer.draw(surface.framebuffer, size, overlay)
        self._ctx.finish()
        return surface

    def release(self) -> None:
        """Frees the context and everything in it."""
        for surface in self._surfaces.values():
            surface.release()
        self._renderer.release()
        self._ctx.release()


class Player:
    """Plays a demo through an engine in real time."""

    def __init__(self, engine: Engine, screen: Screen) -> None:
        self._engine, self._screen = engine, screen
        self._woken = threading.Event()
        self._failure: str | None = None
        engine.subscribe(self._on_event)

    def _on_event(self, event: EngineEvent) -> None:  # on the engine thread
        if isinstance(event, StateChanged) and event.new is EngineState.FAILED:
            self._failure = event.message
        if isinstance(event, FramesReady) or self._failure is not None:
            self._woken.set()

    def play(self, demo: Demo, picture: np.ndarray) -> Playback:
        """Opens the picture, uint8 [H, W, 3], and lives through the recording. UserError where that fails."""
        self._engine.send(Load(picture, demo.prompt, demo.seed)).result()
        playback, hand = Playback(), RecordedHand()
        waiting: list[float] = []  # times of events that no frame shown so far contains
        events = list(demo.events)
        start_s = time.monotonic()
        while (now_s := time.monotonic()) < start_s + demo.seconds:
            if self._failure is not None:
                raise UserError(self._failure)
            while events and start_s + events[0].time_s <= now_s:
                hand.apply(events.pop(0))
                waiting.append(self._engine.mailbox.put(hand.model.controls(), now_s))
            frame = self._engine.ring.due(now_s)
            if frame is not None:
                self._screen.show(frame, overlay := hand.overlay())
                shown_s = time.monotonic()
                playback.shown.append(Shown(frame, overlay, shown_s))
                seen = [event_s for event_s in waiting if event_s <= frame.sampled_s]
                playback.latencies_ms += [(shown_s - event_s) * 1000 for event_s in seen]
                waiting = waiting[len(seen) :]
            next_s = [start_s + demo.seconds]
            if events:
                next_s.append(start_s + events[0].time_s)
            if (coming := self._engine.ring.coming) is not None:
                next_s.append(coming.due_s)
            self._woken.wait(max(0.0, min(next_s) - time.monotonic()))
            self._woken.clear()
        if not any(shown.frame.index > 0 for shown in playback.shown):
            raise UserError(
                f"The model made no frame within {demo.seconds:g} s.",
                next="Close other programs and try again.",
            )
        return playback


def write_video(path: Path, playback: Playback, screen: Screen, fps: float) -> None:
    """Draws what was shown once more and encodes it, each frame at the time it was due."""
    first_s = next(shown.frame.due_s for shown in playback.shown if shown.frame.index > 0)
    last = -1
    with VideoWriter(path, fps) as video:
        for shown in playback.shown:
            place = 1 + round((shown.frame.due_s - first_s) * fps) if shown.frame.index > 0 else 0
            last = max(place, last + 1)
            video.write(screen.show(shown.frame, shown.overlay).read(), last)


def write_contact_sheet(path: Path, playback: Playback, screen: Screen) -> None:
    """Nine moments of the playback in rows, as a PNG."""
    width, height = (round(side * SHEET_SCALE) for side in screen.size)
    picks = np.linspace(0, len(playback.shown) - 1, SHEET_COLUMNS * SHEET_ROWS).round().astype(int)
    sheet_size = (
        SHEET_COLUMNS * (width + SHEET_GAP) + SHEET_GAP,
        SHEET_ROWS * (height + SHEET_GAP) + SHEET_GAP,
    )
    sheet = Image.new("RGB", sheet_size, (19, 20, 22))
    for place, pick in enumerate(picks):
        shown = playback.shown[pick]
        pixels = screen.show(shown.frame, shown.overlay, (width, height)).read()
        row, column = divmod(place, SHEET_COLUMNS)
        corner = SHEET_GAP + column * (width + SHEET_GAP), SHEET_GAP + row * (height + SHEET_GAP)
        sheet.paste(Image.fromarray(pixels[..., :3]), corner)
    try:
        sheet.save(path)
    except OSError as error:
        raise UserError(
            f"{path} cannot be written ({error.strerror}).",
            "The video is finished.",
            "Make room on the disk.",
        ) from error


def write_gif(path: Path, playback: Playback, screen: Screen) -> None:
    """The playback as an animated picture for a README: small, at most 12 frames a second, and in the same few colours
    throughout, or what stands still would flicker.
    """
    width, height = (round(side * GIF_WIDTH / screen.size[0]) for side in screen.size)
    pictures: list[Image.Image] = []
    due_s: list[float] = []
    for shown in playback.shown:
        if due_s and shown.shown_s - due_s[-1] < GIF_STEP_S:
            continue
        pixels = screen.show(shown.frame, shown.overlay, (width, height)).read()[..., :3]
        pictures.append(Image.fromarray(pixels))
        due_s.append(shown.shown_s)
    some = np.concatenate([np.asarray(picture) for picture in pictures[:: max(1, len(pictures) // 8)]])
    colours = Image.fromarray(some).quantize(GIF_COLOURS, Image.Quantize.MEDIANCUT, kmeans=1, dither=NO_DITHER)
    frames = [picture.quantize(palette=colours, dither=NO_DITHER) for picture in pictures]
    steps_ms = [max(20, round((after - before) * 1000)) for before, after in itertools.pairwise(due_s)]
    try:
        frames[0].save(path, save_all=True, append_images=frames[1:], duration=[*steps_ms, 900], loop=0, optimize=True)
    except OSError as error:
        raise UserError(
            f"{path} cannot be written ({error.strerror}).", "The video is finished.", "Make room on the disk."
        ) from error


def report(playback: Playback, engine: Engine) -> str:
    """Frames a second and latency, in words."""
    stats = engine.stats()
    lines = [
        f"{playback.frames_per_second:.1f} frames/s shown of the {stats.target_fps:g} the model is made for; "
        f"it could make {stats.capacity_fps:.1f}."
    ]
    if playback.latencies_ms:
        p50, p95 = np.percentile(playback.latencies_ms, (50, 95))
        lines.append(
            f"Latency from a move of the hand to the finished frame that contains it: median {p50:.0f} ms, "
            f"95 % within {p95:.0f} ms ({len(playback.latencies_ms)} moves)."
        )
    return "\n".join(lines)


def reason() -> str:
    """Why there is no window."""
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return "Off-screen, as asked; `python -m desktop` opens the window."
    return "No display: neither DISPLAY nor WAYLAND_DISPLAY is set. The recorded demo plays off-screen instead."


open_live = partial(open_package, fastest=True)


def main(arguments: Sequence[str] | None = None, *, open_package: OpenPackage = open_live) -> int:
    """The command. 0, or 2 after a sentence on stderr."""
    options = _parser().parse_args(arguments)
    try:
        _run(options.demo, options.package, options.out, options.gif, open_package)
    except (UserError, GLUnavailable) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _run(folder: Path, package: Path, out: Path, gif: Path | None, open_package: OpenPackage) -> None:
    _say(reason())
    demo = load_demo(folder)
    loaded = load_picture(demo.picture)
    stream, buckets = open_package(package)
    bucket = best_bucket(loaded, buckets)
    picture = loaded.crop(bucket)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"The folder {out} cannot be made ({error.strerror}).", next="Name another --out.") from error
    with ExitStack() as cleanup:
        screen = Screen((picture.shape[1], picture.shape[0]))
        cleanup.callback(screen.release)
        screen.set_photograph(loaded.photograph(bucket))
        engine = Engine(lambda: stream)
        cleanup.callback(engine.stop)
        player = Player(engine, screen)
        engine.start()
        _say(f"Playing {demo.seconds:g} s of {demo.picture.name} in real time ...")
        playback = player.play(demo, picture)
        _say(report(playback, engine))
        engine.stop()  # its frames are in: the rest of the machine is for the encoder
        write_video(out / "demo.mp4", playback, screen, stream.fps)
        write_contact_sheet(out / "demo.png", playback, screen)
        if gif is not None:
            write_gif(gif, playback, screen)
    _say(f"Wrote {out / 'demo.mp4'} and {out / 'demo.png'}.")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m desktop.demo",
        description="Plays the recorded demo drag off-screen and writes a video.",
    )
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for demo.mp4 and demo.png")
    parser.add_argument("--gif", type=Path, help="also write this animated .gif")
    parser.add_argument("--package", type=Path, default=default_package(), help="model package folder")
    parser.add_argument("--demo", type=Path, default=resource_path("assets", "demo"), help="folder with a demo.toml")
    return parser


if __name__ == "__main__":
    sys.exit(main())
