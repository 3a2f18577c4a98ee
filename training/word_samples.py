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
from inference.motion.said import MOTION
from inference.reading import ROLES, clause_text, name_states, states_of, subjects, summed_up, words_of
from inference.recogniser import Recogniser
from inference.text import TextEncoder
from inference.words import CELL, FEWEST, looks
from training.affinity import relit, zoomed
from training.clips import video_tensor
from training.command import run_trainer
from training.directed import MINILM
from training.distributed import Group
from training.recogniser import ASSET
from training.world import Library, load_library, make_clip
from training.world.retold import invented, qualified, retold
from training.world.wording import CAMERA_NAME, Meant, sentence

PICTURES, SENTENCES, NAMES, SEEN_THINGS = "pictures", "sentences", "names", "seen"  # folders of the files, in a run's
SEEN = 0.004  # of the picture: a thing that shows less is not spoken of
UNKNOWN = "piece"  # a cut of a photograph, which has no name
SEEN_SEEDS = 5 * 10**9  # of pictures whose things are recognised
MOST_NAMES = 4  # things that a sentence may be about
OTHERS = 0.4  # of a sentence's names are none of a thing of the world
RETOLD = 0.4  # of sentences are in a caption's words
AT_ONCE = 32  # sentences


@dataclass(frozen=True)
class SampleSettings:
    """Which pictures are shown, and how many sentences are read. Sizes are (width, height) in pixels, one a file."""

    sizes: tuple[tuple[int, int], ...]
    seen_sizes: tuple[tuple[int, int], ...]  # of pictures whose things are recognised
    pictures: int  # files of pictures
    seen: int  # files of pictures whose things are recognised
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
    """A file of pictures: looks float16 [N, C] of places, and thing float16 [N], how far things cover each."""
    seen, covered = [], []
    for row in range(settings.file):
        seed = settings.seed + number * settings.file + row
        size = settings.sizes[number % len(settings.sizes)]
        picture = shown(library, seed, size, np.random.default_rng([seed, 53]), settings.zoom)
        seen.append(looks(affinity, picture.picture[None])[0].flatten(1).T)
        covered.append(picture.anything.flatten())
    return {"looks": torch.cat(seen).half(), "thing": torch.cat(covered).half()}


def seen_things(library: Library, recogniser: Recogniser, settings: SampleSettings, number: int) -> dict[str, Tensor]:
    """A file of pictures' things, cut out as they are found: seen float16 [K, WIDTH], and name int16 [K]."""
    index = {name: i for i, name in enumerate(all_names(library))}
    seen, names = [], []
    for row in range(settings.file):
        width, height = settings.seen_sizes[row % len(settings.seen_sizes)]
        clip = make_clip(library, SEEN_SEEDS + number * settings.file + row, width=width, height=height, frames=1)
        masks = [share(clip.owner_map[0] == i).numpy() > 0.5 for i in range(len(clip.scene.things))]
        kept = [i for i, mask in enumerate(masks) if mask.sum() >= FEWEST]
        if kept:
            seen.append(recogniser.seen(clip.frames[0], [masks[i] for i in kept]))
            names += [index[clip.scene.things[i].name] for i in kept]
    return {"seen": torch.cat(seen).half(), "name": torch.tensor(names, dtype=torch.int16)}


def read_sentences(
    library: Library, text: TextEncoder, settings: SampleSettings, tokens: int, number: int
) -> dict[str, Tensor]:
    """A file of sentences: words float16 [N, D] with their role int16 [N]; parts float16 [K, 2 D] with is_camera, moves
    [K], motion [K, len(MOTION)] and camera [K, len(CAMERA)].
    """
    rng, names = np.random.default_rng([settings.seed, number, 71]), names_of(library)
    told: list[Meant] = []
    while len(told) < settings.sentence_file:
        meant = _told(rng, names)
        if len(text.offsets(meant.text)) <= tokens and meant.text:
            told.append(meant)
    found: dict[str, list[Tensor]] = {name: [] for name in
                                      ("words", "role", "parts", "is_camera", "moves", "motion", "camera")}  # fmt: skip
    clauses: list[str] = []
    nothing = np.zeros(len(MOTION), np.float32)
    for first in range(0, len(told), AT_ONCE):
        batch = told[first : first + AT_ONCE]
        for meant, words in zip(batch, states_of(text, [meant.text for meant in batch], tokens), strict=True):
            role, at = roles(text, meant), words_of(text, meant.text, tokens)
            found["words"].append(words)
            found["role"].append(torch.from_numpy(role))
            spoken_of = subjects(role)
            if len(spoken_of) != len(meant.subjects):  # two names without a word between them
                continue
            for subject, (_, name) in zip(spoken_of, meant.subjects, strict=True):
                clauses.append(clause_text(meant.text, at, subject))
                found["is_camera"].append(torch.tensor([float(subject.role == "camera")]))
                found["moves"].append(torch.tensor([float(name in meant.moved)]))
                found["motion"].append(torch.from_numpy(meant.moved.get(name, nothing))[None])
                found["camera"].append(torch.from_numpy(meant.camera)[None])
    for first in range(0, len(clauses), AT_ONCE):
        found["parts"] += [summed_up(one)[None] for one in states_of(text, clauses[first : first + AT_ONCE], tokens)]
    joined = {name: torch.cat(values) for name, values in found.items()}
    return {name: (value.short() if name == "role" else value.half()) for name, value in joined.items()}


def _told(rng: np.random.Generator, names: list[str]) -> Meant:
    """A sentence about some of the names, told more of by chance, and about names that no picture has."""
    count = int(rng.integers(0, min(MOST_NAMES, len(names)) + 1))
    some = [names[i] for i in rng.choice(len(names), count, replace=False)]
    some = [qualified(rng, invented(rng, names) if len(names) > 1 and rng.random() < OTHERS else name) for name in some]
    some = list(dict.fromkeys(some))
    return retold(rng, some) if some and rng.random() < RETOLD else sentence(rng, some)


@dataclass(frozen=True)
class Files:
    pictures: list[Path]
    seen: list[Path]
    sentences: list[Path]
    names: list[Path]  # one, with the states of all names


def prepare(
    folder: Path, settings: SampleSettings, tokens: int, affinity: AffinityNet, library: Callable[[str], Library]
) -> Files:
    """The run's files of samples; those that are not there are made."""
    text = cache(lambda: TextEncoder.load(MINILM))
    train = cache(lambda: library("train"))
    recogniser = cache(lambda: Recogniser.load(ASSET))

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
        names=made(NAMES, 1, lambda _: {"states": name_states(text(), all_names(train()), tokens)}),
        sentences=made(SENTENCES, settings.sentences, lambda n: read_sentences(train(), text(), settings, tokens, n)),
        pictures=made(PICTURES, settings.pictures, lambda n: seen_places(train(), affinity, settings, n)),
        seen=made(SEEN_THINGS, settings.seen, lambda n: seen_things(train(), recogniser(), settings, n)),
    )


def loaded(paths: list[Path]) -> dict[str, Tensor]:
    """The files' tensors, one after the other."""
    files = [load_file(path) for path in paths]
    return {name: torch.cat([file[name] for file in files]) for name in files[0]}


def names_of(library: Library) -> list[str]:
    return sorted({entry.name for entry in library.objects})


def all_names(library: Library) -> list[str]:
    """With what the world calls a thing without a name, last."""
    return [*names_of(library), UNKNOWN]


def main() -> None:
    from training.words import WordsRecipe, eyes  # which imports this module

    def make(recipe: WordsRecipe, folder: Path, group: Group, /, *, start: Path | None, minutes: float) -> int:
        prepare(folder, recipe.data, recipe.model.text_tokens, eyes(recipe, start), load_library)
        return 0

    run_trainer(__doc__, WordsRecipe, make, start="a package or an affinity run whose network looks at the pictures")


if __name__ == "__main__":
    main()
