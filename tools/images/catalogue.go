package main

import (
	"os"
	"path/filepath"
)

// recipe says what one image is made of.
type recipe struct {
	name    string // with its tag
	about   string // what the image is, in a few words
	folder  string // of package main, relative to the root of the repository
	version string // what main.version is set to; empty leaves it alone
	ports   []string
}

// catalogue lists all images. tag is that of those whose version is the
// repository's; the mock servers have the versions that the source documents
// roll out.
func catalogue(tag string) []recipe {
	recipes := []recipe{
		{
			name: "ghcr.io/aviary-rollouts/rollouts-controller:" + tag, about: "Aviary's controller of Rollouts",
			folder: "cmd/rollouts-controller", ports: []string{"8080/tcp", "8090/tcp"},
		},
		{
			name: "ghcr.io/aviary-rollouts/dataplane:" + tag, about: "a proxy that obeys istiod, for clusters without Envoy",
			folder: "e2e/dataplane/cmd/dataplane", ports: []string{"15001/tcp"},
		},
	}
	for _, version := range []string{"1.0.0", "2.0.0", "3.0.0"} {
		recipes = append(recipes, recipe{
			name: "ghcr.io/ssup2/mock-go-server:" + version, about: "the application under rollout",
			folder: "mockserver", version: version, ports: []string{"8080/tcp"},
		})
	}
	return recipes
}

// exists says whether this tree has the source of the image.
func (r recipe) exists(root string) bool {
	_, err := os.Stat(filepath.Join(root, r.folder))
	return err == nil
}
