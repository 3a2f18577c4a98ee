"""What the words network learns from: places of the made world's pictures, and words and parts of sentences about them.

Owns the samples and the files in which they wait. Never trains. Runs on the trainer's thread, or by itself, to make the
files before a training begins:

    python -m training.word_samples --recipe training/recipes/pocket/words.toml --start assets/models/pocket \
        --run runs/words

Seeing a picture and reading a sentence take a hundred times as long as learning from them once more: it is done once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from inference.affinity import AffinityNet
from inference.text import TextEncoder
from inference.words import CELL, ROLES, looks, part_of, subjects
from training.affinity import relit, zoomed
from training.causal import MINILM
from training.clips import video_tensor
from training.command import run_trainer
from training.distributed import Group
from training.world import Library, load_library, make_clip
from training.world.wording import CAMERA_NAME, Meant, sentence

PICTURES, SENTENCES, NAMES = "pictures", "sentences", "names"  # folders of the files, in a run's
SEEN = 0.004  # of the picture: a thing that shows less is not spoken of
UNKNOWN = "piece"  # a cut of a photograph, which has no name
MOST_NAMES = 4  # things that a sentence may be about


@dataclass(frozen=True)
class SampleSettings:
    """Which pictures are shown, and how many sentences are read. Sizes are (width, height) in pixels, one a file."""

    sizes: tuple[tuple[int, int], ...]
    pictures: int  # files of pictures
    sentences: int  # files of sentences
    file: int  # pictures of a file
    sentence_file: int  # sentences of a file
    seed: int  # of the first picture
    zoom: float  # share of pictures of which only a part is taken, enlarged


@dataclass(frozen=True, eq=False)
class Shown:
    """picture: [3, H, W] in [-1, 1]; masks: by a thing's name, the share of every CELL of pixels that things of that
    name cover, [H/8, W/8]; anything: of the things with no name to it too. names: one of every thing that has one.
    """

    picture: Tensor
    masks: dict[str, Tensor]
    anything: Tensor
    names: list[str]


def shown(library: Library, seed: int, size: tuple[int, int], rng: np.random.Generator, zoom: float = 0.0) -> Shown:
    """The picture of a seed, mirrored and relit by chance where it may be zoomed, and as it is where not."""
    clip = make_clip(library, seed, width=size[0], height=size[1], frames=1)
    picture, owner = clip.frames[0], clip.owner_map[0]
    if zoom > 0.0:
        if rng.random() < zoom:
            picture, owner = zoomed(picture, owner, rng)
        if rng.random() < 0.5:
            picture, owner = picture[:, ::-1], owner[:, ::-1]
    tensor = video_tensor(picture[None].copy())[0]
    names: list[str] = []
    masks: dict[str, Tensor] = {}
    for index, thing in enumerate(clip.scene.things):
        mask = owner == index
        if mask.mean() >= SEEN and thing.name != UNKNOWN:
            names.append(thing.name)
            masks[thing.name] = masks.get(thing.name, 0) + share(mask)
    return Shown(relit(tensor, rng) if zoom > 0.0 else tensor, masks, share(owner >= 0), names)


def share(mask: np.ndarray) -> Tensor:
    """bool [H, W] to float32 [H/8, W/8]."""
    return F.avg_pool2d(torch.from_numpy(np.ascontiguousarray(mask)).float()[None], CELL)[0]


def roles(text: TextEncoder, meant: Meant) -> np.ndarray:
    """The role of every word of a sentence, without [CLS] and [SEP]: int [L]."""
    spans, at, low = [], 0, meant.text.lower()
    for words, name in meant.subjects:
        at = low.index(words.lower(), at)
        spans.append((at, at + len(words), ROLES.index("camera" if name == CAMERA_NAME else "thing")))
        at += len(words)
    offsets = text.offsets(meant.text)[1:-1]
    return np.array([next((role for a, b, role in spans if a <= first < b), 0) for first, _ in offsets], np.int64)


@torch.no_grad()
def seen_places(library: Library, affinity: AffinityNet, settings: SampleSettings, number: int) -> dict[str, Tensor]:
    """A file of pictures: looks float16 [N, C] of places, thing float16 [N], how far things cover each, and name
    int16 [N], of the thing that covers it, -1 for none.
    """
    index = {name: i for i, name in enumerate(names_of(library))}
    seen, covered, names = [], [], []
    for row in range(settings.file):
        seed = settings.seed + number * settings.file + row
        size = settings.sizes[number % len(settings.sizes)]
        picture = shown(library, seed, size, np.random.default_rng([seed, 53]), settings.zoom)
        seen.append(looks(affinity, picture.picture[None])[0].flatten(1).T)
        covered.append(picture.anything.flatten())
        names.append(named(picture, index).flatten())
    return {"looks": torch.cat(seen).half(), "thing": torch.cat(covered).half(), "name": torch.cat(names).short()}


def named(picture: Shown, index: dict[str, int]) -> Tensor:
    """The number of the name of what mostly covers each place, -1 for none: [h, w]."""
    found = torch.full_like(picture.anything, -1.0)
    for name, mask in picture.masks.items():
        found[mask > 0.5] = index[name]
    return found


def read_sentences(
    library: Library, text: TextEncoder, settings: SampleSettings, tokens: int, number: int
) -> dict[str, Tensor]:
    """A file of sentences: words float16 [N, D] with their role int16 [N]; parts float16 [K, 2 D] with is_camera, moves
    [K], motion [K, len(MOTION)] and camera [K, len(CAMERA)].
    """
    rng, names = np.random.default_rng([settings.seed, number, 71]), names_of(library)
    told: list[Meant] = []
    while len(told) < settings.sentence_file:
        count = int(rng.integers(0, min(MOST_NAMES, len(names)) + 1))
        meant = sentence(rng, [names[i] for i in rng.choice(len(names), count, replace=False)])
        if len(text.offsets(meant.text)) <= tokens and meant.text:
            told.append(meant)
    found: dict[str, list[Tensor]] = {name: [] for name in
                                      ("words", "role", "parts", "is_camera", "moves", "motion", "camera")}  # fmt: skip
    nothing = np.zeros_like(next(iter(m for one in told for m in one.moved.values())))
    for first in range(0, len(told), 32):
        batch = told[first : first + 32]
        states = text.encode([meant.text for meant in batch], tokens)
        for meant, state in zip(batch, states, strict=True):
            role = roles(text, meant)
            words = state[1 : 1 + len(role)]
            found["words"].append(words)
            found["role"].append(torch.from_numpy(role))
            spoken_of = subjects(role)
            if len(spoken_of) != len(meant.subjects):  # two names without a word between them
                continue
            for subject, (_, name) in zip(spoken_of, meant.subjects, strict=True):
                motion = meant.moved.get(name, nothing)
                found["parts"].append(part_of(words, subject)[None])
                found["is_camera"].append(torch.tensor([float(subject.role == "camera")]))
                found["moves"].append(torch.tensor([float(name in meant.moved)]))
                found["motion"].append(torch.from_numpy(motion)[None])
                found["camera"].append(torch.from_numpy(meant.camera)[None])
    joined = {name: torch.cat(values) for name, values in found.items()}
    return {name: (value.short() if name == "role" else value.half()) for name, value in joined.items()}


@dataclass(frozen=True)
class Files:
    pictures: list[Path]
    sentences: list[Path]
    names: list[Path]  # one, with the states of the library's names


def prepare(
    folder: Path, settings: SampleSettings, tokens: int, affinity: AffinityNet, library: Callable[[str], Library]
) -> Files:
    """The run's files of samples; those that are not there are made."""
    text = cache(lambda: TextEncoder.load(MINILM))
    train = cache(lambda: library("train"))

    def made(kind: str, count: int, make: Callable[[int], dict[str, Tensor]]) -> list[Path]:
        (folder / kind).mkdir(parents=True, exist_ok=True)
        paths = [folder / kind / f"{number:05d}.safetensors" for number in range(count)]
        for number, path in enumerate(paths):
            if not path.exists():
                beside = path.with_suffix(".new")
                save_file({name: value.contiguous() for name, value in make(number).items()}, beside)
                beside.replace(path)
        return paths

    return Files(
        names=made(NAMES, 1, lambda _: {"states": name_states(train(), text(), tokens)}),
        sentences=made(SENTENCES, settings.sentences, lambda n: read_sentences(train(), text(), settings, tokens, n)),
        pictures=made(PICTURES, settings.pictures, lambda n: seen_places(train(), affinity, settings, n)),
    )


def loaded(paths: list[Path]) -> dict[str, Tensor]:
    """The files' tensors, one after the other."""
    files = [load_file(path) for path in paths]
    return {name: torch.cat([file[name] for file in files]) for name in files[0]}


def names_of(library: Library) -> list[str]:
    return sorted({entry.name for entry in library.objects})


def name_states(library: Library, text: TextEncoder, tokens: int) -> Tensor:
    """The mean state of each name's own words, [names, D]."""
    found = []
    names = names_of(library)
    for first in range(0, len(names), 32):
        states = text.encode([f"the {name} moves" for name in names[first : first + 32]], tokens)
        length = (states.abs().sum(-1) > 0).sum(1)  # [CLS] the ... moves [SEP]
        place = torch.arange(tokens)
        own = ((place >= 2) & (place < length[:, None] - 2)).float()
        found.append((states * own[..., None]).sum(1) / own.sum(1, keepdim=True).clamp_min(1.0))
    return torch.cat(found)


def main() -> None:
    from training.words import WordsRecipe, eyes  # which imports this module

    def make(recipe: WordsRecipe, folder: Path, group: Group, /, *, start: Path | None, minutes: float) -> int:
        prepare(folder, recipe.data, recipe.model.text_tokens, eyes(recipe, start), load_library)
        return 0

    run_trainer(__doc__, WordsRecipe, make, start="a package or an affinity run whose network looks at the pictures")


if __name__ == "__main__":
    main()
