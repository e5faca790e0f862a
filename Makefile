# make demo                    three tasks on bundled clips side by side: look at demo/demo.mp4
# make demo INPUT=clip.mp4     predict what happens next in a clip; writes demo/predicted.mp4 and demo/sheet.png
# make studio                  the whole editor in a browser, without ComfyUI: http://127.0.0.1:8189
# make templates               lay out the graphs in workflows/ anew: places, sizes, groups
# make thumbnails              draw the pictures of the graphs in workflows/ anew
# make test                    run the tests, one process a core
# make torture [TORTURE=full]  try to break it: 5,000 cases, or 60,000; goes on where it stopped (docs/torture.md)
# make train-gpu [MINUTES=7]   a new weight for the bundled model from minutes of one GPU, and its report
# make bench-gpu               speed of forward passes, clips and training steps there, and the golden tests
# make check                   format, lint and types, then the tests
# make lint                    reformat and mend what ruff can mend
# Every target makes its own .venv; PYTHON chooses the interpreter, VENV another folder, PIP_ARGS goes to pip install.

PYTHON ?= python3
VENV ?= .venv
PIP_ARGS ?=
BIN := $(VENV)/bin
INPUT ?=
DEMO ?= demo
DEMO_ARGS ?=
TORTURE ?= small
TORTURE_ARGS ?=
# On a bare machine with a GPU: its own interpreter, which has PyTorch. GPU_DEVICE=cpu tries the commands out.
GPU_PYTHON ?= python3
GPU_DEVICE ?= cuda
GPU_RECIPE ?= vdt/training/recipes/vdt-physics-64-gpu.toml
GPU_OUT ?= runs/gpu
MINUTES ?= 7
COUNT ?= 64
BENCH_SIZES ?= VDT-S/2 VDT-L/2
BENCH_BATCH ?= 256
BENCH_COUNT ?= 8
BENCH_ARGS ?= --compile
RUNNABLE := $(filter-out workflows/mask_for_other_models.json,$(wildcard workflows/*.json))

.PHONY: demo studio templates thumbnails test test-browser test-comfyui torture train-gpu bench-gpu check format-check types lint clean

# A stamp per set of extras: installation runs once, and again when the project or the pinned versions change.
$(VENV)/.base: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing PyTorch and what else is needed into $(VENV): this takes some minutes, once"
	$(BIN)/python -m pip install --disable-pip-version-check $(PIP_ARGS) -c constraints.txt -e '.[studio]'
	touch $@

$(VENV)/.test: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) -c constraints.txt -e '.[studio,train,test]'
	touch $@ $(VENV)/.base

# Without INPUT three tasks on bundled clips; a clip of one's own may be anything, even one frame.
demo: $(VENV)/.base
	@mkdir -p "$(DEMO)"
ifeq ($(INPUT),)
	@$(BIN)/vdt demo --output "$(DEMO)" $(DEMO_ARGS)
else
	@$(BIN)/vdt generate predict --input "$(INPUT)" --output "$(DEMO)/predicted.mp4" --sheet "$(DEMO)/sheet.png" $(DEMO_ARGS)
endif

studio: $(VENV)/.base
	@$(BIN)/vdt-studio serve

templates: $(VENV)/.base
	@$(BIN)/vdt-studio layout $(sort $(wildcard workflows/*.json))

thumbnails: $(VENV)/.base
	@$(BIN)/vdt-studio thumbnail $(RUNNABLE)

# Compiled files are kept for the processes that tests start, and for the next run: without them collecting takes twice as
# long. A container may forbid them; here they are asked for.
test: $(VENV)/.test
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q -rs -n auto --dist worksteal

# COMFYUI_PATH="<checkout> <another>" make test-comfyui: the pack inside real servers, each in an environment of its own
# (env-<name> beside the checkout, made if it is not there). COMFYUI_PYTHON=<interpreter> runs a single one instead.
test-comfyui: $(VENV)/.test
ifeq ($(COMFYUI_PATH),)
	$(BIN)/python -m pytest -q -rs tests/comfyui
else
	$(BIN)/python tests/comfyui/hosts.py test $(COMFYUI_PATH)
endif

# The editor in headless Chromium, a studio and a browser a core; COMFYUI_URL=http://... on a running ComfyUI that has the
# pack, which one browser has for itself: settings of an editor are those of its host.
test-browser: $(VENV)/.test
	$(BIN)/python -m pytest -q -rs -m browser $(if $(COMFYUI_URL),,-n auto --dist worksteal) tests/browser

# Ends with 1 if anything crashed, hung or was lost. TORTURE_ARGS="--only 'media files' --seed 1" tries more of a kind.
torture: $(VENV)/.test
	$(BIN)/python -m tests.torture --size $(TORTURE) $(TORTURE_ARGS)

# The weights are there every minute, in files below 16 MiB: a run that is cut off leaves the last ones.
train-gpu:
	$(GPU_PYTHON) -m vdt train $(GPU_RECIPE) --device $(GPU_DEVICE) --minutes $(MINUTES) --weights-every 60 \
		--output $(GPU_OUT)/run
	$(GPU_PYTHON) -m vdt evaluate --device $(GPU_DEVICE) --count $(COUNT) --report $(GPU_OUT)/report \
		--model $(GPU_OUT)/run/$(notdir $(GPU_RECIPE:.toml=.safetensors))

# Passes of BENCH_SIZES (VDT-L/2 sees 16 frames of 256x256), steps of BENCH_BATCH clips, BENCH_COUNT clips against 500
# ancestral steps. docs/training.md has the line that tries all of it out on a CPU, in some minutes.
define bench_forward
	$(GPU_PYTHON) -m vdt bench forward --size $(1) --device $(GPU_DEVICE) $(BENCH_ARGS) \
		--json $(GPU_OUT)/forward-$(subst /,-,$(1)).json

endef

bench-gpu:
	@mkdir -p "$(GPU_OUT)"
	$(foreach size,$(BENCH_SIZES),$(call bench_forward,$(size)))
	$(GPU_PYTHON) -m vdt bench train --device $(GPU_DEVICE) --batch $(BENCH_BATCH) $(BENCH_ARGS) \
		--json $(GPU_OUT)/train.json
	$(GPU_PYTHON) -m vdt bench clip --device $(GPU_DEVICE) --count $(BENCH_COUNT) $(BENCH_ARGS) \
		--json $(GPU_OUT)/clip.json
	$(GPU_PYTHON) -m pytest -q -rs -m gpu tests/vdt/models

check: format-check types test

format-check: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.test
	$(BIN)/mypy vdt

lint: $(VENV)/.test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) $(DEMO) build *.egg-info .mypy_cache .pytest_cache .ruff_cache
