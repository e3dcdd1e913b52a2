package istio

import "testing"

// BenchmarkPlan measures a step that changes both objects, and the usual case:
// nothing to do.
func BenchmarkPlan(b *testing.B) {
	ro, o := load(b, "cases/mock-server-canary-istio-destinationrule-analysistemplate-experiment.yaml")
	want := subset(0, hashV1Ann, hashV2Ann, expCanary, expStable)
	b.Run("change", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if writes, err := plan(ro, o, want); err != nil || len(writes) != 2 {
				b.Fatal(writes, err)
			}
		}
	})
	settle(b, ro, &o, want)
	b.Run("nothing to do", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if writes, err := plan(ro, o, want); err != nil || len(writes) != 0 {
				b.Fatal(writes, err)
			}
		}
	})
}
