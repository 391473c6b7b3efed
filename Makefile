.DEFAULT_GOAL := help
PORT ?= 6379
FUZZ_SECONDS ?= 900
PREFIX ?= /usr/local
DESTDIR ?=
BENCHES ?= load scale queries memory persistence domain
.PHONY: gateway-listeners help build run test lint optimized install package bench faults fuzz valgrind sanitize clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  PORT=6380          another port for make run"
	@echo "  REDIS_SERVER=path  another server than the redis-server on the PATH"

build: ## target/release/libredis_analytics.so
	@scripts/setup
	cargo build --release --lib

run: ## install what is missing, build, start Redis with the module in the foreground
	@scripts/run "$(PORT)"

test: ## every test; those of tests/flow drive real servers
	@scripts/setup test
	cargo build --release --lib
	cargo test

lint: ## format, warnings, the boundary of src/domain, licences of the dependencies
	@scripts/setup lint
	cargo fmt --check
	@scripts/boundary
	cargo clippy --all-targets -- -D warnings
	@scripts/licences

optimized: ## the module once more, laid out by a profile of its own work, for some 7 % less time
	@scripts/optimize

install: ## what make build built, under PREFIX=/usr/local (and DESTDIR)
	@scripts/install "$(DESTDIR)" "$(PREFIX)"

package: build ## a tarball to install elsewhere, under target/package
	@scripts/package

bench: ## every figure of docs/speed.md, about ten minutes; BENCHES="load memory" for some of them
	@scripts/bench $(BENCHES)

gateway-listeners: ## what 10,000 listeners cost the gateway, the table of docs/gateway-live.md
	@scripts/setup
	cargo build --release --lib
	cargo bench --quiet --profile gateway -p analytics-gateway --bench listeners

faults: ## the tests of faults for longer: 100 power cuts, 50,000 operations on replicas, on held buckets and of batches, 100,000 buckets expire
	@scripts/setup
	cargo build --release --lib
	ANALYTICS_FAULT_CYCLES=100 ANALYTICS_FAULT_OPERATIONS=50000 ANALYTICS_FAULT_BUCKETS=100000 \
		cargo test --test flow -- power_cuts:: links:: memory_use:: holds:: batches::

valgrind: ## servers with the module under valgrind: no errors, nothing lost
	@scripts/valgrind

sanitize: ## the unit tests under AddressSanitizer, with a nightly compiler
	@scripts/sanitize

fuzz: ## hostile bytes for the decoders and parsers, FUZZ_SECONDS=900 for each of five
	@scripts/fuzz "$(FUZZ_SECONDS)"

clean: ## remove what was built, and the data that make run left
	cargo clean
	rm -rf appendonlydir dump.rdb
