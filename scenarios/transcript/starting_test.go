package transcript

import "testing"

// On a live cluster a pod that starts is one that starts, however far it is; a
// ready one, a crashed one and a Running one without its containers ready are not
// confused with each other.
func TestPodsThatStartAreAlike(t *testing.T) {
	const branch = "      ├──□ mock-server-6579c6cc98-7vqbp  Pod         "
	for _, c := range []struct {
		a, b  string
		alike bool
	}{
		{branch + "✔ Running      2s   ready:0/1", branch + "◌ ContainerCreating  0s  ready:0/1", true},
		{branch + "◌ Pending      2s   ready:0/1", branch + "✔ Running  0s  ready:0/1", true},
		{branch + "✔ Running      2s   ready:1/1", branch + "✔ Running  2s  ready:0/1", false},
		{branch + "✖ CrashLoopBackOff  2s   ready:0/1", branch + "✔ Running  2s  ready:0/1", false},
		{"web-6579c6cc98-7vqbp   0/1     Pending   0   0s", "web-6579c6cc98-cdws6   0/1     ContainerCreating   0   3s", true},
		{"web-6579c6cc98-7vqbp   0/1     Running   0   0s", "web-6579c6cc98-cdws6   1/1     Running   0   3s", false},
		{"web-6579c6cc98-7vqbp   0/1     Error   0   0s", "web-6579c6cc98-cdws6   0/1     Running   0   3s", false},
	} {
		if got := normalizeLive(c.a) == normalizeLive(c.b); got != c.alike {
			t.Errorf("%q and %q: alike %t, want %t", normalizeLive(c.a), normalizeLive(c.b), got, c.alike)
		}
	}
}
