package rehearse

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
	"github.com/aviary-rollouts/aviary/sim/metricservice"
)

// madeUp stands for what a Secret holds that nobody gave. It is no word that messages
// have, since they are printed without what Secrets hold.
const madeUp = "made-up"

// secretArg is an argument that a metric takes from a Secret.
type secretArg struct {
	name string
	ref  v1alpha1.SecretKeyRef
}

// secretArgs are those that metrics ask for and that the user of their templates does not
// supply otherwise.
func secretArgs(declared, supplied []v1alpha1.Argument, metrics []v1alpha1.Metric) (secrets []secretArg) {
	for _, arg := range declared {
		named := func(s v1alpha1.Argument) bool { return s.Name == arg.Name }
		asks := func(m v1alpha1.Metric) bool {
			wanted, err := analysis.Placeholders(m)
			return err == nil && slices.Contains(wanted, arg.Name)
		}
		if arg.ValueFrom != nil && arg.ValueFrom.SecretKeyRef != nil && !slices.ContainsFunc(supplied, named) && slices.ContainsFunc(metrics, asks) {
			secrets = append(secrets, secretArg{arg.Name, *arg.ValueFrom.SecretKeyRef})
		}
	}
	return secrets
}

// giveKeys creates the Secrets which nobody gave and with which services are asked, or from
// which arguments are taken: here they open nothing.
func (r *rehearsal) giveKeys(ctx context.Context) error {
	var metrics []v1alpha1.Metric
	for _, u := range r.uses {
		metrics = append(metrics, u.metrics...)
	}
	needed := metricservice.Needed(metrics, r.observer.key.Namespace)
	for _, u := range r.uses {
		for _, s := range u.secrets {
			needed = withKey(needed, types.NamespacedName{Namespace: r.observer.key.Namespace, Name: s.ref.Name}, s.ref.Key)
		}
	}
	for _, keys := range needed {
		switch err := r.sim.Client().Create(ctx, keys.Secret()); {
		case err == nil:
			r.keysAdded = append(r.keysAdded, keys)
		case !apierrors.IsAlreadyExists(err):
			return fmt.Errorf("create Secret %s: %w", keys.Name, err)
		}
	}
	return nil
}

// withKey adds a key to the Secret of a name.
func withKey(needed []metricservice.Keys, name types.NamespacedName, key string) []metricservice.Keys {
	i := slices.IndexFunc(needed, func(k metricservice.Keys) bool { return k.Name == name })
	if i < 0 {
		i, needed = len(needed), append(needed, metricservice.Keys{Name: name, Data: map[string]string{}})
	}
	needed[i].Data[key] = cmp.Or(needed[i].Data[key], madeUp)
	return needed
}

// keys says which Secrets a cluster needs that none of the files has.
func (r *Report) keys(e *evidence) {
	for _, keys := range e.keysAdded {
		r.note("secret", "Secret %s with %s is in none of the files: made up here, where it opens nothing; the controller needs the real one",
			keys.Name, listedAnd(slices.Sorted(maps.Keys(keys.Data))))
	}
}

// listedAnd is "the key a" or "the keys a, b and c".
func listedAnd(names []string) string {
	if n := len(names); n > 1 {
		return "the keys " + strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return "the key " + strings.Join(names, "")
}

// missingKeys finds arguments that the Secret in the files cannot give: its keys are not
// made up, since somebody has written them.
func (r *Report) missingKeys(e *evidence, u *use) {
	for _, s := range u.secrets {
		for _, o := range e.options.Objects {
			secret, is := o.Object.(*corev1.Secret)
			if !is || secret.Name != s.ref.Name || cmp.Or(secret.Namespace, e.options.Namespace) != e.rollout.Namespace {
				continue
			}
			_, written := secret.StringData[s.ref.Key]
			if _, encoded := secret.Data[s.ref.Key]; !encoded && !written {
				r.warn("mistake", u.step, "%s cannot measure until this is corrected: %s: %s has no key %q, from which argument %q is taken; add it to its stringData, or correct the key in the template",
					u.place, o.Place(), o, s.ref.Key, s.name)
			}
		}
	}
}
