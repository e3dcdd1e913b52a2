package control

import (
	"context"
	"errors"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/internal/apply"
)

// unanswered is a client that tells of changes after which the server has another version
// than the one that was to be replaced, or may have: somebody else was first, or the server
// did not answer, or not with a refusal. Of what was created it tells in the latter case.
type unanswered struct {
	client.Client
	newer func(client.Object) // told of the object as it was to be written
	made  func(client.Object)
}

func (u unanswered) Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error {
	err := u.Client.Create(ctx, obj, opts...)
	if err != nil && !refused(err) {
		u.made(obj)
	}
	return err
}

func (u unanswered) Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error {
	return u.tell(obj, u.Client.Update(ctx, obj, opts...))
}

func (u unanswered) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
	return u.tell(obj, u.Client.Patch(ctx, obj, patch, opts...))
}

func (u unanswered) Status() client.SubResourceWriter {
	return unansweredStatus{u.Client.Status(), u}
}

// executor writes on behalf of key, notes what it wrote or may have written and what
// others wrote, and tells of what it wrote.
func (f *freshness) executor(c client.Client, key types.NamespacedName, now time.Time, wrote func(client.Object)) apply.Executor {
	return apply.Executor{
		Client: unanswered{c,
			func(obj client.Object) { f.outdated(key, obj, now) },
			func(obj client.Object) { f.maybeMade(key, obj, now) }},
		Wrote: func(obj client.Object) { f.wrote(key, obj, now); wrote(obj) },
	}
}

// unansweredStatus does the same for what is written to the status.
type unansweredStatus struct {
	client.SubResourceWriter
	of unanswered
}

func (s unansweredStatus) Update(ctx context.Context, obj client.Object, opts ...client.SubResourceUpdateOption) error {
	return s.of.tell(obj, s.SubResourceWriter.Update(ctx, obj, opts...))
}

func (s unansweredStatus) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
	return s.of.tell(obj, s.SubResourceWriter.Patch(ctx, obj, patch, opts...))
}

func (u unanswered) tell(obj client.Object, err error) error {
	if err != nil && (!refused(err) || apierrors.IsConflict(err)) {
		u.newer(obj)
	}
	return err
}

// refused is true if an error is the server's word that it did nothing.
func refused(err error) bool {
	status := apierrors.APIStatus(nil)
	return errors.As(err, &status) && status.Status().Code >= http.StatusBadRequest && status.Status().Code < http.StatusInternalServerError
}
