package control

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// A change of our own is not looked at, once, and only by the one who made it.
func TestEchoes(t *testing.T) {
	web, shop := types.NamespacedName{Namespace: "n", Name: "web"}, types.NamespacedName{Namespace: "n", Name: "shop"}
	at := func(uid types.UID, resource string) *v1alpha1.Rollout {
		return &v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "web", UID: uid, ResourceVersion: resource}}
	}
	e := newEchoes()
	e.expect(web, []version{{"u", "7"}, {"route", "8"}})
	for _, c := range []struct {
		what string
		key  types.NamespacedName
		uid  types.UID
		at   string
		echo bool
	}{
		{"before it", web, "u", "6", false},
		{"another object", web, "v", "7", false},
		{"another Rollout that uses the route", shop, "route", "8", false},
		{"the write", web, "u", "7", true},
		{"the same from a resync", web, "u", "7", false},
		{"after it", web, "u", "9", false},
		{"the other write", web, "route", "8", true},
	} {
		if got := e.isEcho(c.key, at(c.uid, c.at)); got != c.echo {
			t.Errorf("%s: %t", c.what, got)
		}
	}
	now := time.Unix(100, 0)
	if !e.again(web, now).Equal(now) || e.again(web, now).Equal(now) {
		t.Error("a view that misses what was told is looked at again at once, and once only")
	}
	e.expect(web, []version{{"u", "9"}})
	if e.again(web, now).Equal(now) || e.isEcho(web, at("u", "9")) {
		t.Error("what a view misses is heard when it comes")
	}
	e.expect(web, []version{{"u", "10"}})
	e.expect(web, nil)
	if !e.isEcho(web, at("u", "10")) {
		t.Error("a look that writes nothing takes nothing back")
	}
	e.expect(web, []version{{"u", "11"}})
	e.forget(web)
	if e.isEcho(web, at("u", "11")) {
		t.Error("a Rollout that is gone expects nothing")
	}
}
