package ops

import (
	"cmp"
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Create creates an object. Afterwards it is what the API server made of it,
// with its name if that was left to the server.
func Create(ctx context.Context, c client.Client, object client.Object) error {
	kind := object.GetObjectKind().GroupVersionKind()
	err := c.Create(ctx, object)
	object.GetObjectKind().SetGroupVersionKind(kind) // decoding an answer may drop it
	switch {
	case apierrors.IsAlreadyExists(err):
		return fmt.Errorf("%w; to change it use kubectl apply", err)
	case err != nil:
		return fmt.Errorf("create %s %q: %w", kind.Kind, cmp.Or(object.GetName(), object.GetGenerateName()), err)
	}
	return nil
}
