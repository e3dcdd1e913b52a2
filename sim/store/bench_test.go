package store

import (
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// filled returns a store with n ReplicaSets, without a trace.
func filled(b *testing.B, n int) *fixture {
	f := newFixture(b, Options{})
	f.kernel.Trace().SetEnabled(false)
	for i := range n {
		f.must(f.Create(ctx, replicaSet(fmt.Sprintf("web-%04d", i), 3)))
	}
	return f
}

func benchSizes(b *testing.B, run func(b *testing.B, f *fixture, n int)) {
	for _, n := range []int{100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			f := filled(b, n)
			b.ReportAllocs()
			b.ResetTimer()
			run(b, f, n)
		})
	}
}

func BenchmarkCreate(b *testing.B) {
	for _, n := range []int{100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			var f *fixture
			for i := 0; b.Loop(); i++ {
				if i%n == 0 { // a fresh store now and then: the table has n objects at most
					b.StopTimer()
					f = filled(b, 0)
					b.StartTimer()
				}
				f.must(f.Create(ctx, replicaSet(fmt.Sprintf("web-%04d", i%n), 3)))
			}
		})
	}
}

func BenchmarkGet(b *testing.B) {
	benchSizes(b, func(b *testing.B, f *fixture, n int) {
		key := types.NamespacedName{Namespace: "default", Name: fmt.Sprintf("web-%04d", n/2)}
		var rs appsv1.ReplicaSet
		for b.Loop() {
			f.must(f.Get(ctx, key, &rs))
		}
	})
}

func BenchmarkUpdate(b *testing.B) {
	benchSizes(b, func(b *testing.B, f *fixture, n int) {
		rs := replicaSet(fmt.Sprintf("web-%04d", n/2), 3)
		f.must(f.Get(ctx, client.ObjectKeyFromObject(rs), rs))
		for i := int32(0); b.Loop(); i++ {
			*rs.Spec.Replicas = i
			f.must(f.Update(ctx, rs))
		}
	})
}

func BenchmarkUpdateStatus(b *testing.B) {
	benchSizes(b, func(b *testing.B, f *fixture, n int) {
		rs := replicaSet(fmt.Sprintf("web-%04d", n/2), 3)
		f.must(f.Get(ctx, client.ObjectKeyFromObject(rs), rs))
		for i := int32(0); b.Loop(); i++ {
			rs.Status.Replicas = i
			f.must(f.Status().Update(ctx, rs))
		}
	})
}

// BenchmarkUpdateNothing is the cost of finding out that nothing changed.
func BenchmarkUpdateNothing(b *testing.B) {
	benchSizes(b, func(b *testing.B, f *fixture, n int) {
		rs := replicaSet(fmt.Sprintf("web-%04d", n/2), 3)
		f.must(f.Get(ctx, client.ObjectKeyFromObject(rs), rs))
		for b.Loop() {
			f.must(f.Update(ctx, rs))
		}
	})
}

func BenchmarkPatch(b *testing.B) {
	for _, kind := range []types.PatchType{types.MergePatchType, types.StrategicMergePatchType} {
		b.Run(string(kind[len("application/"):]), func(b *testing.B) {
			f := filled(b, 100)
			rs := replicaSet("web-0050", 3)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				data := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, i)
				f.must(f.Patch(ctx, rs, client.RawPatch(kind, data)))
			}
		})
	}
}

func BenchmarkList(b *testing.B) {
	benchSizes(b, func(b *testing.B, f *fixture, _ int) {
		var list appsv1.ReplicaSetList
		for b.Loop() {
			f.must(f.List(ctx, &list, client.InNamespace("default")))
		}
	})
}

// BenchmarkListSelected finds one object by its label.
func BenchmarkListSelected(b *testing.B) {
	benchSizes(b, func(b *testing.B, f *fixture, n int) {
		labels := client.MatchingLabels{"app": fmt.Sprintf("web-%04d", n/2)}
		var list appsv1.ReplicaSetList
		for b.Loop() {
			f.must(f.List(ctx, &list, client.InNamespace("default"), labels))
		}
		if len(list.Items) != 1 {
			b.Fatalf("found %d objects, want 1", len(list.Items))
		}
	})
}

// BenchmarkRange is what an invariant pays to look at everything.
func BenchmarkRange(b *testing.B) {
	benchSizes(b, func(b *testing.B, f *fixture, _ int) {
		for b.Loop() {
			f.store.Range(appsv1.SchemeGroupVersion.WithKind("ReplicaSet"), "", func(client.Object) bool { return true })
		}
	})
}
