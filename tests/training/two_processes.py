"""What torchrun starts twice in `test_distributed`: the smoke recipes, into `teacher2` and `student2`."""

import sys
from pathlib import Path

from tests.training.smoke import train_student, train_teacher
from training.distributed import processes

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    with processes() as group:
        train_teacher(folder, folder / "teacher2", group, steps=3)
        train_student(folder, folder / "teacher1", folder / "student2", group, steps=1)
