package istio

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// made is the record of the managed routes of a VirtualService, or of the subsets of a
// DestinationRule that Experiments have: for each Rollout, "namespace/name", the marks of
// those that it made. It is an annotation of the
// object and changes with them, in one write. What a Rollout declares
// may change, and the Rollout may go, while its routes are there: then only the
// record tells them from those of users.
type made map[string][]string

// madeIn reads the record that an annotation of an object is. One that nobody can read
// says nothing.
func madeIn(object node, key string) made {
	metadata, _ := object["metadata"].(node)
	annotations, _ := metadata["annotations"].(node)
	return readMade(text(annotations, key))
}

func readMade(annotation string) made {
	m := made{}
	if annotation == "" {
		return m
	}
	if err := json.Unmarshal([]byte(annotation), &m); err != nil || m == nil {
		return made{}
	}
	return m
}

// String is the value of the annotation, empty if there is nothing on record.
func (m made) String() string {
	if len(m) == 0 {
		return ""
	}
	text, _ := json.Marshal(m) // of strings, which never fails
	return string(text)
}

// by is the Rollout that made a route or subset, empty if none did. One that a person has
// written or changed is none of theirs, whatever its name.
func (m made) by(n node) string {
	if len(m) == 0 {
		return ""
	}
	own := mark(n)
	for _, rollout := range slices.Sorted(maps.Keys(m)) {
		if slices.Contains(m[rollout], own) {
			return rollout
		}
	}
	return ""
}

// set records the routes or subsets of a Rollout; none: it is forgotten.
func (m made) set(rollout string, own []node) {
	delete(m, rollout)
	for _, n := range own {
		m[rollout] = append(m[rollout], mark(n))
	}
}

// mark is a name of a route or subset that tells it from another one of the same name: it
// depends on all that it says.
func mark(n node) string {
	hash := fnv.New32a()
	if err := json.NewEncoder(hash).Encode(n); err != nil {
		return "" // no tree of the API server: nothing is known of it
	}
	return fmt.Sprintf("%s/%08x", text(n, "name"), hash.Sum32())
}

// RouteOwners lists the Rollouts that have made routes in a VirtualService.
func RouteOwners(vs client.Object) (rollouts []types.NamespacedName) {
	for _, owner := range slices.Sorted(maps.Keys(readMade(vs.GetAnnotations()[v1alpha1.ManagedRoutesKey]))) {
		if namespace, name, ok := strings.Cut(owner, "/"); ok {
			rollouts = append(rollouts, types.NamespacedName{Namespace: namespace, Name: name})
		}
	}
	return rollouts
}

// rollout is the name of the Rollout of a target in the record.
func (t Target) rollout() string { return recorded(t.Namespace, t.Name) }

// recorded is the name of a Rollout in a record.
func recorded(namespace, name string) string { return namespace + "/" + name }

// owns says whether an HTTP route is one that the Rollout made: as the record says
// or, if that has no such route, by a name that the Rollout declares. So routes are
// found that an older version made, which recorded none.
func (t Target) owns(n node, record made, declared []string) bool {
	if by := record.by(n); by != "" {
		return by == t.rollout()
	}
	return slices.Contains(declared, text(n, "name"))
}
