// Package xds follows a control plane: it asks an xDS server, as Envoy does, what
// one proxy should do, and keeps the answer as a [Config].
//
//	client := xds.NewClient(connection, xds.Sidecar("default", "shell", "10.244.1.2", labels), xds.Settings{})
//	go client.Run(ctx)
//	config, err := client.Config(ctx) // waits for the first complete one
//
// The protocol is the aggregated, state-of-the-world one: one stream, clusters
// and listeners first, then the endpoints that the clusters and the routes that
// the listeners name. An answer that cannot be read is refused with the reason,
// and what was good before stays in force; so it does while the server is away.
//
// Read state.go (what to say to which answer, without a network), listener.go
// (what a listener does with a request), config.go, then client.go (streams).
package xds
