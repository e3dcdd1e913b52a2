package metric

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
)

// defaultNamespace is where the controller is installed unless it is told.
const defaultNamespace = "argo-rollouts"

// maxAnswer bounds how many bytes of an answer are read.
const maxAnswer = 10 << 20

// Credentials are the keys of a Secret with which a service is asked. Keys that a
// provider needs are named, so that an error can say what is missing. Without a
// namespace the Secret is one of the controller's own.
func (d Deps) Credentials(ctx context.Context, namespace, name string, needed ...string) (map[string]string, error) {
	key := types.NamespacedName{Namespace: cmp.Or(namespace, d.Settings.Namespace, defaultNamespace), Name: name}
	secret := &corev1.Secret{}
	err := d.Client.Get(ctx, key, secret)
	switch {
	case apierrors.IsNotFound(err):
		return nil, fmt.Errorf("there is no Secret %s: create it with the keys %q", key, needed)
	case err != nil:
		return nil, OfCluster(fmt.Errorf("reading Secret %s: %w", key, err))
	}
	values := map[string]string{}
	for k, v := range secret.Data {
		values[k] = string(bytes.TrimSpace(v))
	}
	for _, k := range needed {
		if values[k] == "" {
			return nil, fmt.Errorf("secret %s has no key %q: it needs %q", key, k, needed)
		}
	}
	return values, nil
}

// Ask sends a request to a service and returns the body of its answer. The body is
// sent as JSON unless a header says otherwise; without one the request is a GET.
func (d Deps) Ask(ctx context.Context, address string, header map[string]string, body []byte) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("address %q is not a URL with a scheme and a host, as https://api.example.com", address)
	}
	method := http.MethodGet
	if body != nil {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	rt, err := d.Transports.For(false, "")
	if err != nil {
		return nil, err
	}
	return Fetch(rt, req, maxAnswer)
}
