package manager

import (
	"fmt"
	"hash/fnv"
	"strings"

	"k8s.io/apimachinery/pkg/api/validation"
)

// LockName is the name of the lease of the leader; that of one of several controllers
// ends in its instance id.
const LockName = "argo-rollouts-controller-lock"

// lockOf is the name of the lease of the controllers with an instance id. The id is the
// value of a label, which may have capitals and underscores where a name may not: then
// they are replaced, and a hash of the id keeps the leases of two apart.
func lockOf(id string) string {
	if id == "" {
		return LockName
	}
	name := LockName + "-" + id
	if len(validation.NameIsDNSSubdomain(name, false)) == 0 {
		return name
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // a hash takes everything
	return fmt.Sprintf("%s-%s-%08x", LockName, strings.Map(plain, strings.ToLower(id)), h.Sum32())
}

// plain replaces what a name has not, and dots, which it has not everywhere.
func plain(r rune) rune {
	if r == '_' || r == '.' {
		return '-'
	}
	return r
}
