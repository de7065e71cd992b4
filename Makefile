# Two commands do all set-up: `make demo` and `make test`. They need python3.11 and a C compiler, nothing else.

PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
# Compilers, build tools and the emulators of some tests; without root, or off Debian, those skip with a reason.
DEBIAN_PACKAGES := gcc g++ gcc-arm-none-eabi libnewlib-arm-none-eabi libstdc++-arm-none-eabi-newlib qemu-system-arm cmake ninja-build
DEBIAN_TOOLS := g++ arm-none-eabi-gcc qemu-system-arm cmake ninja
OTHER_PACKAGES := gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf qemu-system-misc gcc-xtensa-lx106
OTHER_TOOLS := riscv64-unknown-elf-gcc qemu-system-riscv32 xtensa-lx106-elf-gcc
BROWSER := chromium
PYTEST_WORKERS ?= 2

.PHONY: demo test lint docs clean check-tflm

demo: $(VENV)/.demo
	$(BIN)/redsc compile examples/fashion_dscnn.onnx --ram 120KB --data examples/fashion_calib.npz --eval examples/fashion_eval.npz \
	  -o out/demo

test: $(VENV)/.test debian
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist worksteal -q

docs: $(VENV)/.test
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo out/site/index.html

lint: $(VENV)/.test
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[tflm]'
	@touch $@

$(VENV)/.test: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@ $(VENV)/.demo

.PHONY: debian
debian:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  $(call have,$(DEBIAN_TOOLS) $(OTHER_TOOLS) $(BROWSER)) || apt-get update -qq; \
	  $(call have,$(DEBIAN_TOOLS)) || $(call install,$(DEBIAN_PACKAGES)) && \
	  { $(call have,$(OTHER_TOOLS)) || $(call install,$(OTHER_PACKAGES)) || echo 'RISC-V and Xtensa are not tested'; } && \
	  { $(call have,$(BROWSER)) || $(call install,$(BROWSER)) || echo 'pages are not tested in a browser'; }; fi

have = { $(foreach tool,$(1),command -v $(tool) &&) true; } >/dev/null
install = apt-get install -qq -y --no-install-recommends $(1)

# For people who have TFLM's sources: make check-tflm TFLM_DIR=/path/to/tflite-micro. Skips, and says why, otherwise.
check-tflm: $(if $(TFLM_DIR),$(if $(wildcard $(BIN)/python),,$(VENV)/.demo))
	@$(MAKE) --no-print-directory -f tests/check_tflm/Makefile PYTHON='$(BIN)/python' TFLM_DIR='$(TFLM_DIR)'

clean:
	rm -rf $(VENV) out build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
