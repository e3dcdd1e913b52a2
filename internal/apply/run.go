package apply

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// create creates an AnalysisRun or an Experiment, which becomes what the server
// returns. A name that is taken means that the decision was made from a stale
// view: the error brings another look.
func (e Executor) create(ctx context.Context, obj client.Object) error {
	if err := e.Client.Create(ctx, obj); err != nil {
		return fmt.Errorf("creating %T %s: %w", obj, obj.GetName(), err)
	}
	e.wrote(obj)
	return nil
}

// terminate asks an AnalysisRun or an Experiment to end.
func (e Executor) terminate(ctx context.Context, obj client.Object) error {
	return e.patch(ctx, obj, nil, specChange{Terminate: true})
}

// delete deletes an object with all that it owns.
func (e Executor) delete(ctx context.Context, obj client.Object) error {
	err := e.Client.Delete(ctx, obj, client.Preconditions{UID: ptr.To(obj.GetUID())})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("deleting %T %s: %w", obj, obj.GetName(), err)
	}
	return nil
}
