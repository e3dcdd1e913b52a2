// Package dataplane carries real HTTP requests through a mesh without Envoy: it
// asks istiod over xDS what the sidecar of each client would do, and does it, from
// one process.
//
//	plane, err := dataplane.New(dataplane.Options{Istiod: "127.0.0.1:15010", Directory: pods})
//	client := http.Client{Transport: plane.Transport("default/shell")}
//	answer, err := client.Get("http://mock-server:8080/status/200") // as from the pod shell
//	http.ListenAndServe("127.0.0.1:3128", plane.Proxy())            // the same for other programs, as HTTP_PROXY
//
// A source is "NAMESPACE/POD" for the sidecar of a pod, "gateway/NAME" for the
// gateway that is labelled istio: NAME, by which requests come in from outside,
// and empty for a client without a proxy. Each source has its own xDS stream from
// its first request on. Hosts that are neither in the mesh nor mapped to an
// address (Options.Map) are Services: any ready endpoint answers, as behind a
// ClusterIP.
//
// What it does as Envoy: domains, matches, weights, mirrors with their bodies,
// rewrites, header changes, timeouts, retries on other endpoints, faults, direct
// answers, redirects, health of endpoints, Istio's request metrics of both
// reporters. What it does not: TLS between pods, inbound listeners (policies of
// the server's sidecar), CORS, outlier detection, circuit breakers, locality,
// consistent hashing, HTTP/2, and TCP beyond a plain tunnel (CONNECT).
//
// Read plane.go (the parts), send.go (the way of a request), attempt.go (what is
// tried how often), then the packages route, xds and upstream.
package dataplane
