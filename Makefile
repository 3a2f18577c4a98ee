# Everything a checkout can do. Needs Python >= 3.11, make and a network; `make help` lists the targets.
PYTHON ?= python3
GPU ?=
VENV := .venv$(if $(GPU),-gpu)
PY := $(VENV)/bin/python
POCKET := training/recipes/pocket
PREPARE := setup/prepare.py $(wildcard requirements/*.txt)

# One thread for torch unless told otherwise, and idle OpenMP threads that sleep: two cores are shared with the window.
export OMP_NUM_THREADS ?= 1
export OMP_WAIT_POLICY ?= PASSIVE

.DEFAULT_GOAL := help
.PHONY: help setup run test lint format gif screenshots train-pocket bench quality build smoke clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

# A stamp a role: the second call costs no pip and no apt. A changed requirement file renews it.
$(VENV)/.ready-%: requirements/%.txt $(PREPARE)
	@$(PYTHON) setup/prepare.py $* --venv $(VENV) $(if $(GPU),--gpu)
	@touch $@

setup: $(VENV)/.ready-test ## make .venv with everything run, lint and test need

run: $(VENV)/.ready-run ## open the application; without a display, play the demo off-screen (GPU=1: CUDA build of torch)
ifeq ($(DISPLAY)$(WAYLAND_DISPLAY),)
	$(PY) -m desktop.demo
else
	$(PY) -m desktop
endif

# The core first, for a quick answer: the application without its window. Then what makes and measures it; both on two
# processes of one torch thread each. Then the window, alone, on the virtual screen that pytest-xvfb starts.
TWO := --no-xvfb -n 2 --dist worksteal
test: export PYTHONDONTWRITEBYTECODE :=
test: $(VENV)/.ready-test ## what the application is made of, then trainers and benchmarks, then the real window under Xvfb
	@command -v Xvfb >/dev/null || { echo "Xvfb is missing, the window cannot be tested: sudo apt-get install -y xvfb"; exit 1; }
	$(PY) -m pytest tests $(patsubst %,--ignore=tests/%,gui training benchmarks kernels) $(TWO)
	$(PY) -m pytest tests/kernels tests/training tests/benchmarks $(TWO)
	$(PY) -m pytest tests/gui

lint: $(VENV)/.ready-test ## ruff and mypy
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

format: $(VENV)/.ready-test ## let ruff rewrite what it can
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

train-pocket: $(VENV)/.ready-train ## train the small model under runs/; goes on where it was stopped
	$(PY) -m training.world.fetch
	$(PY) -m training.autoencoder --recipe $(POCKET)/autoencoder.toml --run runs/autoencoder
	$(PY) -m training.affinity --recipe $(POCKET)/affinity.toml --run runs/affinity
	$(PY) -m training.depth --recipe $(POCKET)/depth.toml --start runs/affinity --run runs/depth
	$(PY) -m training.causal --recipe $(POCKET)/causal.toml --autoencoder runs/autoencoder --affinity runs/affinity --run runs/causal
	$(PY) -m training.autoencoder --recipe $(POCKET)/decoder.toml --start runs/autoencoder --run runs/decoder
	$(PY) -m training.export --recipe $(POCKET)/causal.toml --autoencoder runs/decoder --affinity runs/affinity --depth runs/depth --run runs/causal --package assets/models/pocket
	$(PY) -m training.segmenter --recipe $(POCKET)/segmenter.toml --start assets/models/pocket --run runs/segmenter
	$(PY) -m training.export --segmenter runs/segmenter --package assets/models/pocket
	$(PY) -m training.shade --recipe $(POCKET)/shade.toml --run runs/shade
	$(PY) -m training.export --shade runs/shade --package assets/models/pocket
	$(PY) -m training.backdrop --recipe $(POCKET)/backdrop.toml --start runs/affinity --run runs/backdrop
	$(PY) -m training.export --backdrop runs/backdrop --package assets/models/pocket
	$(PY) -m training.blend --recipe $(POCKET)/blend.toml --package assets/models/pocket --run runs/blend
	$(PY) -m training.export --blend runs/blend --package assets/models/pocket

gif: $(VENV)/.ready-run ## make the README's docs/figures/drag.gif from the recorded demo
	$(PY) -m desktop.demo --gif docs/figures/drag.gif

screenshots: $(VENV)/.ready-test ## take the guide's pictures, docs/guide/images, from the real window (SCENES="toys prompt": these alone)
	$(PY) -m setup.screenshots $(SCENES)

bench: $(VENV)/.ready-test ## frames a second, latency and memory with the real window open
	$(PY) -m benchmarks.stream

quality: $(VENV)/.ready-measure ## how good the pictures are, on 48 clips of objects and places kept apart (QUICK=1: 8 of 48 clips)
	$(PY) -m training.world.fetch
	$(PY) -m benchmarks.quality $(if $(QUICK),--quick)

build: $(VENV)/.ready-build ## freeze the application into dist/ (TORCH=1 carries torch: large)
	$(PY) -m PyInstaller --noconfirm --log-level WARN --distpath dist --workpath build build.spec

smoke: build $(VENV)/.ready-test ## freeze, then open the frozen window once
	$(PY) -m pytest -m slow tests/test_build.py

clean: ## remove builds, caches and outputs; .venv and runs/ stay
	rm -rf build dist out *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.venv*' -prune -exec rm -rf {} +
