// Package upstream picks the endpoint of a cluster that gets a request: Envoy's
// clusters and ClusterLoadAssignments, and the load balancers that Istio uses.
//
//	cluster, err := upstream.CompileCluster(c)
//	pool := upstream.CompilePool(assignment, nil)
//	e := pool.Pick(cluster.Policy, draw, nil) // nil: no endpoint is healthy
//
// Chance is an argument. Nothing is dialled here. Outlier detection, circuit
// breakers, localities and TLS are not looked at.
package upstream
