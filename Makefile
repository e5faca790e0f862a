# make demo [INPUT=clip.mp4]   predict what happens next in a clip; writes demo/predicted.mp4 and demo/sheet.png
# make studio                  the whole editor in a browser, without ComfyUI: http://127.0.0.1:8189
# make thumbnails              draw the pictures of the graphs in workflows/ anew
# make test                    run the tests, one process a core
# make torture [TORTURE=full]  try to break it: 5,000 cases, or 60,000; goes on where it stopped (docs/torture.md)
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
RUNNABLE := $(filter-out workflows/mask_for_other_models.json,$(wildcard workflows/*.json))

.PHONY: demo studio thumbnails test test-browser test-comfyui torture check format-check types lint clean

# A stamp per set of extras: installation runs once, and again when the project or the pinned versions change.
$(VENV)/.base: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) -c constraints.txt -e '.[studio]'
	touch $@

$(VENV)/.test: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) -c constraints.txt -e '.[studio,train,test]'
	touch $@ $(VENV)/.base

# Without INPUT the graph workflows/predict.json runs as it is shared; a clip of one's own may be anything, even one frame.
demo: $(VENV)/.base
	@mkdir -p "$(DEMO)"
ifeq ($(INPUT),)
	@rm -f "$(DEMO)"/predict_* "$(DEMO)"/sheet_*
	@$(BIN)/vdt-studio run workflows/predict.json --output-dir "$(DEMO)" \
		--set SaveVideo.filename_prefix=predict --set SaveImage.filename_prefix=sheet $(DEMO_ARGS) > /dev/null
	@mv "$(DEMO)/predict_00001_.mp4" "$(DEMO)/predicted.mp4"
	@mv "$(DEMO)/sheet_00001_.png" "$(DEMO)/sheet.png"
	@echo "$(DEMO)/predicted.mp4" && echo "$(DEMO)/sheet.png"
else
	@$(BIN)/vdt generate predict --input "$(INPUT)" --output "$(DEMO)/predicted.mp4" --sheet "$(DEMO)/sheet.png" $(DEMO_ARGS)
endif

studio: $(VENV)/.base
	@$(BIN)/vdt-studio serve

thumbnails: $(VENV)/.base
	@$(BIN)/vdt-studio thumbnail $(RUNNABLE)

test: $(VENV)/.test
	$(BIN)/python -m pytest -q -n auto --dist worksteal

# COMFYUI_PATH="<checkout> <another>" make test-comfyui: the pack inside real servers, each in an environment of its own
# (env-<name> beside the checkout, made if it is not there). COMFYUI_PYTHON=<interpreter> runs a single one instead.
test-comfyui: $(VENV)/.test
ifeq ($(COMFYUI_PATH),)
	$(BIN)/python -m pytest -q -rs tests/comfyui
else
	$(BIN)/python tests/comfyui/hosts.py test $(COMFYUI_PATH)
endif

# The editor in headless Chromium, on the studio; COMFYUI_URL=http://... on a running ComfyUI that has the pack.
test-browser: $(VENV)/.test
	$(BIN)/python -m pytest -q -rs -m browser tests/browser

# Ends with 1 if anything crashed, hung or was lost. TORTURE_ARGS="--only 'media files' --seed 1" tries more of a kind.
torture: $(VENV)/.test
	$(BIN)/python -m tests.torture --size $(TORTURE) $(TORTURE_ARGS)

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
