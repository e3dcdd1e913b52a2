package metricservice

import (
	"cmp"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// controllerNamespace is where the Secrets of the controller are.
const controllerNamespace = "argo-rollouts"

// Keys are a Secret with which a service is asked.
type Keys struct {
	Name types.NamespacedName
	// Data are stand-ins for its keys, which no service would take.
	Data map[string]string
}

// Secret is what a person would create.
func (k Keys) Secret() *corev1.Secret {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: k.Name.Namespace, Name: k.Name.Name}, Data: map[string][]byte{}}
	for key, value := range k.Data {
		secret.Data[key] = []byte(value)
	}
	return secret
}

// Needed are the Secrets that metrics of runs in a namespace ask with, each once.
func Needed(metrics []v1alpha1.Metric, namespace string) (needed []Keys) {
	for _, m := range metrics {
		keys, asks := KeysOf(m.Provider, namespace)
		i := slices.IndexFunc(needed, func(k Keys) bool { return k.Name == keys.Name })
		switch {
		case asks && i >= 0:
			maps.Copy(needed[i].Data, keys.Data) // Wavefront has a key for each address
		case asks:
			needed = append(needed, keys)
		}
	}
	return needed
}

// KeysOf is the Secret that a provider asks with, by a run in a namespace; false if it
// needs none.
func KeysOf(p v1alpha1.MetricProvider, namespace string) (Keys, bool) {
	of := func(name string, data map[string]string) (Keys, bool) {
		return Keys{types.NamespacedName{Namespace: controllerNamespace, Name: name}, data}, true
	}
	switch {
	case p.Datadog != nil:
		keys, _ := of(cmp.Or(p.Datadog.SecretRef.Name, "datadog"), map[string]string{"api-key": "none", "app-key": "none"})
		if p.Datadog.SecretRef.Namespaced {
			keys.Name.Namespace = namespace
		}
		return keys, true
	case p.NewRelic != nil:
		return of(cmp.Or(p.NewRelic.Profile, "newrelic"), map[string]string{"account-id": "1", "personal-api-key": "none"})
	case p.Influxdb != nil:
		return of(cmp.Or(p.Influxdb.Profile, "influxdb"), map[string]string{"address": "http://influxdb", "authToken": "none", "org": "none"})
	case p.Wavefront != nil:
		return of("wavefront-api-tokens", map[string]string{p.Wavefront.Address: "none"})
	}
	return Keys{}, false
}
