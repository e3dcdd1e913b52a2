package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
)

// recipe says what one image is made of.
type recipe struct {
	name    string // with its tag
	about   string // what the image is, in a few words
	folder  string // of package main, relative to the root of the repository
	version string // what main.version is set to; empty leaves it alone
	commit  bool   // whether the program is told which commit it was built from
	program string // one of e2e/programs in place of folder: a program that is not ours
	file    string // a program that is there, in place of either
	ports   []string
	env     []string // NAME=VALUE
}

// executable is the name of the one file in the image.
func (r recipe) executable() string {
	switch {
	case r.program != "":
		return r.program
	case r.file != "":
		return filepath.Base(r.file)
	}
	return path.Base(r.folder)
}

// catalogue lists all images. tag is that of those whose version is the
// repository's; the mock servers have the versions that the source documents
// roll out.
func catalogue(tag string) []recipe {
	recipes := []recipe{
		{
			name: "ghcr.io/aviary-rollouts/rollouts-controller:" + tag, about: "Aviary's controller of Rollouts",
			folder: "cmd/rollouts-controller", version: versionOf(tag), commit: true, ports: []string{"8080/tcp", "8090/tcp"},
		},
		{
			name: "ghcr.io/aviary-rollouts/dataplane:" + tag, about: "a proxy that obeys istiod, for clusters without Envoy",
			folder: "e2e/dataplane/cmd/dataplane", ports: []string{"15001/tcp"},
		},
		{
			name: "ghcr.io/aviary-rollouts/door:" + tag, about: "sends the requests of scenarios from a pod with a sidecar",
			folder: "e2e/door/cmd/door", ports: []string{"15099/tcp"},
		},
	}
	for _, version := range []string{"1.0.0", "2.0.0", "3.0.0"} {
		recipes = append(recipes, recipe{
			name: "ghcr.io/ssup2/mock-go-server:" + version, about: "the application under rollout",
			folder: "mockserver", version: version, ports: []string{"8080/tcp"}, env: []string{drain},
		})
	}
	return recipes
}

// versionOf is the version that a tag names; none if it is that of whatever is newest.
func versionOf(tag string) string {
	if tag == "latest" {
		return ""
	}
	return tag
}

// drain is how long a mock server in a container goes on answering after it was told to
// stop. Until kubelet, EndpointSlices, istiod and every proxy have heard of it, others
// send to it, which takes seconds on a busy cluster; a second does for a process.
const drain = "DRAIN=5s"

// programs lists the images of programs that are not ours, for clusters that can
// pull nothing: what e2e/programs builds from Go modules. It takes a quarter of an
// hour the first time, hence they are built only when asked for.
func programs() []recipe {
	return []recipe{
		{name: "localhost/aviary/istiod:e2e", about: "Istio's control plane, built from its Go module", program: "istiod", ports: []string{"15010/tcp"}},
		{name: "localhost/aviary/prometheus:e2e", about: "Prometheus, built from its Go module", program: "prometheus", ports: []string{"9090/tcp"}},
	}
}

// standIns lists images that go by the names which manifests of scenarios name,
// for clusters that can pull nothing: a mock server that says the version of its
// tag, a shell that runs scripts, and one that only waits.
func standIns() []recipe {
	var recipes []recipe
	server := func(image string, port int, tags ...string) {
		for _, tag := range tags {
			recipes = append(recipes, recipe{
				name: image + ":" + tag, about: "a mock server under the name of " + image, folder: "mockserver",
				ports: []string{fmt.Sprintf("%d/tcp", port)},
				env:   []string{fmt.Sprintf("ADDRESS=:%d", port), "VERSION=" + tag, "SERVICE_NAME=" + path.Base(image), drain},
			})
		}
	}
	server("docker.io/library/web", 8080, "1", "2", "3", "4")
	server("docker.io/library/shop", 8080, "1", "2")
	server("example.com/web", 8080, "v1", "v2", "v3", "v4")
	server("docker.io/library/api", 8080, "1")
	server("docker.io/library/other", 8080, "1")
	server("docker.io/library/demo", 8080, "1", "2", "3")
	server("docker.io/library/side", 8081, "1", "2", "3") // beside web in a pod
	server("ghcr.io/vfarcic/silly-demo", 8080, "1.4.126", "1.4.127", "1.4.128", "1.4.129")
	server("docker.io/argoproj/rollouts-demo", 8080, "blue", "green", "yellow", "orange", "purple")
	for version := 1; version <= 8; version++ {
		server(fmt.Sprintf("docker.io/istio/examples-bookinfo-reviews-v%d", version), 9080, "1.16.2", "1.16.4")
	}
	for _, shell := range []string{"docker.io/library/alpine:3.8", "docker.io/library/busybox:1"} {
		recipes = append(recipes, recipe{name: shell, about: "a shell that runs scripts", folder: "e2e/sh", env: []string{"PATH=/"}})
	}
	return append(recipes, recipe{
		name: "docker.io/nicolaka/netshoot:latest", about: "a shell that only waits", folder: "e2e/sleep",
		env: []string{"PATH=/"},
	})
}

// exists says whether this tree has the source of the image.
func (r recipe) exists(root string) bool {
	if r.program != "" || r.file != "" {
		return true
	}
	_, err := os.Stat(filepath.Join(root, r.folder))
	return err == nil
}
