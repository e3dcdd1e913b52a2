package view

import (
	"cmp"
	"slices"
	"strings"
)

// Image is an image that runs, with the roles of the pods it runs in.
type Image struct {
	Name string
	// Roles are in the order canary, stable, active, preview, then
	// Σ:<template> for each template of an Experiment.
	Roles []string
}

// images collects the images of all ReplicaSets that have pods.
func images(revisions []Revision) []Image {
	found := map[string][]string{}
	add := func(rs ReplicaSet, roles []string) {
		if rs.Current == 0 {
			return
		}
		for _, image := range rs.Images {
			found[image] = append(found[image], roles...)
		}
	}
	for _, r := range revisions {
		for _, rs := range r.ReplicaSets {
			add(rs, rs.Roles)
		}
		for _, e := range r.Experiments {
			for _, rs := range e.ReplicaSets {
				add(rs, []string{iconExperiment + ":" + strings.TrimPrefix(rs.Name, e.Name+"-")})
			}
		}
	}
	all := make([]Image, 0, len(found))
	for name, roles := range found {
		slices.SortFunc(roles, compareRoles)
		all = append(all, Image{Name: name, Roles: slices.Compact(roles)})
	}
	slices.SortFunc(all, func(a, b Image) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

func compareRoles(a, b string) int {
	order := []string{RoleCanary, RoleStable, RoleActive, RolePreview}
	rank := func(role string) int {
		if i := slices.Index(order, role); i >= 0 {
			return i
		}
		return len(order)
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b))
}

// String is "nginx:1.25 (canary, stable)".
func (i Image) String() string {
	if len(i.Roles) == 0 {
		return i.Name
	}
	return i.Name + " (" + strings.Join(i.Roles, ", ") + ")"
}
