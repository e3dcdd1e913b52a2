package fault_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/sim/fault"
	"github.com/aviary-rollouts/aviary/sim/kernel"
	"github.com/aviary-rollouts/aviary/sim/store"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"crash:after=3,restart=5s":             "crash:after=3,restart=5s",
		"crash:p=0.02":                         "crash:p=0.02,restart=1s",
		"conflict":                             "conflict:p=0.2",
		" conflict : p = 0.5 , to = 90s":       "",
		"conflict:p=0.5, to=90s":               "conflict:p=0.5,to=1m30s",
		"stale:revisions=20,age=2s":            "stale:revisions=20,age=2s",
		"stale":                                "stale:age=2s",
		"stale:Pod=0s,age=2s,Job=300ms,to=1m":  "stale:age=2s,Job=300ms,Pod=0s,to=1m0s",
		"lost-reply:p=1,from=1s,to=2s":         "lost-reply:p=1,from=1s,to=2s",
		"refuse:code=500,p=0.25,from=1m,to=2m": "refuse:code=500,p=0.25,from=1m0s,to=2m0s",
		"refuse:kind=Pod,verb=patch,code=403":  "refuse:code=403,p=1,verb=patch,kind=Pod",
	} {
		f, err := fault.Parse(text)
		if want == "" {
			if err == nil {
				t.Errorf("Parse(%q) is accepted", text)
			}
			continue
		}
		if err != nil {
			t.Errorf("Parse(%q): %v", text, err)
			continue
		}
		if f.String() != want {
			t.Errorf("Parse(%q) is %q, want %q", text, f, want)
		}
	}
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"crsh:after=1":         `fault "crsh": no such family; there are conflict, crash, lost-reply, refuse, stale`,
		"crash:after":          `fault "crash:after": "after" is not of the form key=value`,
		"crash:after=x":        `fault "crash:after=x": after=x: write a number such as 3`,
		"crash:restart=5":      `fault "crash:restart=5": restart=5: write a duration such as 5s`,
		"conflict:p=2":         `fault "conflict:p=2": p=2: write a probability from 0 to 1`,
		"conflict:q=1,p=1":     `fault "conflict:q=1,p=1": unknown key "q"`,
		"refuse:code=404":      `fault "refuse:code=404": code=404: write 403, 429 or 500`,
		"refuse:verb=get":      `fault "refuse:verb=get": verb=get: write one of create, update, patch, delete, deletecollection`,
		"stale:Pod=soon":       `fault "stale:Pod=soon": Pod=soon: write a duration such as 5s`,
		"stale:pod=1s":         `fault "stale:pod=1s": unknown key "pod"`,
		"stale:age=0s":         `fault "stale:age=0s": age=0s: write the longest time that the cache may lag`,
		"lost-reply:from=-1s":  `fault "lost-reply:from=-1s": from=-1s: write a duration such as 5s`,
		"lost-reply:p=NaN":     `fault "lost-reply:p=NaN": p=NaN: write a probability from 0 to 1`,
		"crash:p=1,restart=-1": `fault "crash:p=1,restart=-1": restart=-1: write a duration such as 5s`,
	} {
		if _, err := fault.Parse(text); err == nil || err.Error() != want {
			t.Errorf("Parse(%q): %v, want %s", text, err, want)
		}
	}
}

// TestDrawnFaultsCanBeParsed because that is how a failing run is repeated.
func TestDrawnFaultsCanBeParsed(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		for _, name := range fault.Families() {
			f, err := fault.Draw(name, rng, 5*time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range []fault.Fault{f, fault.Uneven(f, rng)} {
				again, err := fault.Parse(f.String())
				if err != nil || again.String() != f.String() {
					t.Errorf("%s is read as %v (%v)", f, again, err)
				}
			}
		}
	}
	if _, err := fault.Draw("flood", rng, 0); err == nil {
		t.Error("an unknown family can be drawn")
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"crash:after=3,restart=5s", "stale:revisions=1,age=1ms,from=1s,to=2s", "refuse:=", ":", "crash:,,"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := fault.Parse(text)
		if err != nil {
			return
		}
		again, err := fault.Parse(parsed.String())
		if err != nil || again.String() != parsed.String() {
			t.Errorf("Parse(%q) is %q, which is read as %v (%v)", text, parsed, again, err)
		}
	})
}

// bench is a store with one client under faults.
type bench struct {
	t        *testing.T
	kernel   *kernel.Kernel
	store    *store.Store
	injector *fault.Injector
	client   client.Client
}

func newBench(t *testing.T, forms ...string) *bench {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, kernel: kernel.New(1, time.Unix(0, 0))}
	b.store = store.New(b.kernel, scheme, store.Options{})
	b.injector = fault.NewInjector(b.kernel, b.store)
	for _, form := range forms {
		f, err := fault.Parse(form)
		if err != nil {
			t.Fatal(err)
		}
		b.injector.Add(f)
	}
	b.client = b.store.Client("c", store.Hooks{Before: b.injector.Before, After: b.injector.After})
	return b
}

func (b *bench) write(value string) error {
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "a"}, Data: map[string]string{"v": value}}
	err := b.client.Update(b.t.Context(), cm)
	if apierrors.IsNotFound(err) {
		err = b.client.Create(b.t.Context(), cm)
	}
	return err
}

func (b *bench) read() string {
	cm := &corev1.ConfigMap{}
	if err := b.client.Get(b.t.Context(), client.ObjectKey{Namespace: "default", Name: "a"}, cm); err != nil {
		b.t.Fatal(err)
	}
	return cm.Data["v"]
}

func (b *bench) at(d time.Duration) {
	if err := b.kernel.RunUntil(b.kernel.Start().Add(d)); err != nil {
		b.t.Fatal(err)
	}
}

func TestConflictIsAWriteOfSomebodyElse(t *testing.T) {
	b := newBench(t, "conflict:p=1,from=1s,to=2s")
	must(t, b.write("1"))
	b.at(time.Second)
	if err := b.write("2"); !apierrors.IsConflict(err) || b.read() != "1" {
		t.Errorf("%v, value %s", err, b.read())
	}
	if b.store.Revision() != 2 {
		t.Errorf("revision %d: a conflict follows a write of somebody else", b.store.Revision())
	}
	b.at(2 * time.Second)
	must(t, b.write("3"))
}

func TestLostReplyHasDoneIt(t *testing.T) {
	b := newBench(t, "lost-reply:p=1,from=1s")
	must(t, b.write("1"))
	b.at(time.Second)
	if err := b.write("2"); !apierrors.IsTimeout(err) || b.read() != "2" {
		t.Errorf("%v, value %s", err, b.read())
	}
	b.injector.Off()
	must(t, b.write("3"))
	b.injector.Add(fault.Refusing(429, 1))
	if err := b.write("4"); !apierrors.IsTooManyRequests(err) {
		t.Errorf("a fault that was added after the end of the others: %v", err)
	}
}

func TestRefuse(t *testing.T) {
	busy, broken := newBench(t, "refuse:code=429"), newBench(t, "refuse:code=500")
	if err := busy.write("1"); !apierrors.IsTooManyRequests(err) {
		t.Error(err)
	}
	if err := broken.write("1"); !apierrors.IsInternalError(err) {
		t.Error(err)
	}
	if busy.store.Revision() != 0 {
		t.Error("a refused write was done")
	}
	strict := newBench(t, "refuse:code=403,kind=ConfigMap")
	if err := strict.write("1"); !apierrors.IsForbidden(err) {
		t.Error(err)
	}
	for _, others := range []string{"refuse:kind=Secret", "refuse:verb=delete"} {
		must(t, newBench(t, others).write("1"))
	}
	text := broken.kernel.Trace().Lines()[0].Text
	if !strings.HasPrefix(text, "fault refuse update ConfigMap default/a") {
		t.Errorf("trace %q", text)
	}
}

func TestCrashAfterWrite(t *testing.T) {
	b := newBench(t, "crash:after=2,restart=7s")
	must(t, b.write("1"))
	if b.read() != "1" {
		t.Error("reads count as writes")
	}
	err := b.write("2")
	var crash *fault.Crash
	if !errors.As(err, &crash) || crash.Restart != 7*time.Second || b.read() != "2" {
		t.Errorf("%v, value %s", err, b.read())
	}
	must(t, b.write("3"))
}

func TestProbabilitiesAreThoseAskedFor(t *testing.T) {
	b := newBench(t, "lost-reply:p=0.25")
	lost := 0
	for i := range 4000 {
		if err := b.write(time.Duration(i).String()); err != nil {
			lost++
		}
	}
	if lost < 900 || lost > 1100 {
		t.Errorf("%d of 4000 lost at 0.25", lost)
	}
}

func TestLagIsTheLargest(t *testing.T) {
	b := newBench(t, "stale:age=1s", "stale:revisions=5,age=4s,to=10s", "conflict:p=0")
	if got := b.injector.Lag(""); got != (fault.Lag{Revisions: 5, Age: 4 * time.Second}) {
		t.Errorf("%+v", got)
	}
	b.at(10 * time.Second)
	if got := b.injector.Lag(""); got != (fault.Lag{Age: time.Second}) {
		t.Errorf("%+v", got)
	}
	b.injector.Off()
	if got := b.injector.Lag(""); got != (fault.Lag{}) {
		t.Errorf("%+v", got)
	}
}

func TestKindsLagByThemselves(t *testing.T) {
	b := newBench(t, "stale:revisions=5,age=2s,Pod=0s,Job=3s", "stale:age=1s,Rollout=0s,to=10s")
	for kind, want := range map[string]fault.Lag{
		"ReplicaSet": {Revisions: 5, Age: 2 * time.Second}, "Job": {Revisions: 5, Age: 3 * time.Second},
		"Pod": {Age: time.Second}, "Rollout": {Revisions: 5, Age: 2 * time.Second}, "": {Revisions: 5, Age: 3 * time.Second},
	} {
		if got := b.injector.Lag(kind); got != want {
			t.Errorf("%q: %+v, want %+v", kind, got, want)
		}
	}
	b.at(10 * time.Second)
	if got := b.injector.Lag("Pod"); got != (fault.Lag{}) {
		t.Errorf("a kind that knows the present lags by %+v", got)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
