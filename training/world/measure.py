"""How fast clips are made on one core: `python -m training.world.measure` prints one JSON line."""

import argparse
import json
import sys
import time

from training.world.clip import make_clip
from training.world.compose import STYLES
from training.world.library import load_library


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure clips a second on one core.")
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--size", default="256x144")
    parser.add_argument("--frames", type=int, default=17)
    parser.add_argument("--style", choices=("any", *STYLES), default="any")
    options = parser.parse_args(arguments)
    width, height = (int(side) for side in options.size.split("x"))
    library = load_library()
    for index in range(len(library.places)):  # a trainer decodes each place once in hours
        library.panorama(index)
    wall, cpu = time.perf_counter(), time.process_time()
    for seed in range(options.clips):
        make_clip(library, seed, width=width, height=height, frames=options.frames, style=options.style)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    result = {
        "clips": options.clips, "size": options.size, "frames": options.frames, "style": options.style,
        "clips_per_cpu_s": round(options.clips / cpu, 2), "clips_per_wall_s": round(options.clips / wall, 2),
    }  # fmt: skip
    print(json.dumps(result))  # noqa: T201 - a command line: this line is its result
    return 0


if __name__ == "__main__":
    sys.exit(main())
