# make demo [INPUT=clip.mp4]   predict what happens next in a clip; writes demo/predicted.mp4 and demo/sheet.png
# make studio                  the whole editor in a browser, without ComfyUI: http://127.0.0.1:8189
# make thumbnails              draw the pictures of the graphs in workflows/ anew
# make test                    run the tests
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
RUNNABLE := $(filter-out workflows/stock_ksampler.json,$(wildcard workflows/*.json))

.PHONY: demo studio thumbnails test test-browser test-comfyui check format-check types lint clean

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
	$(BIN)/python -m pytest -q

# COMFYUI_PATH=<checkout> [COMFYUI_PYTHON=<its interpreter>] make test-comfyui: the pack inside a real server.
test-comfyui: $(VENV)/.test
	$(BIN)/python -m pytest -q -rs tests/comfyui

# The editor in headless Chromium, on the studio; COMFYUI_URL=http://... on a running ComfyUI that has the pack.
test-browser: $(VENV)/.test
	$(BIN)/python -m pytest -q -rs -m browser tests/browser

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
