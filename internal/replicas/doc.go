// Package replicas answers one question: how many pods should each side of a
// canary have?
//
// It is arithmetic over small numbers and knows no objects, no clock and no
// cluster. What it returns is where a rollout wants to be, not how it gets
// there: moving within the surge and availability limits is the work of
// internal/rollout.
//
// Read basic.go next for canaries that share one Service, where the number of
// pods is the weight; routed.go for canaries behind a traffic router, where it
// is not; formula.go for the two textbook formulas that people expect.
package replicas
