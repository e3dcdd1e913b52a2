// Package route decides where a proxy sends a request: it reads Envoy's
// RouteConfigurations, as istiod writes them, into tables and asks them.
//
//	table, err := route.Compile(configuration)
//	r := table.Find(&route.Request{Method: "GET", Authority: "mock-server:8080", Path: "/status/200"})
//	r.Forward.Pick(draw).Cluster // "outbound|8080||mock-server-canary.default.svc.cluster.local"
//
// Everything here is a function of values: chance is an argument, nothing is
// sent. What Envoy knows and this package does not (matches on TLS or metadata,
// hash policies, cluster headers) is an error of Compile that names the field,
// and never silently another route.
//
// Read table.go (domains), condition.go (matches), action.go (what to do), then
// change.go (headers and paths) and retry.go.
package route
