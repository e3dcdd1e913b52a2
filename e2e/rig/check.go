package rig

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// InstalledController is what RemoteOptions call the controller that a cluster has already.
const InstalledController = "installed"

// Check says what is wrong with options as long as nothing has been made. It looks at
// no cluster.
func (o RemoteOptions) Check() error {
	switch mesh := cmp.Or(o.Mesh, MeshXDS); mesh {
	case MeshXDS, MeshNone:
	case MeshReal:
		if o.Istio == "" && o.Loaded {
			return fmt.Errorf("no manifests of Istio are given: render them with istioctl manifest generate and name the file in E2E_ISTIO_MANIFESTS (see docs/e2e.md), or choose the mesh %s", MeshXDS)
		}
		if o.Istio == "" {
			break // the cluster may have it
		}
		if _, err := os.Stat(o.Istio); err != nil {
			return fmt.Errorf("read the manifests of Istio (E2E_ISTIO_MANIFESTS): %w", err)
		}
	default:
		return fmt.Errorf("no mesh is called %q: set E2E_ISTIO to %s, %s or %s", mesh, MeshXDS, MeshReal, MeshNone)
	}
	switch {
	case o.Loaded && o.Controller == InstalledController:
		return fmt.Errorf("the controller %s is that of a cluster which is there: give KUBECONFIG of one, or an image or a program", o.Controller)
	case !o.Loaded && isProgram(o.Controller):
		return fmt.Errorf("the controller %s is a program, and nothing is loaded into the nodes of a cluster that is there: give an image that they can pull", o.Controller)
	}
	return checkController(o.Controller)
}

// checkController refuses the path of a program that is not there, which otherwise would
// be taken for the name of an image.
func checkController(controller string) error {
	if !strings.HasPrefix(controller, ".") && !filepath.IsAbs(controller) {
		return nil
	}
	return checkProgram(controller)
}

// checkProgram says why a controller cannot be run as a program.
func checkProgram(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return fmt.Errorf("the controller to judge (E2E_CONTROLLER, --controller): %w", err)
	case !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0:
		return fmt.Errorf("the controller to judge (E2E_CONTROLLER, --controller): %s is no program that can be started", path)
	}
	return nil
}
