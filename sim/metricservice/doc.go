// Package metricservice speaks for the services that metrics ask: Datadog, New Relic,
// Wavefront, InfluxDB and Graphite. From a number it makes an answer in the form that
// the service documents, so that a person who scripts an analysis writes 0.97 and not
// what such a service sends around it.
//
// It computes nothing: what a query would yield has to be said. The providers that
// read the answers are those of internal/metric; prom answers queries of Prometheus
// for real.
//
// Read answer.go for the forms, then keys.go for the Secrets with which the services
// are asked.
package metricservice
