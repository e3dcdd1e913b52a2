package ops

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

var (
	ctx = context.Background()
	web = types.NamespacedName{Namespace: "shop", Name: "web"}
)

func templateOf(image string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}},
		Spec: corev1.PodSpec{
			InitContainers: []corev1.Container{{Name: "setup", Image: "setup:1"}},
			Containers:     []corev1.Container{{Name: "web", Image: image}, {Name: "log", Image: "log:1"}},
		},
	}
}

// rollout is a canary of 20, pause, 40 at index 1.
func rollout(change func(*v1alpha1.Rollout)) *v1alpha1.Rollout {
	ro := &v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "web-uid"}}
	ro.Spec.Template = templateOf("web:3")
	ro.Spec.Strategy.Canary = &v1alpha1.CanaryStrategy{Steps: []v1alpha1.CanaryStep{
		{SetWeight: ptr.To(int32(20))}, {Pause: &v1alpha1.RolloutPause{}}, {SetWeight: ptr.To(int32(40))},
	}}
	ro.Status.CurrentStepIndex = ptr.To(int32(1))
	ro.Status.StableRS, ro.Status.CurrentPodHash = "old", "new"
	if change != nil {
		change(ro)
	}
	return ro
}

func scheme() *runtime.Scheme {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, appsv1.AddToScheme, corev1.AddToScheme} {
		if err := add(s); err != nil {
			panic(err)
		}
	}
	return s
}

func cluster(funcs interceptor.Funcs, objects ...client.Object) client.Client {
	return fake.NewClientBuilder().WithScheme(scheme()).WithObjects(objects...).
		WithStatusSubresource(&v1alpha1.Rollout{}).WithInterceptorFuncs(funcs).Build()
}

func get(t *testing.T, c client.Client) *v1alpha1.Rollout {
	t.Helper()
	ro, err := Get(ctx, c, web)
	if err != nil {
		t.Fatal(err)
	}
	return ro
}

func paused(reason v1alpha1.PauseReason) func(*v1alpha1.Rollout) {
	return func(ro *v1alpha1.Rollout) {
		ro.Status.ControllerPause = true
		ro.Status.PauseConditions = []v1alpha1.PauseCondition{{Reason: reason}}
	}
}

func both(changes ...func(*v1alpha1.Rollout)) func(*v1alpha1.Rollout) {
	return func(ro *v1alpha1.Rollout) {
		for _, change := range changes {
			change(ro)
		}
	}
}

// outcome is all that a promotion may write.
type outcome struct {
	Conditions      int
	ControllerPause bool
	Index           int32
	Full, Paused    bool
}

func TestPromote(t *testing.T) {
	byHand := func(ro *v1alpha1.Rollout) { ro.Spec.Paused = true }
	blueGreen := func(ro *v1alpha1.Rollout) {
		ro.Spec.Strategy = v1alpha1.RolloutStrategy{BlueGreen: &v1alpha1.BlueGreenStrategy{}}
		ro.Status.CurrentStepIndex = nil
	}
	atEnd := func(ro *v1alpha1.Rollout) { ro.Status.CurrentStepIndex = ptr.To(int32(3)) }
	stable := func(ro *v1alpha1.Rollout) { ro.Status.StableRS = "new" }
	undecided := func(ro *v1alpha1.Rollout) {
		ro.Status.Canary.CurrentStepAnalysisRunStatus = &v1alpha1.RolloutAnalysisRunStatus{Status: v1alpha1.AnalysisPhaseInconclusive}
	}
	for _, c := range []struct {
		name   string
		change func(*v1alpha1.Rollout)
		full   bool
		want   outcome
	}{
		{"ends a pause and no more", paused(v1alpha1.PauseReasonCanaryPauseStep), false, outcome{0, true, 1, false, false}},
		{"skips a step", nil, false, outcome{0, false, 2, false, false}},
		{"also ends a manual pause", both(byHand, paused(v1alpha1.PauseReasonCanaryPauseStep)), false, outcome{0, true, 1, false, false}},
		{"ends a manual pause alone", both(byHand, atEnd), false, outcome{0, false, 3, false, false}},
		{"has nothing to skip at the end", atEnd, false, outcome{0, false, 3, false, false}},
		{"decides an undecided analysis", both(paused(v1alpha1.PauseReasonInconclusiveAnalysis), undecided), false, outcome{0, false, 2, false, false}},
		{"undecided in the background", paused(v1alpha1.PauseReasonInconclusiveAnalysis), false, outcome{0, true, 1, false, false}},
		{"blue/green", both(blueGreen, paused(v1alpha1.PauseReasonBlueGreenPause)), false, outcome{0, true, -1, false, false}},
		{"blue/green without a pause", blueGreen, false, outcome{0, false, -1, false, false}},
		{"full", paused(v1alpha1.PauseReasonCanaryPauseStep), true, outcome{1, true, 1, true, false}},
		{"full of what is stable", both(stable, byHand), true, outcome{0, false, 1, false, false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := cluster(interceptor.Funcs{}, rollout(c.change))
			if err := Promote(ctx, k, web, c.full); err != nil {
				t.Fatal(err)
			}
			ro := get(t, k)
			got := outcome{len(ro.Status.PauseConditions), ro.Status.ControllerPause, -1, ro.Status.PromoteFull, ro.Spec.Paused}
			if i := ro.Status.CurrentStepIndex; i != nil {
				got.Index = *i
			}
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// TestPromoteAfterAnotherStep lets the controller take a step between the read
// and the write: the promotion must not lead back.
func TestPromoteAfterAnotherStep(t *testing.T) {
	first := true
	k := cluster(interceptor.Funcs{
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			if first {
				first = false
				ro, err := Get(ctx, c, web)
				if err != nil {
					return err
				}
				ro.Status.CurrentStepIndex = ptr.To(int32(2))
				if err := c.Status().Update(ctx, ro); err != nil {
					return err
				}
			}
			return c.SubResource(sub).Patch(ctx, o, p, opts...)
		},
	}, rollout(nil))
	if err := Promote(ctx, k, web, false); err != nil {
		t.Fatal(err)
	}
	if i := *get(t, k).Status.CurrentStepIndex; i != 3 {
		t.Errorf("index %d, want 3: one step by the controller, one by the promotion", i)
	}
}

func TestPlainWrites(t *testing.T) {
	at := time.Date(2025, 12, 1, 12, 0, 30, 999, time.FixedZone("KST", 9*3600))
	for _, c := range []struct {
		name string
		do   func(client.Client) error
		ok   func(*v1alpha1.Rollout) bool
	}{
		{"abort", func(k client.Client) error { return Abort(ctx, k, web) },
			func(ro *v1alpha1.Rollout) bool { return ro.Status.Abort }},
		{"retry", func(k client.Client) error { _ = Abort(ctx, k, web); return Retry(ctx, k, web) },
			func(ro *v1alpha1.Rollout) bool { return !ro.Status.Abort }},
		{"pause", func(k client.Client) error { return Pause(ctx, k, web) },
			func(ro *v1alpha1.Rollout) bool { return ro.Spec.Paused }},
		{"resume", func(k client.Client) error { _ = Pause(ctx, k, web); return Resume(ctx, k, web) },
			func(ro *v1alpha1.Rollout) bool { return !ro.Spec.Paused }},
		{"restart", func(k client.Client) error { return Restart(ctx, k, web, at) },
			func(ro *v1alpha1.Rollout) bool { return ro.Spec.RestartAt.Time.Equal(at.Truncate(time.Second)) }},
		{"scale", func(k client.Client) error { return Scale(ctx, k, web, 0) },
			func(ro *v1alpha1.Rollout) bool { return ro.Spec.Replicas != nil && *ro.Spec.Replicas == 0 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := cluster(interceptor.Funcs{}, rollout(nil))
			if err := c.do(k); err != nil {
				t.Fatal(err)
			}
			if ro := get(t, k); !c.ok(ro) {
				t.Errorf("not written: spec %+v status %+v", ro.Spec, ro.Status)
			}
		})
	}
}

func deployment() *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-src"},
		Spec:       appsv1.DeploymentSpec{Template: templateOf("web:3")},
	}
}

func referring(ro *v1alpha1.Rollout) {
	ro.Spec.Template = corev1.PodTemplateSpec{}
	ro.Spec.WorkloadRef = &v1alpha1.ObjectRef{APIVersion: "apps/v1", Kind: "Deployment", Name: "web-src"}
}

func imagesOf(t corev1.PodTemplateSpec) []string {
	return []string{t.Spec.InitContainers[0].Image, t.Spec.Containers[0].Image, t.Spec.Containers[1].Image}
}

func TestSetImage(t *testing.T) {
	for _, c := range []struct {
		images []ContainerImage
		want   []string
	}{
		{[]ContainerImage{{"web", "web:4"}}, []string{"setup:1", "web:4", "log:1"}},
		{[]ContainerImage{{"web", "web:4"}, {"log", "log:2"}}, []string{"setup:1", "web:4", "log:2"}},
		{[]ContainerImage{{"*", "all:1"}}, []string{"setup:1", "all:1", "all:1"}},
		{[]ContainerImage{{"setup", "setup:2"}}, []string{"setup:2", "web:3", "log:1"}},
	} {
		k := cluster(interceptor.Funcs{}, rollout(nil))
		if err := SetImage(ctx, k, web, c.images...); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, imagesOf(get(t, k).Spec.Template)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", c.images, diff)
		}
	}
}

func TestSetImageOfWorkload(t *testing.T) {
	k := cluster(interceptor.Funcs{}, rollout(referring), deployment())
	if err := SetImage(ctx, k, web, ContainerImage{"web", "web:4"}); err != nil {
		t.Fatal(err)
	}
	var d appsv1.Deployment
	if err := k.Get(ctx, types.NamespacedName{Namespace: "shop", Name: "web-src"}, &d); err != nil {
		t.Fatal(err)
	}
	if got := imagesOf(d.Spec.Template)[1]; got != "web:4" {
		t.Errorf("image of the Deployment: %s", got)
	}
	if containers := get(t, k).Spec.Template.Spec.Containers; len(containers) != 0 {
		t.Errorf("the Rollout got containers: %v", containers)
	}
}

// TestUnchangedIsNotWritten counts patches.
func TestUnchangedIsNotWritten(t *testing.T) {
	writes := 0
	k := cluster(interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			writes++
			return c.Patch(ctx, o, p, opts...)
		},
	}, rollout(nil))
	if err := SetImage(ctx, k, web, ContainerImage{"web", "web:3"}); err != nil {
		t.Fatal(err)
	}
	if writes != 0 {
		t.Errorf("%d writes for the image that is there already", writes)
	}
}

// revision is a ReplicaSet of the Rollout as the controller leaves it.
func revision(n, image string, change func(*appsv1.ReplicaSet)) *appsv1.ReplicaSet {
	rs := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: "web-" + n,
			Annotations:     map[string]string{v1alpha1.RevisionAnnotation: n},
			OwnerReferences: []metav1.OwnerReference{{Kind: "Rollout", Name: "web", UID: "web-uid", Controller: ptr.To(true)}},
		},
		Spec: appsv1.ReplicaSetSpec{Template: templateOf(image)},
	}
	rs.Spec.Template.Labels[v1alpha1.DefaultRolloutUniqueLabelKey] = "hash-" + n
	if change != nil {
		change(rs)
	}
	return rs
}

// decorate does what the controller does to the template of a canary.
func decorate(rs *appsv1.ReplicaSet) {
	rs.Annotations[v1alpha1.EphemeralMetadataAnnotation] = `{"labels":{"role":"canary"},"annotations":{"note":"canary"}}`
	rs.Spec.Template.Labels["role"] = "canary"
	rs.Spec.Template.Annotations = map[string]string{"note": "canary"}
	byHash := corev1.PodAffinityTerm{
		TopologyKey: "kubernetes.io/hostname",
		LabelSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: v1alpha1.DefaultRolloutUniqueLabelKey, Operator: metav1.LabelSelectorOpIn, Values: []string{"old"}},
		}},
	}
	rs.Spec.Template.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution:  []corev1.PodAffinityTerm{byHash},
		PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{Weight: 1, PodAffinityTerm: byHash}},
	}}
}

func TestUndo(t *testing.T) {
	stranger := revision("9", "stranger:1", func(rs *appsv1.ReplicaSet) { rs.OwnerReferences[0].UID = "other" })
	for _, c := range []struct {
		name     string
		revision int64
		want     string
	}{
		{"the one before", 0, "web:2"},
		{"by number", 1, "web:1"},
		{"the newest", 4, "web:3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := cluster(interceptor.Funcs{}, rollout(nil), stranger,
				revision("1", "web:1", nil), revision("2", "web:2", decorate), revision("4", "web:3", nil))
			if err := Undo(ctx, k, web, c.revision); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(templateOf(c.want), get(t, k).Spec.Template); diff != "" {
				t.Errorf("template (-want +got):\n%s", diff)
			}
		})
	}
}

// TestUndoKeepsOwnMetadata has a label of the user under the injected name and
// an anti-affinity of the user beside the injected one.
func TestUndoKeepsOwnMetadata(t *testing.T) {
	own := corev1.PodAffinityTerm{TopologyKey: "zone", LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}}
	rs := revision("1", "web:1", func(rs *appsv1.ReplicaSet) {
		decorate(rs)
		rs.Spec.Template.Labels["role"] = "mine"
		rules := rs.Spec.Template.Spec.Affinity.PodAntiAffinity
		rules.RequiredDuringSchedulingIgnoredDuringExecution = append(rules.RequiredDuringSchedulingIgnoredDuringExecution, own)
	})
	k := cluster(interceptor.Funcs{}, rollout(nil), rs, revision("2", "web:3", nil))
	if err := Undo(ctx, k, web, 0); err != nil {
		t.Fatal(err)
	}
	got := get(t, k).Spec.Template
	if got.Labels["role"] != "mine" {
		t.Errorf("labels %v", got.Labels)
	}
	want := &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{own}}}
	if diff := cmp.Diff(want, got.Spec.Affinity); diff != "" {
		t.Errorf("affinity (-want +got):\n%s", diff)
	}
}

func TestUndoOfWorkload(t *testing.T) {
	k := cluster(interceptor.Funcs{}, rollout(referring), deployment(), revision("1", "web:1", nil), revision("2", "web:3", nil))
	if err := Undo(ctx, k, web, 0); err != nil {
		t.Fatal(err)
	}
	var d appsv1.Deployment
	if err := k.Get(ctx, types.NamespacedName{Namespace: "shop", Name: "web-src"}, &d); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(templateOf("web:1"), d.Spec.Template); diff != "" {
		t.Errorf("template of the Deployment (-want +got):\n%s", diff)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	empty := cluster(interceptor.Funcs{})
	k := cluster(interceptor.Funcs{}, rollout(nil), revision("1", "web:1", nil), revision("3", "web:3", nil))
	single := cluster(interceptor.Funcs{}, rollout(nil), revision("1", "web:1", nil))
	orphan := cluster(interceptor.Funcs{}, rollout(referring))
	other := types.NamespacedName{Namespace: "shop", Name: "wbe"}
	_, badImage := ParseContainerImage("nginx:1.25")
	for _, c := range []struct {
		err  error
		want string
	}{
		{Promote(ctx, k, other, false), `rollouts.argoproj.io "wbe" not found: namespace "shop" has web`},
		{Abort(ctx, k, other), `rollouts.argoproj.io "wbe" not found: namespace "shop" has web`},
		{Pause(ctx, empty, other), `rollouts.argoproj.io "wbe" not found: namespace "shop" has no rollouts; choose another one with -n`},
		{Undo(ctx, k, web, 7), `undo rollout "web": it has no revision 7: it has 3, 1`},
		{Undo(ctx, single, web, 0), `undo rollout "web": revision 1 is its only one: there is nothing to go back to`},
		{Undo(ctx, cluster(interceptor.Funcs{}, rollout(nil)), web, 0), `undo rollout "web": it has no revisions yet`},
		{SetImage(ctx, k, web, ContainerImage{"www", "x:1"}), `set image of rollout "web": Rollout "web" has no container "www": it has web, log, setup`},
		{SetImage(ctx, orphan, web, ContainerImage{"web", "x:1"}), `set image of rollout "web": spec.workloadRef: deployments.apps "web-src" not found`},
		{badImage, `"nginx:1.25" is not of the form CONTAINER=IMAGE, for example web=nginx:1.25, or *=nginx:1.25 for all containers`},
		{Scale(ctx, k, web, -1), `scale rollout "web" to -1: the number of replicas cannot be negative`},
	} {
		if c.err == nil || c.err.Error() != c.want {
			t.Errorf("error %v\nwant  %s", c.err, c.want)
		}
	}
	if err := Abort(ctx, k, other); !apierrors.IsNotFound(err) {
		t.Errorf("%v is no longer a not-found error", err)
	}
}

func TestEnumerate(t *testing.T) {
	names := strings.Split(strings.Repeat("a,", 12)+"a", ",")
	if got, want := enumerate(names), strings.Repeat("a, ", 9)+"a and 3 more"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
