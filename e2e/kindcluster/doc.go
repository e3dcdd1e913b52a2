// Package kindcluster creates and deletes clusters of kind, by kind's Go API, and
// loads images into them. What it needs is a container engine: Docker, Podman or
// nerdctl.
//
//	c := kindcluster.Cluster{Name: "aviary", Image: os.Getenv("E2E_NODE_IMAGE"), Kubeconfig: path}
//	err := c.Create(ctx)
//	err = c.Load(ctx, "bin/images/rollouts-controller_dev.docker.tar")
//	err = c.Delete()
//
// Read kind.go. The suites of e2e use it as a cluster provider of e2e-framework,
// aviary conformance as it is.
package kindcluster
