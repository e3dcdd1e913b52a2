// Command images builds the container images of this repository: from scratch,
// each with one static binary, the same bytes each time.
//
//	go run -C tools ./images ..                    # into ../bin/images
//	go run -C tools ./images -platform linux/arm64 ..
//	go run -C tools ./images -stand-ins ..        # and what goes by the names of images that scenarios roll out
//	go run -C tools ./images -e2e ..              # and all that make e2e needs where nothing can be pulled
//	go run -C tools ./images -pack FILE -as NAME ..  # only this: a static program that was built elsewhere
//
// It writes each image twice: NAME.oci.tar is an OCI archive (for skopeo, podman,
// ctr images import), NAME.docker.tar what docker load and kind load
// image-archive read. Where a Docker engine answers, it gives it the images too.
// No engine is needed to build them.
//
// Read catalogue.go for what there is, image.go for how one is put together.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func main() {
	o := options{log: os.Stdout}
	platform := flag.String("platform", "", "build for this, as in linux/arm64; empty: linux, and the processor of this machine")
	flag.StringVar(&o.out, "out", "", "the folder for the archives; empty: bin/images in ROOT")
	flag.StringVar(&o.tag, "tag", "latest", "the tag of all images but the mock servers; config/ names latest")
	flag.StringVar(&o.only, "only", "", "build only images whose name contains this")
	flag.BoolVar(&o.standIns, "stand-ins", false, "also build stand-ins for the images that scenarios name")
	flag.BoolVar(&o.e2e, "e2e", false, "also build these, and istiod and Prometheus from their Go modules")
	flag.StringVar(&o.pack, "pack", "", "build nothing, and make an image of this program; it must be linked statically")
	flag.StringVar(&o.as, "as", "", "the name of that image, with a tag")
	docker := flag.Bool("docker", true, "give the images to the Docker engine, if one answers")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: images [-platform OS/ARCH] [-out DIR] [-tag TAG] [-only TEXT] [-docker=false] [-stand-ins] [-e2e] [-pack FILE -as NAME] ROOT")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	o.root = flag.Arg(0)
	err := o.setPlatform(*platform)
	if err == nil {
		err = run(ctx, o, *docker && dockerAnswers(ctx))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		os.Exit(1)
	}
}

// options say what is built, from where and to where.
type options struct {
	root, out, tag, only string
	platform             v1.Platform
	standIns, e2e        bool
	pack, as             string
	log                  io.Writer
}

func run(ctx context.Context, o options, docker bool) error {
	if o.out == "" {
		o.out = filepath.Join(o.root, "bin", "images")
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return fmt.Errorf("making the folder for images: %w", err)
	}
	found, recipes := 0, catalogue(o.tag)
	if o.pack != "" {
		recipes = []recipe{{name: o.as, about: "a program that was built elsewhere", file: o.pack}}
	}
	if o.e2e {
		recipes = append(recipes, programs()...)
	}
	if o.e2e || o.standIns {
		if err := pack(ctx, o, filepath.Join(o.out, "stand-ins.docker.tar"), standIns()); err != nil {
			return fmt.Errorf("stand-ins: %w", err)
		}
	}
	for _, r := range recipes {
		if !strings.Contains(r.name, o.only) || !r.exists(o.root) {
			continue
		}
		found++
		a, err := build(ctx, o, r)
		if err != nil {
			return fmt.Errorf("image %s: %w", r.name, err)
		}
		fmt.Fprintf(o.log, "%s\n  %s\n  %s\n  %s\n", r.name, a.digest, a.oci, a.docker)
		if docker {
			if err := load(ctx, a.docker, o.log); err != nil {
				return fmt.Errorf("image %s: %w", r.name, err)
			}
		}
	}
	if found == 0 {
		return fmt.Errorf("no image has %q in its name: leave out -only to build all", o.only)
	}
	return nil
}

// dockerAnswers says whether there is an engine to load images into.
func dockerAnswers(ctx context.Context) bool {
	return exec.CommandContext(ctx, "docker", "version", "--format", "{{.Server.Version}}").Run() == nil
}

func load(ctx context.Context, archive string, log io.Writer) error {
	command := exec.CommandContext(ctx, "docker", "load", "--input", archive)
	command.Stdout, command.Stderr = log, os.Stderr
	if err := command.Run(); err != nil {
		return fmt.Errorf("docker load %s: %w", archive, err)
	}
	return nil
}
