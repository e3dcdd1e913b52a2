package rig

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// packedController is the image of a controller that was given as a program.
const packedController = "localhost/aviary/controller-under-test:e2e"

// Complete checks the options of a cluster that is to be made, and finds what its nodes get:
// archives in a folder, as of [Images], with a controller that is a program packed among
// them. Nothing else has been made then.
func (o *RemoteOptions) Complete(ctx context.Context, folder string) (archives []string, err error) {
	o.Loaded = true
	if err = o.Check(); err != nil {
		return nil, err
	}
	if o.Controller, err = packController(ctx, o.Controller, folder); err != nil {
		return nil, err
	}
	if archives, err = Images(folder); err != nil {
		return nil, err
	}
	o.Images, err = fingerprint(archives)
	return archives, err
}

// packController returns the image of a controller under test, which is an image or the
// path of a static program for Linux. A program is packed into an image among the archives
// in a folder, as of [Images], with which it can be loaded into the nodes of kind.
func packController(ctx context.Context, controller, folder string) (image string, err error) {
	if !isProgram(controller) {
		return controller, nil
	}
	root, err := checkout("")
	if err != nil {
		return "", err
	}
	if controller, err = filepath.Abs(controller); err != nil {
		return "", err
	}
	if folder, err = filepath.Abs(orImages(folder, root)); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "run", "-C", filepath.Join(root, "tools"), "./images", "-docker=false", "-pack", controller, "-as", packedController, "-out", folder, root)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("pack the controller %s into an image: %w\n%s", controller, err, said.Bytes())
	}
	return packedController, nil
}

// isProgram tells the path of a program from the name of an image.
func isProgram(controller string) bool {
	info, err := os.Stat(controller)
	return err == nil && info.Mode().IsRegular()
}

// orImages is the folder of images that was given, or that of the checkout.
func orImages(folder, root string) string {
	if folder != "" {
		return folder
	}
	return filepath.Join(root, "bin", "images")
}
