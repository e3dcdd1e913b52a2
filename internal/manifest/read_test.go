package manifest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/fixtures"
)

func scheme(t testing.TB) *runtime.Scheme {
	t.Helper()
	s, err := Scheme()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRead(t *testing.T) {
	const text = `# a comment
---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata:
  name: web
--- # another
---

apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Service, metadata: {name: a}}
- {apiVersion: v1, kind: Service, metadata: {name: b}}
---
{"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "web"}, "spec": {"anything": 1}}
`
	objects, err := Read([]File{{"web.yaml", []byte(text)}}, scheme(t))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range objects {
		got = append(got, o.Place()+" "+o.String())
	}
	want := []string{`web.yaml:3 Rollout "web"`, `web.yaml:13 Service "a"`, `web.yaml:14 Service "b"`, `web.yaml:16 VirtualService "web"`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	if got := objects[0].LineOf("metadata.name"); got != 6 {
		t.Errorf("metadata.name is on line %d, want 6", got)
	}
	if got := objects[0].LineOf("metadata.labels.app"); got != 5 {
		t.Errorf("what is not there is on line %d, want 5, that of its parent", got)
	}
	if _, typed := objects[0].Object.(*v1alpha1.Rollout); !typed {
		t.Errorf("the Rollout came as %T", objects[0].Object)
	}
}

func TestErrors(t *testing.T) {
	const rollout = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata:\n  name: web\nspec:\n"
	const service = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
	for name, tc := range map[string]struct{ text, want string }{
		"broken YAML":              {rollout + "  replicas: 5\n   selector:\n", `web.yaml:7: broken YAML: mapping values are not allowed in this context; check the indentation, the colons and the quotes around this line`},
		"broken in the second":     {service + "---\n" + rollout + "  replicas: [5\n", `web.yaml:10: broken YAML: did not find expected ',' or ']'; check the indentation, the colons and the quotes around this line`},
		"a tab":                    {"apiVersion: v1\nkind:\tService\n\tmetadata: {}\n", `web.yaml:3: broken YAML: found a tab character that violates indentation; check the indentation, the colons and the quotes around this line`},
		"a field twice":            {rollout + "  replicas: 5\n  replicas: 6\n", `web.yaml:7: broken YAML: key "replicas" already set in map; a field may be written once; merge the two`},
		"an unknown field":         {rollout + "  replcias: 5\n", `web.yaml:6: unknown field "spec.replcias"; did you mean "replicas"?`},
		"two unknown fields":       {rollout + "  replcias: 5\n  foo: 6\n", `web.yaml:7: unknown field "spec.foo" (and 1 more); remove it, or correct its name or its indentation`},
		"deep in the second":       {service + "---\n" + rollout + "  strategy:\n    canary:\n      steps:\n      - setWeight: 5\n      - pause: {duraton: 5s}\n", `web.yaml:14: unknown field "spec.strategy.canary.steps[1].pause.duraton"; did you mean "duration"?`},
		"a field of the other":     {rollout + "  strategy:\n    canary:\n      autoPromotionEnabled: true\n", `web.yaml:8: unknown field "spec.strategy.canary.autoPromotionEnabled"; remove it, or correct its name or its indentation`},
		"few to choose from":       {rollout + "  strategy:\n    recreate: {}\n", `web.yaml:7: unknown field "spec.strategy.recreate"; remove it, or write one of blueGreen, canary`},
		"a word for a number":      {rollout + "  replicas: five\n", `web.yaml:6: field "spec.replicas" is a string; write a whole number, without quotes`},
		"a map for a list":         {rollout + "  strategy:\n    canary:\n      steps:\n        setWeight: 5\n", `web.yaml:8: field "spec.strategy.canary.steps" is a map of fields; write a list, each item after a dash`},
		"a string for a map":       {rollout + "  strategy: canary\n", `web.yaml:6: field "spec.strategy" is a string; write a map of fields, indented below it`},
		"a number for a string":    {rollout + "  selector:\n    matchLabels:\n      version: 1\n", `web.yaml:8: field "spec.selector.matchLabels.version" is a number; write a string; quote it if it looks like something else`},
		"a bad quantity":           {"apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: web}\nspec: {hard: {cpu: lots}}\n", `web.yaml:4: field "spec.hard.cpu": quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'; write a quantity such as 500m, 2 or 128Mi`},
		"a bad time":               {rollout + "  restartAt: tomorrow\n", `web.yaml:6: field "spec.restartAt": parsing time "tomorrow" as "2006-01-02T15:04:05Z07:00": cannot parse "tomorrow" as "2006"; write a time such as 2026-01-31T12:00:00Z`},
		"a number for a time":      {rollout + "  restartAt: 5\n", `web.yaml:6: field "spec.restartAt" is a number; write a time such as 2026-01-31T12:00:00Z`},
		"a map for a duration":     {rollout + "  strategy:\n    canary:\n      steps:\n      - setWeight: 5\n      - pause:\n          duration: {seconds: 5}\n", `web.yaml:11: field "spec.strategy.canary.steps[1].pause.duration" is a map of fields; write a whole number or a string`},
		"a list for a port":        {service + "spec:\n  ports:\n  - targetPort: [a]\n", `web.yaml:6: field "spec.ports[0].targetPort" is a list; write a whole number or a string`},
		"a list of numbers":        {"apiVersion: v1\nkind: List\nitems: [1]\n", `web.yaml:3: an item of this list is no object; give each apiVersion and kind`},
		"no apiVersion":            {"kind: Rollout\n", `web.yaml:1: this document has no apiVersion; add one, for example apiVersion: argoproj.io/v1alpha1`},
		"no kind":                  {"apiVersion: v1\n", `web.yaml:1: this document has no kind; add one, for example kind: Rollout`},
		"no name":                  {"apiVersion: v1\nkind: Service\nmetadata: {}\n", `web.yaml:3: this Service has no name; set metadata.name`},
		"a name to be made up":     {"apiVersion: argoproj.io/v1alpha1\nkind: AnalysisRun\nmetadata: {generateName: web-}\nspec: {metrics: []}\n", `web.yaml:3: this AnalysisRun has no name; set metadata.name`},
		"an unknown kind":          {"apiVersion: argoproj.io/v1alpha1\nkind: Rolout\nmetadata: {name: web}\n", `web.yaml:2: there is no kind "Rolout" in apiVersion "argoproj.io/v1alpha1"; did you mean "Rollout"?`},
		"an unknown version":       {"apiVersion: argoproj.io/v1\nkind: Rollout\nmetadata: {name: web}\n", `web.yaml:1: there is no Rollout in apiVersion "argoproj.io/v1"; write argoproj.io/v1alpha1`},
		"a kind of another group":  {"apiVersion: apps/v1\nkind: Rollout\nmetadata: {name: web}\n", `web.yaml:1: there is no Rollout in apiVersion "apps/v1"; write argoproj.io/v1alpha1`},
		"a word":                   {"hello\n", `web.yaml:1: this document is no object; begin it with apiVersion and kind`},
		"a list":                   {"- a\n", `web.yaml:1: this document is no object; begin it with apiVersion and kind`},
		"nothing":                  {"# nothing\n---\n", `web.yaml: there is no object in it; write a manifest, or leave the file out`},
		"the same twice":           {service + "---\n" + service, `web.yaml:5: Service "web" is given a second time; remove it here or at web.yaml:1`},
		"a key with dots":          {rollout + "  template:\n    metadata:\n      annotations:\n        prometheus.io/port: \"80\"\n      labls: {}\n", `web.yaml:10: unknown field "spec.template.metadata.labls"; did you mean "labels"?`},
		"a list with a wrong item": {"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Service, metadata: {name: a}, spce: {}}\n", `web.yaml:4: unknown field "spce"; did you mean "spec"?`},
		"the second in a list":     {"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Service, metadata: {name: a}}\n- apiVersion: v1\n  kind: Service\n  metadata: {name: b}\n  spec:\n    ports:\n    - port: http\n", `web.yaml:10: field "spec.ports[0].port" is a string; write a whole number, without quotes`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read([]File{{"web.yaml", []byte(tc.text)}}, scheme(t))
			if err == nil || err.Error() != tc.want {
				t.Errorf("error\n got: %v\nwant: %s", err, tc.want)
			}
			if !IsProblem(err) {
				t.Errorf("IsProblem(%v) = false", err)
			}
		})
	}
}

// TestReadAll wants every problem, and the objects besides.
func TestReadAll(t *testing.T) {
	const text = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspce: {}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: b}\n---\n[\n---\n" +
		"apiVersion: v1\nkind: Service\nmetadata: {name: b}\n---\n" +
		"apiVersion: argoproj.io/v1alpha1\nkind: AnalysisRun\nmetadata: {generateName: run-}\nspec: {metrics: []}\n---\n" +
		"apiVersion: argoproj.io/v1alpha1\nkind: AnalysisRun\nmetadata: {generateName: run-}\nspec: {metrics: []}\n"
	objects, errs := ReadAll([]File{{"web.yaml", []byte(text)}, {"empty.yaml", nil}}, scheme(t))
	var got []string
	for _, o := range objects {
		got = append(got, o.String()+" at "+o.Place())
	}
	for _, err := range errs {
		got = append(got, err.Error())
	}
	want := []string{
		`Service "b" at web.yaml:6`, `Service "b" at web.yaml:12`, `AnalysisRun "run-" at web.yaml:16`, `AnalysisRun "run-" at web.yaml:21`,
		`web.yaml:4: unknown field "spce"; did you mean "spec"?`,
		`web.yaml:10: broken YAML: did not find expected node content; check the indentation, the colons and the quotes around this line`,
		`empty.yaml: there is no object in it; write a manifest, or leave the file out`,
		`web.yaml:12: Service "b" is given a second time; remove it here or at web.yaml:6`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("objects and problems (-want +got):\n%s", diff)
	}
	if err := objects[0].Problem("metadata.name", "is short", "write more"); err.Error() != "web.yaml:8: is short; write more" {
		t.Errorf("problem %q", err)
	}
}

// TestNamespacesApart reads the same name in two namespaces.
func TestNamespacesApart(t *testing.T) {
	const text = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: a}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: b}\n"
	if objects, err := Read([]File{{"web.yaml", []byte(text)}}, scheme(t)); err != nil || len(objects) != 2 {
		t.Errorf("%d objects, error %v", len(objects), err)
	}
}

// FuzzRead checks that whatever a person feeds in, the answer is objects or one
// line that begins with the name of the file.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"cases/mock-server-canary-success.yaml", "guide/rollout-canary-workloadRef.yaml"} {
		data, err := fixtures.FS.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("- [\n"))
	f.Add([]byte("apiVersion: v1\nkind: List\nitems: [1]\n"))
	s := scheme(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		objects, err := Read([]File{{"web.yaml", data}}, s)
		if err == nil && len(objects) == 0 {
			t.Error("neither objects nor an error")
		}
		if err != nil && (!strings.HasPrefix(err.Error(), "web.yaml:") || strings.Contains(err.Error(), "\n")) {
			t.Errorf("error %q is not one line that names the file", err)
		}
	})
}
