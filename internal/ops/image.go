package ops

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// ContainerImage is an image for a container.
type ContainerImage struct {
	// Container is the name of a container or an init container, or "*" for
	// all containers but not the init containers.
	Container string
	Image     string
}

// ParseContainerImage reads CONTAINER=IMAGE.
func ParseContainerImage(s string) (ContainerImage, error) {
	container, image, ok := strings.Cut(s, "=")
	if !ok || container == "" || image == "" {
		return ContainerImage{}, fmt.Errorf("%q is not of the form CONTAINER=IMAGE, for example web=nginx:1.25, or *=nginx:1.25 for all containers", s)
	}
	return ContainerImage{Container: container, Image: image}, nil
}

// SetImage sets images in the pod template of a Rollout, or in that of the
// workload that it refers to. Nothing is written if a container is unknown.
func SetImage(ctx context.Context, c client.Client, key types.NamespacedName, images ...ContainerImage) error {
	return changeTemplate(ctx, c, key, "set image of",
		func(_ *v1alpha1.Rollout, template map[string]any, name string) (map[string]any, error) {
			for _, image := range images {
				if names := setImage(template, image); names != nil {
					return nil, fmt.Errorf("set image of rollout %q: %s has no container %q: it has %s",
						key.Name, name, image.Container, enumerate(names))
				}
			}
			return template, nil
		})
}

// setImage changes a template. If no container has the name it returns the
// names that there are.
func setImage(template map[string]any, image ContainerImage) (others []string) {
	spec, _ := template["spec"].(map[string]any)
	found := false
	others = []string{}
	for _, list := range []string{"containers", "initContainers"} {
		containers, _ := spec[list].([]any)
		for _, item := range containers {
			container, ok := item.(map[string]any)
			if !ok {
				continue
			}
			name, _ := container["name"].(string)
			others = append(others, name)
			if name == image.Container || image.Container == "*" && list == "containers" {
				container["image"] = image.Image
				found = true
			}
		}
	}
	if found {
		return nil
	}
	return others
}
