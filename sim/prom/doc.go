// Package prom is the monitoring system of a simulation: an in-memory database
// of time series under virtual time, scrapes that fill it, and the real PromQL
// engine behind the HTTP interface of a Prometheus server. A user's query is
// evaluated as it is written.
//
//	db := prom.NewDB(prom.Options{})
//	err := db.Pin(start, time.Minute, `http_requests_total{code="200"}`, "0+10x20")
//	server := prom.NewServer(db, clock)            // an http.RoundTripper
//	client, err := api.NewClient(api.Config{Address: "http://prometheus:9090", RoundTripper: server})
//
// It is not a Prometheus server: there are no rules, alerts, remote reads or
// native histograms, nothing is written to disk, and of the HTTP interface only
// the two query endpoints exist. It is the one package of this module that
// imports the PromQL engine.
//
// Read db.go for what a series is, then querier.go (how the engine reads it),
// evaluator.go (how syntax trees are used again), server.go (the HTTP interface)
// and scrape.go (how samples get in).
package prom
