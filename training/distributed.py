"""Training in one process or many: FSDP2 under `torchrun`, and checkpoints that each process writes its part of.

Owns the process group, how a generator is sharded, and the files of a checkpoint. Never knows what is trained. Called
by every process alike, on its trainer's thread.

    torchrun --nproc-per-node 8 -m training.teacher --recipe ... --start ... --run ...

Without torchrun there is one process and nothing is sharded. Checkpoints are safetensors written through
`torch.distributed.checkpoint`, so that they hold no pickle and any number of processes can go on from them.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import Tensor, nn
from torch.distributed.checkpoint import HuggingFaceStorageReader, HuggingFaceStorageWriter
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer
from torch.utils import _pytree

from inference.cache import KeyValues
from inference.errors import UserError
from inference.generator import Generator
from training.recipe import first_difference

_FLAT = StateDictOptions(flatten_optimizer_state_dict=True)
ABOUT = "about.json"
PREFIX = "step-"


@dataclass(frozen=True)
class Group:
    """This process among all that train together."""

    rank: int
    size: int
    device: torch.device

    def mean(self, value: Tensor) -> Tensor:
        """The mean over all processes of a detached tensor."""
        if self.size > 1:
            value = value.clone()
            dist.all_reduce(value)
            value /= self.size
        return value

    def agreed(self, flag: bool) -> bool:
        """Whether any process says so: clocks differ, and all must leave a loop together."""
        if self.size == 1:
            return flag
        said = torch.tensor(float(flag), device=self.device)
        dist.all_reduce(said, dist.ReduceOp.MAX)
        return bool(said)

    def gathered(self, values: list[int]) -> list[int]:
        """All processes' values, in the order of their ranks."""
        if self.size == 1:
            return values
        every: list[Any] = [None] * self.size
        dist.all_gather_object(every, values)
        return [value for part in every for value in part]

    def wait(self) -> None:
        if self.size > 1:
            dist.barrier()


@contextmanager
def processes() -> Iterator[Group]:
    """The group that torchrun describes in the environment, or a group of one."""
    cuda = torch.cuda.is_available()
    if "RANK" not in os.environ:
        yield Group(0, 1, torch.device("cuda" if cuda else "cpu"))
        return
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if cuda else "gloo")
    try:
        yield Group(dist.get_rank(), dist.get_world_size(), device)
    finally:
        dist.destroy_process_group()


def sharded(generator: Generator, group: Group) -> Generator:
    """Moves the generator to the device and, among several processes, shards it block by block (FSDP2)."""
    generator.to(group.device)
    if group.size > 1:
        if KeyValues not in _pytree.SUPPORTED_NODES:
            _pytree.register_dataclass(KeyValues)  # FSDP finds the tensors of what a module returns by their tree
        mesh = dist.init_device_mesh(group.device.type, (group.size,))
        transformer = generator.transformer
        for block in transformer.blocks:
            # Asked for keys and values of the text outside of a block's own pass.
            fully_shard(block.cross_attn, mesh=mesh)  # type: ignore[arg-type]  # a Block, which ModuleList hides
            register_fsdp_forward_method(block.cross_attn, "keys_and_values")  # type: ignore[arg-type]
            fully_shard(block, mesh=mesh)
        fully_shard(transformer, mesh=mesh)
        register_fsdp_forward_method(transformer, "encode_text")
        fully_shard(generator.track_head, mesh=mesh)
    return generator


def twin(generator: Generator, group: Group) -> Generator:
    """A frozen copy of an unsharded generator, sharded in the same way."""
    return sharded(copy.deepcopy(generator), group).requires_grad_(False)


def local(tensor: Tensor) -> Tensor:
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def whole(tensor: Tensor) -> Tensor:
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


class Checkpoints:
    """A run's folder of `step-N/` checkpoints: written beside, then renamed, the one before removed last.

    parts: modules by name. optimisers: by name, each with the module whose parameters it moves. recipe: everything
    that a later session must share to go on.
    """

    def __init__(
        self,
        folder: Path,
        group: Group,
        parts: dict[str, nn.Module],
        optimisers: dict[str, tuple[nn.Module, Optimizer]],
        recipe: dict[str, Any],
    ) -> None:
        self.folder, self.group, self.parts, self.optimisers = folder, group, parts, optimisers
        self.recipe = json.loads(json.dumps(recipe))  # tuples become lists, as they will be read

    def _state(self) -> dict[str, Tensor]:
        state: dict[str, Tensor] = {}
        for name, part in self.parts.items():
            weights = get_model_state_dict(part).items()
            state |= {f"{name}.{key}": value for key, value in weights if isinstance(value, Tensor)}
        for name, (module, optimiser) in self.optimisers.items():
            flat: dict[str, Any] = get_optimizer_state_dict(module, optimiser, options=_FLAT)
            state |= {f"{name}.{key}": value for key, value in flat.items() if isinstance(value, Tensor)}
        return state

    def save(self, step: int) -> None:
        """Raises UserError where it cannot be written; the last good checkpoint is intact then, as after a kill. A step
        that is already saved is not saved again.
        """
        done, beside = self.folder / f"{PREFIX}{step:08d}", self.folder / "unfinished"
        if self.group.agreed(done.exists()):
            return  # nothing may stand between a good checkpoint and its name
        error, state = "", self._state()
        if self.group.rank == 0:
            shutil.rmtree(beside, ignore_errors=True)  # of a killed session
        self.group.wait()
        try:
            with warnings.catch_warnings(action="ignore", category=UserWarning):  # "assuming a single process"
                dcp.save(state, storage_writer=HuggingFaceStorageWriter(str(beside), save_distributed=True))
            if self.group.rank == 0:
                self._finish(step, beside, done)
        except (Exception, CheckpointException) as fault:
            error = _reason(fault)
        if self.group.agreed(bool(error)):
            if self.group.rank == 0:
                shutil.rmtree(beside, ignore_errors=True)
            last = newest(self.folder)
            raise UserError(
                f"The checkpoint of step {step} could not be written to {self.folder} ({error or 'another process'}).",
                kept=f"The last good one, {last.name}, is untouched." if last else "",
                next="Make room on the disk, then give the same command again.",
            )

    def _finish(self, step: int, beside: Path, done: Path) -> None:
        about = json.dumps({"step": step, "recipe": self.recipe})
        (beside / ABOUT).write_text(about, encoding="utf-8")
        for path in beside.iterdir():  # on the disk before the name says so
            with path.open("rb") as file:
                os.fsync(file.fileno())
        beside.rename(done)
        for older in self.folder.glob(f"{PREFIX}*"):
            if older != done:
                shutil.rmtree(older, ignore_errors=True)

    def resume(self) -> int:
        """Loads the newest checkpoint in place and returns its step, 0 where there is none.

        Raises UserError where it was made under another recipe, or cannot be read.
        """
        path = newest(self.folder)
        if path is None:
            return 0
        again = "Go on with the recipe it began with, or choose another folder for --run."
        about = _about(path)
        if key := first_difference(about["recipe"], self.recipe):
            raise UserError(f"{path} was made under another recipe: {key} differs.", "Nothing was changed.", again)
        state = self._state()
        _load(state, path)
        for name, (module, optimiser) in self.optimisers.items():
            flat: dict[str, Any] = get_optimizer_state_dict(module, optimiser, options=_FLAT)
            flat |= {key.removeprefix(f"{name}."): v for key, v in state.items() if key.startswith(f"{name}.")}
            set_optimizer_state_dict(module, optimiser, flat, options=_FLAT)
        return int(about["step"])


def newest(folder: Path) -> Path | None:
    """The newest whole checkpoint of a run's folder."""
    return max(folder.glob(f"{PREFIX}*"), default=None)


def trained_under(folder: Path) -> dict[str, Any]:
    """The recipe of a run's newest checkpoint."""
    return dict(_about(_newest(folder))["recipe"])


def load_part(folder: Path, name: str, module: nn.Module) -> None:
    """Fills a module that is not sharded from one part of a run's newest checkpoint."""
    path = _newest(folder)
    state = {f"{name}.{key}": value for key, value in module.state_dict().items()}
    _load(state, path)


def _newest(folder: Path) -> Path:
    path = newest(folder)
    if path is None:
        raise UserError(f"There is no checkpoint in {folder}.", next="Train first, or choose another folder.")
    return path


def _about(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((path / ABOUT).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise UserError(f"The checkpoint {path} is damaged: {error}.", next="Choose another --run.") from error


def _load(state: dict[str, Tensor], path: Path) -> None:
    try:
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # "assuming a single process"
            dcp.load(state, storage_reader=HuggingFaceStorageReader(str(path)))
    except (Exception, CheckpointException) as fault:
        raise UserError(
            f"The checkpoint {path} cannot be read: {_reason(fault)}.", next="Choose another --run."
        ) from fault


def _reason(fault: BaseException) -> str:
    """One line of what went wrong first; the library wraps what each process met, and that is no `Exception`."""
    if isinstance(fault, CheckpointException):
        fault = next(iter(fault.failures.values()))[0]
    return (str(fault).strip() or type(fault).__name__).splitlines()[-1]
