package ops

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/view"
)

// Undo brings back the pod template of a revision, or of the one before the
// newest if revision is 0. For the controller that is an update like any
// other, to a template that it knows.
func Undo(ctx context.Context, c client.Client, key types.NamespacedName, revision int64) error {
	return changeTemplate(ctx, c, key, "undo",
		func(ro *v1alpha1.Rollout, _ map[string]any, _ string) (map[string]any, error) {
			rs, err := replicaSetOfRevision(ctx, c, ro, revision)
			if err != nil {
				return nil, fmt.Errorf("undo rollout %q: %w", key.Name, err)
			}
			return originalTemplate(rs)
		})
}

// replicaSetOfRevision reads the ReplicaSet that carries a revision.
func replicaSetOfRevision(ctx context.Context, c client.Client, ro *v1alpha1.Rollout, revision int64) (*unstructured.Unstructured, error) {
	var list appsv1.ReplicaSetList
	if err := c.List(ctx, &list, client.InNamespace(ro.Namespace)); err != nil {
		return nil, fmt.Errorf("list its ReplicaSets: %w", err)
	}
	mine := slices.DeleteFunc(list.Items, func(rs appsv1.ReplicaSet) bool {
		return !metav1.IsControlledBy(&rs, ro) || view.RevisionOf(&rs) == 0
	})
	slices.SortFunc(mine, func(a, b appsv1.ReplicaSet) int {
		return cmp.Compare(view.RevisionOf(&b), view.RevisionOf(&a))
	})
	i := 1
	if revision != 0 {
		i = slices.IndexFunc(mine, func(rs appsv1.ReplicaSet) bool { return view.RevisionOf(&rs) == revision })
	}
	if i < 0 || i >= len(mine) {
		return nil, noRevision(revision, mine)
	}
	rs := &unstructured.Unstructured{}
	rs.SetGroupVersionKind(appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))
	if err := c.Get(ctx, client.ObjectKeyFromObject(&mine[i]), rs); err != nil {
		return nil, err
	}
	return rs, nil
}

// noRevision says which revisions there are; the newest comes first.
func noRevision(revision int64, known []appsv1.ReplicaSet) error {
	var numbers []string
	for i := range known {
		numbers = append(numbers, strconv.FormatInt(view.RevisionOf(&known[i]), 10))
	}
	switch {
	case len(numbers) == 0:
		return fmt.Errorf("it has no revisions yet")
	case revision == 0:
		return fmt.Errorf("revision %s is its only one: there is nothing to go back to", numbers[0])
	}
	return fmt.Errorf("it has no revision %d: it has %s", revision, strings.Join(numbers, ", "))
}

// originalTemplate is the template of a ReplicaSet without what the controller
// put into it: the label of the hash, the labels and annotations of its role,
// and the rule that keeps versions on different nodes.
func originalTemplate(rs *unstructured.Unstructured) (map[string]any, error) {
	template, _, err := unstructured.NestedMap(rs.Object, "spec", "template")
	if err != nil {
		return nil, fmt.Errorf("template of ReplicaSet %q: %w", rs.GetName(), err)
	}
	injected := v1alpha1.PodTemplateMetadata{}
	if text := rs.GetAnnotations()[v1alpha1.EphemeralMetadataAnnotation]; text != "" {
		if err := json.Unmarshal([]byte(text), &injected); err != nil {
			return nil, fmt.Errorf("annotation %s of ReplicaSet %q: %w", v1alpha1.EphemeralMetadataAnnotation, rs.GetName(), err)
		}
	}
	metadata, _ := template["metadata"].(map[string]any)
	removeInjected(metadata, "labels", injected.Labels)
	removeInjected(metadata, "annotations", injected.Annotations)
	if labels, ok := metadata["labels"].(map[string]any); ok {
		delete(labels, v1alpha1.DefaultRolloutUniqueLabelKey)
	}
	delete(metadata, "creationTimestamp")
	removeAntiAffinity(template)
	return template, nil
}

// removeInjected deletes the entries of a map that still have the value that
// was put there, and the map if nothing is left of it.
func removeInjected(metadata map[string]any, name string, injected map[string]string) {
	entries, _ := metadata[name].(map[string]any)
	for key, value := range injected {
		if entries[key] == value {
			delete(entries, key)
		}
	}
	if len(injected) > 0 && len(entries) == 0 {
		delete(metadata, name)
	}
}

// removeAntiAffinity deletes the pod anti-affinity terms that select by the
// hash of a template, and what is empty after that.
func removeAntiAffinity(template map[string]any) {
	spec, _ := template["spec"].(map[string]any)
	affinity, _ := spec["affinity"].(map[string]any)
	rules, _ := affinity["podAntiAffinity"].(map[string]any)
	removed := false
	for _, name := range []string{"requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution"} {
		terms, _ := rules[name].([]any)
		kept := slices.DeleteFunc(slices.Clone(terms), selectsByHash)
		if len(kept) == len(terms) {
			continue
		}
		removed = true
		rules[name] = kept
		if len(kept) == 0 {
			delete(rules, name)
		}
	}
	if removed && len(rules) == 0 {
		delete(affinity, "podAntiAffinity")
	}
	if removed && len(affinity) == 0 {
		delete(spec, "affinity")
	}
}

// selectsByHash looks into a required or a preferred term.
func selectsByHash(term any) bool {
	t, _ := term.(map[string]any)
	if inner, ok := t["podAffinityTerm"].(map[string]any); ok {
		t = inner
	}
	expressions, _, _ := unstructured.NestedSlice(t, "labelSelector", "matchExpressions")
	for _, e := range expressions {
		if e, ok := e.(map[string]any); ok && e["key"] == v1alpha1.DefaultRolloutUniqueLabelKey {
			return true
		}
	}
	_, found, _ := unstructured.NestedString(t, "labelSelector", "matchLabels", v1alpha1.DefaultRolloutUniqueLabelKey)
	return found
}
