package metric

import (
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

func TestCredentials(t *testing.T) {
	secret := func(namespace string) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "keys"}, Data: map[string][]byte{"a": []byte("1-" + namespace + "\n"), "b": nil}}
	}
	c := fake.NewClientBuilder().WithObjects(secret("argo-rollouts"), secret("own"), secret("shop")).Build()
	for _, tt := range []struct {
		own, namespace, name, needed string
		want                         string // the value of a, or the error
	}{
		{"", "", "keys", "a", "1-argo-rollouts"},
		{"own", "", "keys", "a", "1-own"},
		{"own", "shop", "keys", "a", "1-shop"},
		{"own", "", "keys", "b", `secret own/keys has no key "b": it needs ["b"]`},
		{"own", "", "other", "a", `there is no Secret own/other: create it with the keys ["a"]`},
	} {
		got, err := Deps{Client: c, Settings: Settings{Namespace: tt.own}}.Credentials(t.Context(), tt.namespace, tt.name, tt.needed)
		text := got["a"]
		if err != nil {
			text = err.Error()
		}
		if text != tt.want {
			t.Errorf("%+v: got %q", tt, text)
		}
	}
}

func TestAsk(t *testing.T) {
	_, err := Deps{Transports: NewTransports(http.DefaultTransport)}.Ask(t.Context(), "example.com/api", nil, nil)
	if err == nil || !strings.Contains(err.Error(), "is not a URL with a scheme and a host") {
		t.Errorf("an address without a scheme: %v", err)
	}
}
