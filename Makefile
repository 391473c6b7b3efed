.DEFAULT_GOAL := help
PORT ?= 6379
GATEWAY_PORT ?= 8080
DEMO_REDIS_PORT ?= 6390
DEMO_PORT ?= 8090
DEMO_SCALE ?= 1
FUZZ_SECONDS ?= 900
PREFIX ?= /usr/local
DESTDIR ?=
BENCHES ?= load scale queries memory visits people persistence core
TESTS ?=
.PHONY: help build run gateway demo gateway-test gateway-bench gateway-listeners test servers clickhouse lint optimized install package bench faults fuzz valgrind sanitize loom clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  PORT=6380          another port for make run"
	@echo "  REDIS_SERVER=path  another server than the redis-server on the PATH"

build: ## target/release/libredis_analytics.so
	@scripts/setup
	cargo build --release --lib

run: ## install what is missing, build, start Redis with the module in the foreground
	@scripts/run "$(PORT)"

gateway: ## build the HTTP gateway and start it in front of that Redis, on GATEWAY_PORT=8080
	@scripts/gateway "$(PORT)" "$(GATEWAY_PORT)"

demo: ## the page on port 8090 over a year of made-up events, with live traffic
	@scripts/demo "$(DEMO_REDIS_PORT)" "$(DEMO_PORT)" "$(DEMO_SCALE)"

test: ## every test of the module; those of tests/flow drive real servers
	@scripts/setup test
	cargo build --release --lib
	cargo test --workspace --exclude analytics-gateway

servers: ## the flow tests on Redis 7.4 and Valkey 9.1, which are fetched; TESTS="cluster:: aof::" for some
	@scripts/servers $(TESTS)

clickhouse: build ## funnels and cohorts beside ClickHouse's own, over the events of 100,000 random users
	@scripts/clickhouse

lint: ## format, warnings, what rooms import, licences of the dependencies, the age of the time zones
	@scripts/setup lint
	cargo fmt --all --check
	@scripts/rooms core/src
	@scripts/rooms src
	@scripts/rooms gateway/src
	cargo clippy --workspace --all-targets -- -D warnings
	@scripts/licences
	@scripts/timezones

optimized: ## a profile-guided build of the module, which takes some 7 % less time
	@scripts/optimize

install: ## the built module and its documents, under PREFIX=/usr/local (and DESTDIR)
	@scripts/install "$(DESTDIR)" "$(PREFIX)"

package: build ## a tarball to install elsewhere, under target/package
	@scripts/package

bench: ## every figure of docs/speed.md, about a quarter of an hour; BENCHES="load memory" for some of them
	@scripts/bench $(BENCHES)

gateway-test: ## every test of the gateway, with the official clients of its protocols
	@scripts/setup test
	@scripts/gateway-data
	cargo build --release --lib
	cargo test -p analytics-gateway

gateway-bench: ## what a request costs the gateway, the table of docs/gateway.md
	@scripts/gateway-bench load

gateway-listeners: ## what 10,000 listeners cost the gateway, the table of docs/gateway-live.md
	@scripts/gateway-bench listeners

faults: ## the tests of faults for longer: 100 power cuts, 50,000 operations on replicas, bucket handles and batches, 100,000 expiring buckets, the whole table of the hostile module, questions of 200 sites against each other, steady traffic at every minute of a day and in 200 calendars
	@scripts/setup
	cargo build --release --lib
	ANALYTICS_FAULT_CYCLES=100 ANALYTICS_FAULT_OPERATIONS=50000 ANALYTICS_FAULT_BUCKETS=100000 \
		ANALYTICS_HOSTILE_STRIDE=1 ANALYTICS_AGREEMENT_SITES=200 \
		cargo test --test flow -- power_cuts:: links:: memory_use:: bucket_handles:: batches:: hostile_module agreement::
	ANALYTICS_STEADY_STRIDE=1 ANALYTICS_STEADY_WORLDS=200 cargo test --release -p analytics-core --lib steady

valgrind: ## servers with the module under valgrind: no errors, nothing lost
	@scripts/valgrind

sanitize: ## the unit tests and the hostile module's under AddressSanitizer, with a nightly compiler
	@scripts/sanitize

loom: ## the owners of a bucket's memory, in every order of steps of two threads
	RUSTFLAGS="--cfg loom" cargo test --release --lib --target-dir target/loom owners

fuzz: ## hostile bytes for the decoders and parsers, FUZZ_SECONDS=900 for each of eight
	@scripts/fuzz "$(FUZZ_SECONDS)"

clean: ## remove all builds, and the data of make run
	cargo clean
	rm -rf appendonlydir dump.rdb
