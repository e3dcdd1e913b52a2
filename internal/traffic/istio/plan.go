package istio

import (
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/traffic"
)

// write is an object to update and what to tell people of it; nothing if only
// its annotation changes.
type write struct {
	object *unstructured.Unstructured
	change traffic.Change
}

// plan lists the updates that make want true, in the order in which they are
// safe, and the errors of objects that cannot be updated. One VirtualService
// that is missing does not keep the others from leaving a bad canary. It
// modifies nothing that it is given.
func plan(ro *v1alpha1.Rollout, o Objects, want traffic.Routing) ([]write, error) {
	var writes []write
	if names := configOf(ro).DestinationRule; names != nil {
		dr := o.DestinationRule
		if dr == nil {
			return nil, o.missing(KindDestinationRule, names.Name)
		}
		now := inForce(ro, o)
		out, changed, err := TransformDestinationRule(dr.Object, client.ObjectKeyFromObject(ro), *names, now, want)
		if err != nil {
			return nil, failed(dr, err)
		}
		var change traffic.Change
		if changed {
			change = traffic.Change{Reason: traffic.ReasonUpdatedDestinationRule, Message: fmt.Sprintf("DestinationRule `%s` subsets %s", dr.GetName(), selects(out, *names))}
		}
		writes = add(writes, ro, out, change)
		want = hold(want, now, out, *names)
	}
	var errs []error
	for i, t := range targets(ro) {
		vs := o.virtualService(i)
		if vs == nil {
			errs = append(errs, o.missing(KindVirtualService, t.Routes.Name))
			continue
		}
		out, changed, err := TransformVirtualService(vs.Object, t, want)
		if err != nil {
			errs = append(errs, failed(vs, err))
			continue
		}
		var change traffic.Change
		if changed {
			change = traffic.Change{Reason: traffic.ReasonUpdatedVirtualService, Message: t.changed(vs, out, want)}
		}
		writes = add(writes, ro, out, change)
	}
	return writes, errors.Join(errs...)
}

func failed(obj *unstructured.Unstructured, err error) error {
	return fmt.Errorf("%s %s: %w", obj.GetKind(), client.ObjectKeyFromObject(obj), err)
}

// add appends an update if there is something to write: a change, or the mark of
// an object that no Rollout has taken over yet.
func add(writes []write, ro *v1alpha1.Rollout, out node, change traffic.Change) []write {
	obj := &unstructured.Unstructured{Object: out}
	managed := obj.GetAnnotations()[v1alpha1.ManagedByRolloutsKey] != ""
	if managed && change.Reason == "" {
		return writes
	}
	obj = &unstructured.Unstructured{Object: clone(out).(node)}
	if !managed {
		annotations := obj.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[v1alpha1.ManagedByRolloutsKey] = ro.Name
		obj.SetAnnotations(annotations)
	}
	return append(writes, write{obj, change})
}

// changed tells people what an update of a VirtualService is about.
func (t Target) changed(vs *unstructured.Unstructured, out node, want traffic.Routing) string {
	before, after := t.sharesIn(vs.Object, want), t.sharesIn(out, want)
	for i := range after {
		if len(before) != len(after) || !sameShares(before[i].Weights, after[i].Weights) {
			return fmt.Sprintf("VirtualService `%s` set to desiredWeight '%d'", vs.GetName(), want.CanaryWeight)
		}
	}
	exists := map[string]bool{}
	t.markRoutes(out, want.Managed, exists)
	var names []string
	for _, name := range want.Managed {
		if exists[name] {
			names = append(names, name)
		}
	}
	return fmt.Sprintf("VirtualService `%s` set to managed routes '%s'", vs.GetName(), strings.Join(names, ", "))
}

// selects tells people which pods the subsets of a DestinationRule select.
func selects(dr node, names v1alpha1.IstioDestinationRule) string {
	spec, _ := dr["spec"].(node)
	subsets, _ := objects(spec, "spec", "subsets")
	text := fmt.Sprintf("'%s' select '%s', '%s' select '%s'",
		names.StableSubsetName, hashOf(subsets, names.StableSubsetName), names.CanarySubsetName, hashOf(subsets, names.CanarySubsetName))
	record := madeIn(dr, v1alpha1.ManagedSubsetsKey)
	for _, s := range subsets {
		if record.by(s) != "" {
			text += fmt.Sprintf(", '%s' select '%s'", s["name"], hashOf(subsets, fmt.Sprint(s["name"])))
		}
	}
	return text
}
