package manager

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/internal/control"
)

const (
	// byController is the index of ReplicaSets by the UID of who controls them.
	byController = "metadata.controller"
	// nobody is where that index has those without a controller.
	nobody = "nobody"
)

// indexOwners lets the cache find the ReplicaSets of one owner. Without it each look at
// a Rollout would copy all those of its namespace.
func indexOwners(ctx context.Context, indexer client.FieldIndexer) error {
	err := indexer.IndexField(ctx, &appsv1.ReplicaSet{}, byController, func(obj client.Object) []string {
		if owner := metav1.GetControllerOfNoCopy(obj); owner != nil {
			return []string{string(owner.UID)}
		}
		return []string{nobody}
	})
	if err != nil {
		return fmt.Errorf("index ReplicaSets by their owners: %w", err)
	}
	return nil
}

// List answers from the index where it is asked for the ReplicaSets of one owner, and
// of nobody.
func (v clusterView) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	owner, rest := ownerIn(opts)
	all, ok := list.(*appsv1.ReplicaSetList)
	if owner == "" || !ok {
		return v.Client.List(ctx, list, opts...)
	}
	if err := v.Client.List(ctx, all, append(rest, client.MatchingFields{byController: string(owner)})...); err != nil {
		return err
	}
	free := &appsv1.ReplicaSetList{}
	if err := v.Client.List(ctx, free, append(rest, client.MatchingFields{byController: nobody})...); err != nil {
		return err
	}
	all.Items = append(all.Items, free.Items...)
	return nil
}

// ownerIn takes the owner out of the options of a list; it is empty if there is none.
func ownerIn(opts []client.ListOption) (owner control.OwnedBy, rest []client.ListOption) {
	rest = make([]client.ListOption, 0, len(opts)+1)
	for _, o := range opts {
		if o, ok := o.(control.OwnedBy); ok {
			owner = o
			continue
		}
		rest = append(rest, o)
	}
	return owner, rest
}
