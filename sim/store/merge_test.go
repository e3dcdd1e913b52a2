package store

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/google/go-cmp/cmp"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/equal"
	"github.com/aviary-rollouts/aviary/internal/podtemplate"
)

// mergeTargets have pointers, maps, lists, inlined structs and types that
// decode themselves.
func mergeTargets() []client.Object {
	rs := replicaSet("web", 2)
	rs.Annotations = map[string]string{"a": "1", "b": "2"}
	podtemplate.SetDefaults(&rs.Spec.Template.Spec)
	p := pod("web", "node")
	p.Spec.Containers[0].LivenessProbe = &corev1.Probe{PeriodSeconds: 5}
	p.Spec.Containers[0].Resources.Limits = corev1.ResourceList{"cpu": quantity("1")}
	d := &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Template: rs.Spec.Template}}
	d.Name = "web"
	defaultDeployment(&d.Spec)
	return []client.Object{rs, p, d}
}

// mergeGenerally is the way over JSON.
func mergeGenerally(obj client.Object, data []byte) (client.Object, error) {
	before, err := json.Marshal(obj)
	if err != nil {
		return nil, err
	}
	after, err := patchJSON(&table{}, before, merge, data)
	if err != nil {
		return nil, err
	}
	out := reflect.New(reflect.TypeOf(obj).Elem()).Interface().(client.Object)
	return out, utiljson.Unmarshal(after, out)
}

// checkMerge compares the two ways; it returns whether the short one applied.
func checkMerge(t *testing.T, data []byte) (applied bool) {
	t.Helper()
	for _, obj := range mergeTargets() {
		short := obj.DeepCopyObject().(client.Object)
		if !mergeTyped(short, data) {
			continue
		}
		applied = true
		general, err := mergeGenerally(obj, data)
		if err != nil {
			t.Errorf("the short way took %s on %T, the general way says %v", data, obj, err)
			continue
		}
		if !equal.Of(reflect.TypeOf(short).Elem()).Same(reflect.ValueOf(short).Elem(), reflect.ValueOf(general).Elem()) {
			t.Errorf("%s on %T: %s", data, obj, cmp.Diff(string(mustJSON(general)), string(mustJSON(short))))
		}
	}
	return applied
}

func TestMergeTyped(t *testing.T) {
	for _, tc := range []struct {
		patch   string
		applies bool
	}{
		{`{}`, true},
		{`{"spec":{"replicas":5}}`, true},
		{`{"spec":{"replicas":null}}`, true},
		{`{"spec":null}`, true},
		{`{"metadata":{"annotations":{"a":null,"c":"3"},"labels":{"x":"y"}}}`, true},
		{`{"metadata":{"annotations":null,"labels":{}}}`, true},
		{`{"metadata":{"annotations":{"a":5}}}`, false},
		{`{"metadata":{"finalizers":["a/b"],"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"p","uid":"u"}]}}`, true},
		{`{"metadata":{"creationTimestamp":"2026-01-01T00:00:00Z"}}`, true},
		{`{"metadata":{"creationTimestamp":"yesterday"}}`, false},
		{`{"spec":{"selector":{"matchLabels":{"app":"x","y":"z"}}}}`, true},
		{`{"spec":{"strategy":{"rollingUpdate":{"maxSurge":3,"maxUnavailable":"10%"}}}}`, true},
		{`{"spec":{"strategy":{"rollingUpdate":{"maxSurge":null}}}}`, true},
		{`{"spec":{"template":{"spec":{"securityContext":{"runAsNonRoot":true},"nodeSelector":{"a":"b"}}}}}`, true},
		{`{"spec":{"template":{"spec":{"affinity":{"nodeAffinity":{}}}}}}`, true},
		{`{"spec":{"containers":[{"name":"x","image":"y","resources":{"limits":{"cpu":"2"}}}]}}`, true},
		{`{"spec":{"containers":[null]}}`, false},
		{`{"spec":{"containers":[{"name":null}]}}`, false},
		{`{"spec":{"overhead":{"cpu":"1"},"template":{"spec":{"overhead":{"cpu":"1"}}}}}`, true}, // by Pods no, by the others: unknown at one level
		{`{"status":{"conditions":[{"type":"Ready","status":"True","lastTransitionTime":"2026-01-01T00:00:00Z"}]}}`, true},
		{`{"unknown":{"a":1},"spec":{"unknown":1}}`, true},
		{`{"spec":7}`, false}, {`{"spec":[]}`, false}, {`[]`, false}, {`null`, false}, {`{`, false}, {``, false}, {`{}}`, false}, {`{} {}`, false},
	} {
		if got := checkMerge(t, []byte(tc.patch)); got != tc.applies && !strings.Contains(tc.patch, "overhead") {
			t.Errorf("%s: the short way applies is %v, want %v", tc.patch, got, tc.applies)
		}
	}
}

func FuzzMergeTyped(f *testing.F) {
	for _, seed := range []string{
		`{"spec":{"replicas":5,"selector":{"matchLabels":{"a":"b"}}}}`, `{"metadata":{"labels":{"a":null}}}`, `{"spec":{"Replicas":1}}`,
		`{"spec":{"containers":[{"livenessProbe":{"httpGet":{"port":"x"}}}]}}`, `{"spec":{"strategy":{"rollingUpdate":{"maxSurge":"1"}}}}`,
		`{"metadata":{"name":"","generation":1.0,"deletionTimestamp":null}}`, `{"spec":{"a":1,"a":2}}`, `{"status":{"phase":"\ud800"}}`,
		`{"metadata":{"managedFields":[{"fieldsV1":{"f:a":{}}}]}}`, `{"spec":{"template":{"metadata":{"labels":{"":""}}}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkMerge(t, data) })
}

// checkMergeContent compares the short way with that over JSON, on a Rollout; it
// returns whether the short one applied.
func checkMergeContent(t *testing.T, data []byte) (applied bool) {
	t.Helper()
	ro := canaryRollout()
	content, err := contentOf(ro)
	if err != nil {
		t.Fatal(err)
	}
	untouched := string(mustJSON(content))
	short, ok := mergeContent(content, data)
	if got := string(mustJSON(content)); got != untouched {
		t.Errorf("%s changed what it was applied to: %s", data, cmp.Diff(untouched, got))
	}
	if !ok {
		return false
	}
	after, err := patchJSON(&table{}, mustJSON(ro), merge, data)
	if err != nil {
		t.Errorf("the short way took %s, the general way says %v", data, err)
		return true
	}
	general := map[string]any{}
	if err := utiljson.Unmarshal(after, &general); err != nil {
		t.Fatal(err)
	}
	want, err := cleanJSON(general)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, any(short)); d != "" {
		t.Errorf("%s (-general +short):\n%s", data, d)
	}
	return true
}

// canaryRollout has a value of every JSON type.
func canaryRollout() *v1alpha1.Rollout {
	ro := &v1alpha1.Rollout{Spec: v1alpha1.RolloutSpec{
		Template: replicaSet("web", 2).Spec.Template,
		Paused:   true,
		Strategy: v1alpha1.RolloutStrategy{Canary: &v1alpha1.CanaryStrategy{
			Steps: []v1alpha1.CanaryStep{{SetWeight: ptr(int32(20))}, {Pause: &v1alpha1.RolloutPause{}}},
		}},
	}}
	ro.Name, ro.Namespace = "web", "default"
	ro.Annotations = map[string]string{"a": "1", "b": "2"}
	ro.Status.PauseConditions = []v1alpha1.PauseCondition{{Reason: "CanaryPauseStep"}}
	return ro
}

func TestMergeContent(t *testing.T) {
	for _, tc := range []struct {
		patch   string
		applies bool
	}{
		{`{}`, true},
		{`{"spec":{"replicas":5,"paused":null}}`, true},
		{`{"spec":{"replicas":5.0,"minReadySeconds":1e2,"progressDeadlineSeconds":0.5}}`, true},
		{`{"spec":null}`, true},
		{`{"spec":7}`, true},
		{`{"metadata":{"annotations":{"a":null,"c":"3"},"resourceVersion":"7"}}`, true},
		{`{"status":{"pauseConditions":null,"controllerPause":false,"currentStepIndex":1}}`, true},
		{`{"spec":{"template":{"spec":{"containers":[{"name":"x","image":"y"}]}}}}`, true},
		{`{"spec":{"strategy":{"canary":null,"blueGreen":{"activeService":"a"}}}}`, true},
		{`{"spec":{"strategy":{"blueGreen":{"activeService":null}}}}`, false},
		{`{"spec":{"template":{"spec":{"containers":[null]}}}}`, false},
		{`[]`, false}, {`null`, false}, {`{`, false}, {``, false}, {`{} {}`, false},
	} {
		if got := checkMergeContent(t, []byte(tc.patch)); got != tc.applies {
			t.Errorf("%s: the short way applies is %v, want %v", tc.patch, got, tc.applies)
		}
	}
}

func FuzzMergeContent(f *testing.F) {
	for _, seed := range []string{
		`{"spec":{"replicas":5}}`, `{"metadata":{"labels":{"a":null}}}`, `{"spec":{"a":1,"a":{"b":2}}}`, `{"status":{"phase":"\ud800"}}`,
		`{"spec":{"strategy":{"canary":{"steps":[{"setWeight":1e1},{}]}}}}`, `{"spec":{"template":{"spec":[]}}}`, `{"":{"":null}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkMergeContent(t, data) })
}
