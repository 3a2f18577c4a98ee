"""Who computes a stream's networks on a processor: torch, or OpenVINO where that is faster here.

Owns the choice, network by network: both are held against each other and timed once a machine and picture size, and
what was found is remembered. Never changes a weight. What OpenVINO cannot do (other shapes, gradients, a failure) torch
does, with a line in the log. `prepare` may run on a thread of its own beside a stream; a stream's thread does the rest.

OpenVINO makes fewer passes over memory. On GPUs nothing here is used.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
import torch
from torch import Tensor, nn

from inference.autoencoder import CELL, FRAMES
from inference.cache import CacheContext, KeyValues
from inference.frame_decoder import FrameDecoder
from inference.package import ModelPackage
from inference.pipeline import available_cores
from inference.rotary import grid_turns

if TYPE_CHECKING:
    from inference.openvino_graph import Graph

log = logging.getLogger(__name__)

CHOICE = "MOTIONSTREAM_BACKEND"  # "torch": no other is tried
REPEATS = 5  # of each network, to time it: the best counts, others were interrupted
APART = {torch.float32: 1e-3, torch.bfloat16: 0.1}  # how far answers may be from torch's, beside 1 + their spread
FORM = 8  # raised when a network is expressed otherwise: graphs that are kept are made anew
LEVELS = 2  # of 255: likewise, of a frame's pixels

Size = tuple[int, int]  # of pictures, (width, height)
Arguments = tuple[Tensor, ...]


class _Evaluation(nn.Module):
    """`MotionTransformer.forward` over a cache, in tensors alone."""

    def __init__(self, package: ModelPackage, size: Size) -> None:
        super().__init__()
        config, (width, height) = package.config, size
        self.transformer, self.first_slot = package.generator.transformer, config.cache.first_slot
        self.blocks = config.transformer.layers
        _, rows, columns = config.transformer.patch
        grid = (config.cache.chunk, height // CELL // rows, width // CELL // columns)
        turns = grid_turns(config.transformer.head_dim, self.first_slot, *grid, torch.device("cpu"))
        self.turns = nn.Buffer(torch.view_as_real(turns).clone())

    def forward(self, x: Tensor, t: Tensor, control: Tensor, mask: Tensor, *others: Tensor) -> Arguments:
        """others: the cache's room, keys and values [blocks, B, heads, C + chunk tokens, d], then the text's keys and
        its values. Returns the velocity, and new keys and values [blocks, B, heads, chunk tokens, d].
        """
        (k, v), text = others[:2], others[2:]
        held = k.shape[-2] - self.turns.shape[0]
        context = CacheContext(k[..., :held, :], v[..., :held, :], mask, self.first_slot)
        said = KeyValues(text[: self.blocks], text[self.blocks :])
        out, new = self.transformer(x, t, control, said, context, turns=self.turns)
        return out, torch.stack(new.k), torch.stack(new.v)

    @staticmethod
    def by(graph: Graph, own: Callable[..., Any]) -> Callable[..., Any]:
        def forward(
            x: Tensor,
            t: Tensor,
            control: Tensor | None,
            text: KeyValues,
            context: CacheContext | None = None,
            **rest: Any,
        ) -> tuple[Tensor, KeyValues]:
            if control is None or context is None or context.room is None or rest:
                return own(x, t, control, text, context, **rest)
            asked = (x, t, control, context.mask, *context.room, *text.k, *text.v)
            if not graph.fits(*asked):
                return own(x, t, control, text, context)
            out, *new = graph(*asked)
            held = context.k.shape[-2]
            slots = [room[..., held:, :].copy_(made) for room, made in zip(context.room, new, strict=True)]
            return out, KeyValues(*(tuple(each.unbind(0)) for each in slots))

        return forward


@dataclass(frozen=True)
class _Network:
    """owner: the module whose forward may be another's; plain: it in tensors alone; example: arguments of its shapes;
    by: the owner's forward, by a graph of `plain` where that fits.
    """

    name: str
    owner: nn.Module
    plain: nn.Module
    example: Arguments
    by: Callable[[Graph, Callable[..., Any]], Callable[..., Any]]


class Backend:
    """The choice for one package. folder: where graphs and findings are kept; None: the user's cache."""

    def __init__(self, package: ModelPackage, frames: FrameDecoder, folder: Path | None = None) -> None:
        self._package, self._frames = package, frames
        self._folder = (folder or platformdirs.user_cache_path("motionstream") / "openvino") / _digest(package)
        self._preparing: threading.Thread | None = None
        self._wanted: Size = (0, 0)
        self.chosen: dict[str, str] = {}  # for each network

    @classmethod
    def of(cls, package: ModelPackage, frames: FrameDecoder) -> Backend | None:
        """None where there is nothing to choose: on a GPU, without OpenVINO, without carried pictures, or where the
        environment says so.
        """
        if package.device.type != "cpu" or not package.config.control.carry or os.environ.get(CHOICE) == "torch":
            return None
        try:
            import inference.openvino_graph  # noqa: F401  # here: it takes a tenth of a second, and may be missing
        except ImportError as error:
            log.info("torch computes everything: %s", error)
            return None
        return cls(package, frames)

    @property
    def name(self) -> str:
        """ "openvino", or "torch" where it computes every network; "choosing" while a thread finds out."""
        if self._preparing is not None and self._preparing.is_alive():
            return "choosing"
        return "openvino" if "openvino" in self.chosen.values() else "torch"

    def want(self, size: Size) -> None:
        """The best for pictures of `size` from now on, if it is known; else torch, until a thread has found out."""
        self._wanted = size
        if self._preparing is not None and self._preparing.is_alive():
            return  # it looks again when it is done
        if self._found(size).exists():
            self.prepare(size)
        else:
            # No daemon, as a daemon's threads are: OpenVINO aborts a process that ends in the middle of compiling.
            self._preparing = threading.Thread(target=self._find_out, name="backend", daemon=False)
            self._preparing.start()

    def _find_out(self) -> None:
        done: Size | None = None
        while done != self._wanted and not _ending():
            done = self._wanted
            self.prepare(done)

    @torch.no_grad()
    def prepare(self, size: Size) -> None:
        """Finds the faster of both, unless it is known, and puts it in place: seconds, the first time."""
        found = _read(self._found(size))
        for network in self._networks(size):
            if _ending():
                return
            network.owner.__dict__.pop("forward", None)  # of another size
            own, graph = network.owner.forward, None
            try:
                times = found.get(network.name) or self._race(network, size)
                if times["openvino"] < times["torch"]:
                    # All cores: one that the other half of a chunk leaves idle is taken, and given back.
                    graph = self._graph(network, size, available_cores())
            except Exception as error:  # whatever a compiler meets, torch computes
                log.warning("torch computes the %s: %s", network.name, str(error).splitlines()[0])
                times = {"torch": 0.0, "openvino": 0.0}
            found[network.name] = times
            if graph is not None:
                network.owner.forward = network.by(graph, own)
            self.chosen[network.name] = "torch" if graph is None else "openvino"
        _write(self._found(size), found)
        log.info("best ms for %dx%d: %s", *size, found)

    def _found(self, size: Size) -> Path:
        return self._folder / f"{size[0]}x{size[1]}-{torch.get_num_threads()}.json"

    def _graph(self, network: _Network, size: Size, threads: int) -> Graph:
        from inference.openvino_graph import Graph

        kept = self._folder / f"{network.name}-{size[0]}x{size[1]}.xml"
        return Graph(network.plain, network.example, kept, self._package.dtype, threads)

    def _race(self, network: _Network, size: Size) -> dict[str, float]:
        """The best time of each in ms, taken in turns, on torch's threads. Raises RuntimeError where their answers
        differ.
        """
        graph = self._graph(network, size, torch.get_num_threads())
        _compare(graph(*network.example), network.plain(*network.example))
        times: dict[str, list[float]] = {"torch": [], "openvino": []}
        for _ in range(REPEATS):
            for name, run in (("torch", network.plain), ("openvino", graph)):
                began_s = time.perf_counter()
                run(*network.example)
                times[name].append((time.perf_counter() - began_s) * 1e3)
        return {name: round(min(taken), 2) for name, taken in times.items()}

    def _networks(self, size: Size) -> Sequence[_Network]:
        package, config = self._package, self._package.config
        width, height = size
        h, w = height // CELL, width // CELL
        chance, dtype = torch.Generator().manual_seed(0), package.dtype

        def random(*shape: int) -> Tensor:
            return torch.randn(shape, generator=chance).to(dtype)

        transformer, chunk = package.generator.transformer, config.cache.chunk
        cache = transformer.empty_cache(config.cache, 1, h, w)
        room = cache.context().room
        assert room is not None
        text = transformer.encode_text(random(1, config.transformer.text_tokens, config.transformer.text_dim))
        latents = random(1, chunk, config.autoencoder.channels, h, w)
        control = random(1, chunk, config.transformer.in_channels - config.autoencoder.channels, h, w)
        evaluation = _Evaluation(package, size)
        asked = (latents, torch.full((1,), 500.0), control, cache.mask, *room, *text.k, *text.v)
        encoder, decoder, picture = package.autoencoder.encoder, self._frames.latents, self._frames.picture
        coarse, base, *seen = decoder(latents)
        through = random(1, 3, height, width).float().clamp(-1, 1), torch.rand(1, 1, height, width, generator=chance)
        frame = coarse[:, :1], base[:, :1], *through
        return (
            _Network("encoder", encoder, encoder, (random(1, chunk, 3 * FRAMES, height, width),), _alone),
            _Network("transformer", transformer, evaluation, asked, evaluation.by),
            _Network("decoder", decoder, decoder, (latents, *seen), _tensors),
            _Network("picture", picture, picture, (*frame, *picture(*frame)[1:]), _tensors),
        )


def _ending() -> bool:
    """The interpreter waits for this thread alone: what is not measured yet is left to the next start."""
    return not threading.main_thread().is_alive()


def _alone(graph: Graph, own: Callable[..., Any]) -> Callable[..., Any]:
    """For a module that is in tensors alone by itself, one in and one out."""

    def forward(x: Tensor) -> Tensor:
        return graph(x)[0] if graph.fits(x) else own(x)

    return forward


def _tensors(graph: Graph, own: Callable[..., Any]) -> Callable[..., Any]:
    """Likewise, with many in and many out."""

    def forward(*asked: Tensor) -> Arguments:
        return tuple(graph(*asked)) if graph.fits(*asked) else own(*asked)

    return forward


def _compare(mine: Sequence[Tensor], theirs: Sequence[Tensor]) -> None:
    for one, other in zip(mine, theirs, strict=True):
        apart = (one.float() - other.float()).abs().max().item()
        allowed = LEVELS if other.dtype == torch.uint8 else APART[other.dtype] * (1.0 + other.float().std().item())
        if not apart <= allowed:
            raise RuntimeError(f"OpenVINO's answers are off by {apart:.3g}")


def _digest(package: ModelPackage) -> str:
    """A name for these weights, this machine's number format and these versions."""
    from inference.openvino_graph import VERSION

    found = hashlib.sha256(f"{FORM}{package.config}{package.dtype}{torch.__version__}{VERSION}".encode())
    for module in (package.autoencoder, package.generator, package.blend):
        for tensor in () if module is None else module.state_dict().values():
            found.update(tensor.float().contiguous().numpy().tobytes())
    return found.hexdigest()[:16]


def _read(path: Path) -> dict[str, dict[str, float]]:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return {}


def _write(path: Path, found: dict[str, dict[str, float]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(found))
    beside.replace(path)
