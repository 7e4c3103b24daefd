# `make` lists the targets. `repro`, `test` and the rest do the whole set-up by themselves on a fresh machine.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export DVC_NO_ANALYTICS := 1
export MLFLOW_DISABLE_TELEMETRY := true
export PIP_DISABLE_PIP_VERSION_CHECK := 1

READY := .venv/.ready

N_GIVEN := $(N)
CORES ?= 2
JOBS ?= 1
N ?= 2

.PHONY: help setup kernel notebooks repro snake smoke test integration check labs readme why exp compare track mlflow verify accept audit html demo browser check-exercise chat clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv with the pinned packages (every other target does it when needed)

# The Python of .python-version if it is there, else any python3 that is new enough.
.venv/bin/python:
	@for python in "python$$(cat .python-version)" python3 python; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "set-up: $$("$$python" --version) in .venv"; \
	    "$$python" -m venv .venv && exit 0; \
	    echo "error: $$python cannot make a virtual environment (on Debian: apt install python3-venv)" >&2; exit 1; \
	  fi; \
	done; \
	echo "error: Python 3.11 or newer is needed, and neither python$$(cat .python-version) nor python3 is" >&2; exit 1

# torch first and by plain pip: any other order may pull in gigabytes of CUDA packages where a CPU build would do.
$(READY): requirements.lock pyproject.toml | .venv/bin/python
	@echo "set-up: installing the packages of requirements.lock (some minutes, once)"
	@pip install --quiet "$$(grep '^torch==' requirements.lock)"
	@pip install --quiet --requirement requirements.lock
	@pip install --quiet --no-deps --editable .
	@touch $@

kernel: $(READY) ## register the Jupyter kernel "agentic-llm-playbook" for the notebooks
	@python -m ipykernel install --user --name agentic-llm-playbook --display-name "agentic-llm-playbook"

notebooks: $(READY) ## execute notebooks/ from nothing and write their outputs into them (one to three minutes)
	@OMP_NUM_THREADS=1 python -m playbook.commands.notebooks

repro: $(READY) ## run whatever of the pipeline is out of date; results in reports/README.md
	@dvc repro
	@echo "The report is in reports/README.md"

snake: $(READY) ## as `make repro`, by Snakemake: CORES=2 stages at the same time, or labs/LAB/dvc.yaml:STAGE in STAGES
	@python -m playbook.commands.snake --cores $(CORES) $(STAGES)

smoke: $(READY) ## run the whole pipeline in small, in a throw-away copy
	@python -m playbook.commands.smoke

test: $(READY) ## run the tests
	@OMP_NUM_THREADS=1 python -m pytest -n 2 --dist worksteal

integration: $(READY) ## run the slower tests: whole chains in small, through DVC, Snakemake, MLflow and Jupyter
	@OMP_NUM_THREADS=1 python -m pytest -n 2 --dist worksteal -m integration tests

check: $(READY) ## lint, format, types and layers, as CI does
	@ruff check .
	@ruff format --check .
	@mypy
	@lint-imports

labs: $(READY) ## run whatever of the studies in labs/ is out of date
	@trap 'exit 130' INT; failed=; for lab in labs/*/dvc.yaml; do dvc repro "$$lab" || failed="$$failed $$lab"; done; \
	if [ -n "$$failed" ]; then echo "failed:$$failed" >&2; exit 1; fi

readme: $(READY) ## write the generated tables of README.md and the notes from the metrics files
	@python -m playbook.commands.readme

why: $(READY) ## tell what `make repro` and `make labs` would run, and why
	@python -m playbook.commands.why

exp: $(READY) ## run the sweep NAME of labs/sweeps.yaml as queued DVC experiments, JOBS=1 at the same time
	@python -m playbook.commands.sweep --jobs $(JOBS) $(NAME)

compare: $(READY) ## print the workspace, HEAD and every experiment beside each other, with intervals
	@python -m playbook.commands.compare

track: $(READY) ## import the workspace, HEAD and every experiment into MLflow; twice adds nothing
	@python -m playbook.commands.track

mlflow: $(READY) track ## open MLflow's page on what `make track` has imported
	@mlflow ui --backend-store-uri sqlite:///mlflow.db

verify: $(READY) ## check that dvc.lock, metrics, reports and the numbers of README and notes agree
	@python -m playbook.commands.verify

accept: $(READY) ## keep the headline figures that `make verify` shall hold later ones against, in reports/baseline.json
	@python -m playbook.commands.accept

audit: $(READY) ## run N=2 stages again in a temporary clone and compare their results
	@python -m playbook.commands.audit --stages $(N)

html: $(READY) ## write the reports as pages that open offline, in .work/html
	@python -m playbook.commands.html

demo: $(READY) ## the playground, a page on localhost: checkpoints side by side, tokens, attention, the agent and its memory
	@python -m playbook.serving

browser: $(READY) ## drive the playground in a real Chromium (skipped, with the reason, where there is none)
	@pip install --quiet --requirement requirements-browser.lock
	@OMP_NUM_THREADS=1 python -m pytest -m browser -rs tests/serving

check-exercise: $(READY) ## check your answer to exercise N=1.2: ANSWER="..." or FILE=answer.py; without either, the question
	@python -m playbook.commands.exercises $(if $(N_GIVEN),"$(N)") $(if $(FILE),--file "$(FILE)") $(if $(ANSWER),--answer "$(ANSWER)")

chat: $(READY) ## talk to the trained model: it searches the world's documents and remembers you
	@playbook chat

clean: ## remove built data, models and side checkpoints; keeps .venv and DVC's cache, so `make repro` gets them back fast
	@rm -rf models .work dvc_plots .snakemake labs/*/data labs/*/models labs/*/samples .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find data -mindepth 1 -maxdepth 1 ! -name sources -exec rm -rf {} + 2>/dev/null || true
