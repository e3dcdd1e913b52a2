package main

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// writeOCI writes an image as the tar of an OCI layout. The index names it as
// podman and skopeo want it, by tag, and as containerd does, in full.
func writeOCI(file string, tag name.Tag, image v1.Image) error {
	dir, err := os.MkdirTemp("", "aviary-oci-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	index, err := layout.Write(dir, mutate.IndexMediaType(empty.Index, types.OCIImageIndex))
	if err != nil {
		return fmt.Errorf("writing the layout of %s: %w", tag, err)
	}
	names := map[string]string{"org.opencontainers.image.ref.name": tag.TagStr(), "io.containerd.image.name": tag.Name()}
	if err := index.AppendImage(image, layout.WithAnnotations(names)); err != nil {
		return fmt.Errorf("writing the layout of %s: %w", tag, err)
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	if err := tarFolder(out, dir); err != nil {
		_ = out.Close()
		return fmt.Errorf("writing %s: %w", file, err)
	}
	return out.Close()
}

// tarFolder writes the files of a folder, sorted, without owners and times.
func tarFolder(out io.Writer, dir string) error {
	writer := tar.NewWriter(out)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		header := &tar.Header{Name: filepath.ToSlash(rel), Typeflag: tar.TypeReg, Mode: 0o444, Size: int64(len(content)), ModTime: time.Unix(0, 0)}
		if err := writer.WriteHeader(header); err != nil {
			return err
		}
		_, err = writer.Write(content)
		return err
	})
	if err != nil {
		return err
	}
	return writer.Close()
}
