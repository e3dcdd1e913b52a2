// Package mesh carries requests through a simulated cluster: from clients
// through Services and Istio's VirtualServices and DestinationRules to pods, whose
// images answer well or badly. It counts them, tells what was lost and why, and
// shows the counters of Istio's proxies to package prom.
//
//	m := mesh.New(kernel, store, mesh.Options{})
//	m.SetImage("*:2.0.0", mesh.Behaviour{ErrorRate: 0.1})
//	load, err := m.Start(mesh.Source{Request: mesh.Request{Client: shell, URL: "mock-server:8080"}, Rate: 50})
//	...                                   // the kernel runs
//	m.Report()                            // requests by version and destination, losses, a timeline
//	answer, err := m.Do(mesh.Request{Client: shell, URL: "mock-server:8080/status/200"})
//
// Requests are a flow, not events: between two changes of anything that matters,
// a rate times a span of time is divided among destinations, pods and status
// codes, exactly (what one division rounds is owed to the next) or by chance. An
// hour of 50 requests a second is 3600 small sums, an hour of a million is too.
// Nothing is scheduled on the kernel: the flow is worked out when somebody looks
// (a scrape, a report, a change), up to that time, and looking does not change it.
//
// Each proxy follows the cluster with a delay, so a request can be sent to a pod
// that has just gone. A proxy then tries another one; a request is lost if there
// is none, if a destination does not exist, or if no route takes it. With
// [Options.Strict] that fails the run, which is how a controller is shown never to
// lose one.
//
// It is not a network: there are no packets, no load on pods, no queues, no
// calls from one application to the next. Of Istio it knows what routes requests;
// timeouts, fault injection, delegates, exportTo, outlier detection and load
// balancers other than even ones are ignored. All pods are taken to have a
// sidecar, and a copy made by a mirror is counted by the pod that gets it alone.
//
// Read mesh.go for time, then plan.go (where a request goes), flow.go (how many
// go there), telemetry.go (what proxies report) and report.go.
package mesh
