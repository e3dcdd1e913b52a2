# Aviary: progressive delivery for Kubernetes that can be rehearsed.
# `make` lists the targets. Go and make are all that a fresh machine needs.

GO ?= go
BIN := bin
TOOL := $(GO) tool -modfile=tools/go.mod

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: replay
replay: build ## Replay every scenario in the simulator
	$(BIN)/aviary replay

.PHONY: test
test: ## Run all tests
	$(GO) test ./...

.PHONY: lint
lint: ## gofmt, go vet, staticcheck, and that generated files are current
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "not formatted (run gofmt -w): $$unformatted"; exit 1; }
	$(GO) vet ./...
	$(TOOL) staticcheck ./...
	@$(MAKE) --no-print-directory generated

.PHONY: generate
generate: ## Write the generated code, CRDs and documentation anew
	$(TOOL) controller-gen object paths=./api/...
	$(TOOL) controller-gen crd:maxDescLen=0 paths=./api/... output:crd:dir=config/crd
	$(GO) generate ./scenarios/...

.PHONY: generated
generated: generate
	@git diff --exit-code --stat -- api config scenarios/README.md || { echo "generated files are stale: commit what 'make generate' wrote"; exit 1; }

.PHONY: bench
bench: ## Benchmarks with allocations, in the form that benchstat reads
	$(GO) test -run '^$$' -bench . -benchmem ./sim/... ./scenarios/... ./internal/...

.PHONY: build
build: ## Build the commands into bin/
	CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN)/ ./cmd/...

.PHONY: clean
clean: ## Remove what was built
	rm -rf $(BIN)
