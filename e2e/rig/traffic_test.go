package rig

import "testing"

// A client may name a Service in four ways.
func TestServiceOf(t *testing.T) {
	for host, want := range map[string]string{
		"web": "here/web", "web.shop": "shop/web", "web.shop.svc": "shop/web", "web.shop.svc.cluster.local": "shop/web",
	} {
		if got := serviceOf(host, "here").String(); got != want {
			t.Errorf("%s: %s, want %s", host, got, want)
		}
	}
}
