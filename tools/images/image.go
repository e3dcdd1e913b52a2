package main

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// archives are the two forms of a built image.
type archives struct {
	digest      v1.Hash // of the manifest
	oci, docker string  // paths
}

// setPlatform reads linux/arm64.
func (o *options) setPlatform(text string) error {
	if text == "" {
		text = "linux/" + runtime.GOARCH
	}
	p, err := v1.ParsePlatform(text)
	if err != nil || p.OS == "" || p.Architecture == "" {
		return fmt.Errorf("platform %q: write it as linux/amd64", text)
	}
	o.platform = *p
	return nil
}

// build compiles a recipe and writes both archives.
func build(ctx context.Context, o options, r recipe) (archives, error) {
	binary, err := binaryOf(ctx, o, r)
	if err != nil {
		return archives{}, err
	}
	image, err := assemble(o, r, binary)
	if err != nil {
		return archives{}, err
	}
	digest, err := image.Digest()
	if err != nil {
		return archives{}, err
	}
	stem := filepath.Join(o.out, strings.NewReplacer("/", "_", ":", "_").Replace(path.Base(r.name)))
	a := archives{digest: digest, oci: stem + ".oci.tar", docker: stem + ".docker.tar"}
	tag, err := name.NewTag(r.name)
	if err != nil {
		return archives{}, err
	}
	if err := tarball.WriteToFile(a.docker, tag, image); err != nil {
		return archives{}, fmt.Errorf("writing %s: %w", a.docker, err)
	}
	return a, writeOCI(a.oci, tag, image)
}

// binaryOf returns the program of an image.
func binaryOf(ctx context.Context, o options, r recipe) ([]byte, error) {
	if r.file != "" {
		return static(r.file)
	}
	if r.program == "" {
		return compile(ctx, o, r)
	}
	if o.platform.OS != runtime.GOOS || o.platform.Architecture != runtime.GOARCH {
		return nil, fmt.Errorf("e2e/programs builds for this machine only, not for %s: leave out -platform", o.platform.String())
	}
	command := exec.CommandContext(ctx, "go", "run", "-C", o.root, "-trimpath", "./e2e/programs/cmd/programs", r.program)
	command.Stderr = os.Stderr // progress: it may take minutes
	folder, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("build %s: %w", r.program, err)
	}
	return os.ReadFile(filepath.Join(strings.TrimSpace(string(folder)), r.program))
}

// static reads a program, which must need nothing but itself: an image has nothing else.
func static(file string) ([]byte, error) {
	program, err := elf.Open(file)
	if err != nil {
		return nil, fmt.Errorf("%s is no program for Linux: %w", file, err)
	}
	defer func() { _ = program.Close() }() // it was only read
	for _, part := range program.Progs {
		if part.Type == elf.PT_INTERP {
			return nil, fmt.Errorf("%s is linked dynamically, and the image has no libraries: build it with CGO_ENABLED=0, or give an image", file)
		}
	}
	return os.ReadFile(file)
}

// pack builds images that share their programs into one archive, each program
// once, in the form that docker load and kind read.
func pack(ctx context.Context, o options, file string, recipes []recipe) error {
	layers, images := map[string]v1.Layer{}, map[name.Tag]v1.Image{}
	for _, r := range recipes {
		layer := layers[r.folder]
		if layer == nil {
			binary, err := compile(ctx, o, r)
			if err != nil {
				return err
			}
			if layer, err = layerOf(r.executable(), binary); err != nil {
				return err
			}
			layers[r.folder] = layer
		}
		tag, err := name.NewTag(r.name)
		if err != nil {
			return err
		}
		if images[tag], err = dress(o, r, layer); err != nil {
			return err
		}
	}
	if err := tarball.MultiWriteToFile(file, images); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	return nil
}

// flags are those of e2e/programs/flags.go, with which the programs in the images are
// built as well: a package is compiled once for all.
const flags = "-trimpath -gcflags=all=-dwarf=false -tags=disable_pgv"

// compile returns a static binary: no C, no paths of this machine, no state of
// the checkout but its commit where a recipe asks for that, so that the same source
// gives the same bytes.
func compile(ctx context.Context, o options, r recipe) ([]byte, error) {
	dir, err := os.MkdirTemp("", "aviary-image-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	out := filepath.Join(dir, "binary")
	arguments := append([]string{"build", "-C", o.root, "-buildvcs=false", "-ldflags", ldflags(r, commitOf(ctx, o.root))}, strings.Fields(flags)...)
	command := exec.CommandContext(ctx, "go", append(arguments, "-o", out, "./"+r.folder)...)
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+o.platform.OS, "GOARCH="+o.platform.Architecture)
	if text, err := command.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build ./%s: %w\n%s", r.folder, err, text)
	}
	return os.ReadFile(out)
}

// ldflags link into a program what its recipe says that it knows of itself.
func ldflags(r recipe, commit string) string {
	flags := "-s -w"
	if r.version != "" {
		flags += " -X main.version=" + r.version
	}
	if r.commit && commit != "" {
		flags += " -X github.com/aviary-rollouts/aviary/internal/build.commit=" + commit
	}
	return flags
}

// commitOf is the commit of a checkout, with "-dirty" where files differ from it; empty
// where git knows of none.
func commitOf(ctx context.Context, root string) string {
	text, err := exec.CommandContext(ctx, "git", "-C", root, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// unprivileged is a user that no file belongs to.
const unprivileged = "65532:65532"

// assemble puts the binary into an image that is otherwise empty.
func assemble(o options, r recipe, binary []byte) (v1.Image, error) {
	layer, err := layerOf(r.executable(), binary)
	if err != nil {
		return nil, err
	}
	return dress(o, r, layer)
}

// dress makes an image of one layer.
func dress(o options, r recipe, layer v1.Layer) (v1.Image, error) {
	program := r.executable()
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err := mutate.AppendLayers(base, layer)
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = o.platform.OS, o.platform.Architecture
	config.Created = v1.Time{Time: time.Unix(0, 0).UTC()}
	config.Config.Entrypoint = []string{"/" + program}
	config.Config.User = unprivileged
	config.Config.WorkingDir = "/"
	config.Config.Env = r.env
	config.Config.Labels = map[string]string{
		"org.opencontainers.image.title": program, "org.opencontainers.image.description": r.about,
		"org.opencontainers.image.licenses": "Apache-2.0",
	}
	config.Config.ExposedPorts = map[string]struct{}{}
	for _, port := range r.ports {
		config.Config.ExposedPorts[port] = struct{}{}
	}
	return mutate.ConfigFile(image, config)
}

// layerOf returns a layer with one executable file, of the year 1970.
func layerOf(program string, binary []byte) (v1.Layer, error) {
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	header := &tar.Header{Name: program, Typeflag: tar.TypeReg, Mode: 0o555, Size: int64(len(binary)), ModTime: time.Unix(0, 0), Format: tar.FormatPAX}
	if err := writer.WriteHeader(header); err != nil {
		return nil, err
	}
	if _, err := writer.Write(binary); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(buffer.Bytes())), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer))
}
