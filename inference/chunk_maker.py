"""Chunks of one stream, one after the other: when the next is taken, what directs it, and how its halves overlap.

Owns the pace, the director, the meters and the decoding thread. Never decides whether chunks are made, and tells no
fault: the engine does, and hears of one as an exception.

The engine's thread calls everything but `stats`, which any thread may, and makes a chunk's first half; the second, from
`Stream.decode` to the frame ring, runs on the decoding thread while the engine's makes the next one's first. What both
halves touch, they touch in turn (a `Making` is handed over whole, and at most one waits) or under a lock of its own
(pacer, meters, ring). Pacer and director change only after `finish`, when no second half runs.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace

from inference.channels import ControlMailbox, FrameRing
from inference.finishing import Making
from inference.motion.director import Director, Span
from inference.pacing import EngineStats, Meters, Pacer
from inference.pipeline import Pipeline
from inference.stream_like import StreamLike
from inference.tracks import Tracks

WARM_UP_CHUNKS = 2  # the first pays for lazy set-up, the second is a first estimate of the time a chunk takes


class ChunkMaker:
    """See the module. ready: called on the decoding thread when a frame is in the ring. decoder: replaced in tests."""

    def __init__(
        self,
        stream: StreamLike,
        mailbox: ControlMailbox,
        ring: FrameRing,
        *,
        clock: Callable[[], float],
        ready: Callable[[], None],
        decoder: Executor | None = None,
    ) -> None:
        self.stream = stream
        self._mailbox, self._ring, self._clock, self._ready = mailbox, ring, clock, ready
        self._decoding = Pipeline(decoder)
        self._meters = Meters()
        self._pacer = Pacer(stream.fps, stream.frames_per_chunk)
        self._director = Director(stream.size, stream.max_tracks)
        self._warmed: set[tuple[int, int]] = set()
        self._next_index = 0
        self._last_began_s: float | None = None  # of the chunk before, where nothing was waited for since

    def stats(self) -> EngineStats:
        """Any thread."""
        stream = self.stream
        found = self._meters.stats(self._pacer, stream.fps, self._ring.dropped, stream.context_frames)
        return replace(found, backend=stream.computed_by)

    @property
    def warm(self) -> bool:
        """Whether chunks of the stream's present size were made before."""
        return self.stream.size in self._warmed

    def warm_up(self) -> None:
        """A few chunks that nobody sees. They leave the stream where they came to: open it again."""
        stream = self.stream
        self._pacer = Pacer(stream.fps, stream.frames_per_chunk)
        for chunk in range(WARM_UP_CHUNKS):
            began_s = self._clock()
            stream.advance(Tracks.empty(stream.frames_per_chunk))
            if chunk > 0:
                self._pacer.learn(self._clock() - began_s)
        self._warmed.add(stream.size)

    def begin(self) -> None:
        """From the picture that the stream was opened with, whose frame is number 0."""
        self._next_index = 1
        self._director.reset(self.stream.size, self.stream)
        self._meters.clear()

    def begin_now(self) -> None:
        """The schedule starts now, and what was drawn before is no motion."""
        self._pacer.snap()
        self._mailbox.skip(self._clock() - self.stream.frames_per_chunk / self.stream.fps)

    def wait_s(self) -> float:
        """Seconds until the next chunk is to be made; 0 or less: now."""
        now_s = self._clock()
        wait_s = self._pacer.take_at(now_s) - now_s
        if wait_s > 0:
            self._last_began_s = None
        return wait_s

    def make(self) -> tuple[int, Tracks]:
        """Takes the controls and makes a chunk: its first frame's number and what it followed. Raises what this
        chunk's first half or the second half of the one before raised; nothing is counted then.
        """
        stream, index, began_s = self.stream, self._next_index, self._clock()
        interval_s = 0.0 if self._last_began_s is None else began_s - self._last_began_s
        self._last_began_s = began_s
        snapshot = self._mailbox.take(began_s)
        self._pacer.taken()
        span = Span(snapshot.since_s, snapshot.now_s, index, stream.frames_per_chunk, stream.fps)
        director = self._director
        tracks = director.direct(snapshot, span).rounded()
        chunk = stream.make(tracks)
        making = Making(
            chunk, stream.motion, stream.timings_ms, span, self._clock() - began_s, interval_s,
            snapshot.oldest_event_s, director.began, director.behind, director.shots, director.holds,
        )  # fmt: skip
        self._decoding.put(lambda: self._decode(making))
        self._next_index += span.frames
        return index, tracks

    def _decode(self, making: Making) -> None:
        """The second half, on the decoding thread."""
        for frame in making.frames(self.stream, self._pacer, self._meters, self._clock):
            self._ring.push(frame)
            self._ready()

    def finish(self) -> None:
        """Waits until every chunk is whole. Raises what a second half raised, once."""
        self._last_began_s = None
        self._decoding.drain()

    def stop(self) -> None:
        """No chunk after this."""
        self._decoding.stop()
