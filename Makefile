# One virtual environment in .venv; every target makes it first if it is missing.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed
RUNNABLE := .venv/runnable
MODULES := viewer/node_modules/.package-lock.json
STATIC := src/featscape/bundle/static
NATIVE := $(shell find engine/native -type f)
ENGINE := engine/pyproject.toml engine/CMakeLists.txt engine/src/meshtsne/_native.pyi $(NATIVE)
# Python compiles each module once. Without the compiled files, each process that imports torch takes
# seconds longer.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-zoo fuzz sanitize check check-python check-viewer catalog pictures docs wheels contract viewer format data install clean

install: $(INSTALLED)

# featscape and the tools for development
$(INSTALLED): pyproject.toml $(ENGINE)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing featscape and the tools for development into .venv: 4 GB, a few minutes."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ./engine -e '.[dev]'
	touch $(RUNNABLE) $@

# featscape alone; pip shows each download and its progress
$(RUNNABLE): pyproject.toml $(ENGINE)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing featscape into .venv: 1.6 GB (with CUDA several GB), a minute or two."
	$(BIN)/python -m pip install --disable-pip-version-check -e ./engine -e .
	touch $@

demo: $(RUNNABLE)
	$(BIN)/featscape demo -o demo-map --force

# CONTRIBUTING.md describes the folders of tests. The tests run in several processes, file by file, in the order
# of conftest.py. PROCESSES=0 runs all in one process, for a debugger.
PROCESSES = 2
# The tests of the browser and of the cluster wait half of their time: a third process runs them beside the others.
test: PROCESSES = 3
# pytest-xdist may wait forever after it has replaced a process that ended during a test.
PARALLEL = -m "not zoo" -n $(PROCESSES) --dist loadfile --no-loadscope-reorder --max-worker-restart 0
test: $(INSTALLED)
	$(BIN)/python -m pytest $(PARALLEL) $(call folders,unit network gpu process cluster browser)

# More networks, GPUs and hostile maps, and the benchmarks of the GPU in Triton's interpreter.
test-zoo: $(INSTALLED)
	$(BIN)/python -m pytest -m zoo $(call folders,network gpu process)

# `make test-unit`, `make test-network` and so on: the tests of one kind.
test-%: $(INSTALLED)
	$(BIN)/python -m pytest $(PARALLEL) $(call folders,$*)

folders = $(wildcard $(foreach kind,$(1),engine/tests/$(kind) tests/$(kind)))

# Fuzzing for SECONDS, see docs/explanation/robustness.md. SEED repeats a run, and TRY repeats one input.
SECONDS ?= 60
fuzz: $(INSTALLED)
	PYTHONPATH=tests $(BIN)/python -m fuzz --seconds $(SECONDS) \
		$(if $(SEED),--seed $(SEED)) $(addprefix --target ,$(TARGET)) $(if $(TRY),--try $(TRY))

# Run the native code without Python under the address, undefined-behavior and thread sanitizers. The threads
# are the same for each instruction set, so that the thread sanitizer, which is slow, runs once.
# CMake has its own environment, so that `make --jobs` runs the sanitizers while pip installs the packages.
CMAKE := build/cmake/bin/cmake
sanitize: build/sanitize-address,undefined build/sanitize-thread

$(CMAKE):
	$(PYTHON) -m venv build/cmake
	build/cmake/bin/python -m pip install --quiet --disable-pip-version-check 'cmake>=3.21'

build/sanitize-%: $(CMAKE) $(NATIVE) engine/tests/native/sanitize.cpp engine/CMakeLists.txt
	$(CMAKE) -S engine -B $@ -DCMAKE_BUILD_TYPE=RelWithDebInfo -DMESHTSNE_SANITIZE=$* -DMESHTSNE_WERROR=ON
	$(CMAKE) --build $@ --parallel
	$@/sanitize
	test $* = thread || MESHTSNE_INSTRUCTION_SET=baseline $@/sanitize
	touch $@

check: check-python check-viewer

check-python: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/clang-format --dry-run --Werror $(NATIVE) engine/tests/native/*
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/zizmor --offline --quiet .github
	$(BIN)/python viewer/generate_contract.py --check

# Needs no Python: `make --jobs 2` runs the viewer's checks while pip installs.
check-viewer: $(MODULES)
	cd viewer && npm run --silent check
	cd viewer && npm run --silent build -- --outDir ../build/viewer --logLevel warn
	cmp build/viewer/viewer.js $(STATIC)/viewer.js  # a difference: `make viewer`, then commit
	cmp build/viewer/viewer.css $(STATIC)/viewer.css

# Write the list of networks for `featscape models`, from the installed libraries: 15 minutes.
catalog: $(INSTALLED)
	$(BIN)/python tools/write_catalog.py

# Write the pictures of the README.
pictures: $(INSTALLED)
	$(BIN)/python tools/write_pictures.py

# Build the documentation site in build/docs/html, with the maps of the tutorial and the gallery: two minutes.
docs: $(INSTALLED) data/animals data/fashion-mnist data/stamps
	$(BIN)/python tools/build_docs.py

# Build and check the source archives and wheels of both distributions, in dist, as the workflow of the releases does.
# meshtsne's wheel is for PYTHON if that is 3.11, and for 3.12 and later otherwise.
wheels: build/wheel-tools/installed
	rm -rf dist
	build/wheel-tools/bin/python -m build --outdir dist
	build/wheel-tools/bin/python -m build --outdir dist engine
	build/wheel-tools/bin/python -m twine check --strict dist/*
	build/wheel-tools/bin/python tools/check_wheels.py dist

build/wheel-tools/installed:
	$(PYTHON) -m venv build/wheel-tools
	build/wheel-tools/bin/python -m pip install --quiet --disable-pip-version-check build twine
	touch $@

# Generate viewer/src/contract.ts from the Python models.
contract: $(INSTALLED)
	$(BIN)/python viewer/generate_contract.py

# Build the viewer into the package. The built files are committed, so pip needs no Node.
viewer: $(MODULES)
	cd viewer && npm run --silent build

$(MODULES): viewer/package-lock.json
	cd viewer && npm ci --no-audit --no-fund
	touch $@

format: $(INSTALLED) $(MODULES)
	$(BIN)/ruff format
	$(BIN)/ruff check --fix
	$(BIN)/clang-format -i $(NATIVE) engine/tests/native/*
	cd viewer && npm run --silent format

# Download photographs of animals (GPL) and Fashion-MNIST (MIT) from Debian's archive, without root.
data: data/animals data/fashion-mnist

data/animals:
	sh benchmarks/fetch_debian.sh tuxpaint-stamps-default usr/share/tuxpaint/stamps/animals $@

# All pictures of Tux Paint, for the gallery of the documentation
data/stamps:
	sh benchmarks/fetch_debian.sh tuxpaint-stamps-default usr/share/tuxpaint/stamps $@

data/fashion-mnist:
	sh benchmarks/fetch_debian.sh dataset-fashion-mnist usr/share/datasets/fashion-mnist $@

clean:
	rm -rf build dist engine/build engine/dist .venv demo-map
