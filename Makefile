# Aviary: progressive delivery for Kubernetes that can be rehearsed.
# `make` lists the targets. Go and make are all that a fresh machine needs.

GO ?= go
BIN := bin
TOOL := $(GO) tool -modfile=tools/go.mod
FLAGS := -trimpath -gcflags=all=-dwarf=false -tags=disable_pgv# as e2e/programs/flags.go has them, so that a package is compiled once for all programs

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: replay
replay: build ## Replay every scenario in the simulator
	$(BIN)/aviary replay

.PHONY: test
test: ## Run all tests
	$(GO) test -timeout 40m ./...
	$(GO) test -C tools -count=1 ./... # not cached: it looks at files outside its module

.PHONY: lint
lint: ## gofmt, go vet, staticcheck, and that generated files are current
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "not formatted (run gofmt -w): $$unformatted"; exit 1; }
	$(GO) vet -tags e2e ./...
	$(TOOL) staticcheck -tags e2e ./...
	@$(MAKE) --no-print-directory generated

.PHONY: generate
generate: ## Write the generated code, CRDs and documentation anew
	$(GO) run -C tools ./generate ..
	$(GO) generate ./scenarios/...

.PHONY: generated
generated: ## Fail if generated files are stale; write nothing
	$(GO) run -C tools ./generate -check ..

.PHONY: bench
bench: ## Benchmarks on one core with allocations, in the form that benchstat reads
	$(AS_AVIARY) $(GO) test -run '^$$' -bench . -benchmem -cpu 1 ./sim/... ./scenarios/... ./internal/... ./mockserver/...

# What is measured collects its garbage and samples its heap as aviary does.
AS_AVIARY = GOGC=800 GODEBUG=memprofilerate=0

.PHONY: build
build: ## Build the commands into bin/
	CGO_ENABLED=0 $(GO) build $(FLAGS) -ldflags '-s -w' -o $(BIN)/ ./cmd/...

.PHONY: images
images: ## Build the container images into bin/images, and into Docker where an engine runs
	$(GO) run -C tools ./images $(IMAGES) ..

.PHONY: e2e
e2e: IMAGES = $(if $(filter real none,$(E2E_ISTIO)),-stand-ins,-e2e) # Istio and Prometheus are built only where they cannot be pulled
e2e: images ## Play all scenarios on a cluster of kind; docs/e2e.md says what can be chosen
	$(GO) test -v -tags e2e -count=1 -timeout 3h ./e2e -args -ginkgo.v $(E2E)

.PHONY: try
try: ## Start a real control plane on this machine with nodes, a mesh, Prometheus and the controller, to drive by hand; needs root
	CGO_ENABLED=0 $(GO) run $(FLAGS) ./e2e/rig/cmd/try

.PHONY: e2e-local
e2e-local: LONGEST = 4m
e2e-local: build ## Play scenarios on a real control plane on this machine: of at most LONGEST (0: all), with names like RUN; see docs/local-cluster.md
	$(BIN)/aviary conformance --on local --longest $(LONGEST) --run '$(RUN)'

.PHONY: test-local
test-local: ## Test on real programs what can go wrong there: controllers killed, leaders lost, API servers in trouble
	$(GO) test -tags e2e -count=1 -timeout 1h ./e2e/localplane ./e2e/nodeagent ./e2e/dataplane ./e2e/door ./e2e/scale

.PHONY: local
local: ## Start a real control plane on this machine, with our CRDs; ctrl-c ends it
	CGO_ENABLED=0 $(GO) run $(FLAGS) ./e2e/localplane/cmd/localplane --apply 'config/crd/argoproj.io_*.yaml'

.PHONY: bench-cluster
bench-cluster: N = 200
bench-cluster: ## Measure what N Rollouts cost the controller and the API server, on a real control plane
	CGO_ENABLED=0 $(GO) run $(FLAGS) ./e2e/scale/cmd/scale -n $(N)

.PHONY: clean
clean: ## Remove what was built
	rm -rf $(BIN)
