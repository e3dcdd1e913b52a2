package mesh

import (
	"net/http"
	"testing"
)

// TestRepeatedRequest: who sends the same request again gets a whole answer again, and one
// that tells of what has changed in between. One pod gets all of them, so that each goes
// the way of the last.
func TestRepeatedRequest(t *testing.T) {
	f := newFake(t, Options{Propagation: -1})
	f.service("web", 80)
	f.endpoints("web", f.pods("web-pods", "7", 1)...)
	send := func(path string, status int) {
		t.Helper()
		got, err := f.mesh.Do(Request{Client: shell, URL: "web" + path})
		if err != nil || got.Status != status || got.Version != "7" {
			t.Errorf("%s: %+v, %v; want status %d of version 7", path, got, err, status)
		}
	}
	for range 3 {
		send("/", http.StatusOK)
	}
	f.mesh.SetImage("*", Behaviour{ErrorRate: 1})
	send("/", http.StatusInternalServerError)
	f.mesh.SetImage("*")
	send("/", http.StatusOK)
	send("/status/404", http.StatusNotFound)
	f.mesh.SetImage("*", Behaviour{Query: "fail=true", ErrorRate: 1})
	send("/?fail=true", http.StatusInternalServerError)
	send("/", http.StatusOK)
}
