package main

import (
	"io"

	"github.com/aviary-rollouts/aviary/internal/manifest"
	"github.com/aviary-rollouts/aviary/internal/manifest/files"
)

// readManifests reads what -f names. The errors are usage errors.
func readManifests(names []string, stdin io.Reader) ([]manifest.File, error) {
	if len(names) == 0 {
		return nil, usagef("-f is missing; name a manifest, a folder of manifests, or - for standard input")
	}
	found, err := files.Read(names, stdin)
	if err != nil {
		return nil, usageError{err}
	}
	return found, nil
}
