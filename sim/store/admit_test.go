package store

import (
	"errors"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/google/go-cmp/cmp"

	"github.com/aviary-rollouts/aviary/config/crd"
)

// widgetCRD has one of everything that admission has to deal with.
const widgetCRD = `
spec:
  group: example.com
  names: {kind: Widget, plural: widgets}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          apiVersion: {type: string}
          kind: {type: string}
          metadata: {type: object}
          spec:
            type: object
            required: [size]
            x-kubernetes-validations:
            - rule: "self.size <= self.limit"
              message: size must not exceed limit
            properties:
              size: {type: integer, minimum: 0}
              limit: {type: integer, default: 10}
              fixed:
                type: string
                x-kubernetes-validations:
                - rule: "self == oldSelf"
                  message: fixed is fixed
              mode: {type: string, enum: [fast, slow], default: slow}
              free: {type: object, x-kubernetes-preserve-unknown-fields: true}
              parts:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items: {type: object, required: [name], properties: {name: {type: string}, count: {type: integer, default: 1}}}
          status:
            type: object
            properties: {phase: {type: string, enum: [Good, Bad]}}
`

func widgetSchemas(t testing.TB) *Schemas {
	return NewSchemas(func(kind schema.GroupKind) (*apiextensionsv1.CustomResourceDefinition, error) {
		if kind.Kind != "Widget" {
			return nil, nil
		}
		def := &apiextensionsv1.CustomResourceDefinition{}
		return def, yaml.Unmarshal([]byte(widgetCRD), def)
	})
}

func widget(t testing.TB, spec string) *unstructured.Unstructured {
	u := manifest(t, "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\nspec: "+spec).(*unstructured.Unstructured)
	return u
}

// unchecked is what an API server adds when rules could not be evaluated.
const unchecked = `, <nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation`

// What a user writes, and what is stored or refused.
func TestAdmit(t *testing.T) {
	for _, tc := range []struct {
		name   string
		spec   string
		strict bool
		want   string // the stored spec, or the error
	}{
		{"defaults", `{size: 1, parts: [{name: a}]}`, true, `{"limit":10,"mode":"slow","parts":[{"count":1,"name":"a"}],"size":1}`},
		{"a null takes the default", `{size: 1, mode: null}`, true, `{"limit":10,"mode":"slow","size":1}`},
		{"pruning", `{size: 1, foo: 1, parts: [{name: a, bar: 2}], free: {x: 1}}`, false,
			`{"free":{"x":1},"limit":10,"mode":"slow","parts":[{"count":1,"name":"a"}],"size":1}`},
		{"strict", `{size: 1, foo: 1, parts: [{name: a, bar: 2}], free: {x: 1}}`, true,
			`Widget in version "v1" cannot be handled as a Widget: strict decoding error: unknown field "spec.foo", unknown field "spec.parts[0].bar"`},
		{"required", `{mode: fast}`, true, `Widget.example.com "w" is invalid: [spec.size: Required value` + unchecked + `]`},
		{"type", `{size: big}`, true, `Widget.example.com "w" is invalid: [spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"` + unchecked + `]`},
		{"minimum", `{size: -1}`, true, `Widget.example.com "w" is invalid: spec.size: Invalid value: -1: spec.size in body should be greater than or equal to 0`},
		{"enum", `{size: 1, mode: middling}`, true, `Widget.example.com "w" is invalid: [spec.mode: Unsupported value: "middling": supported values: "fast", "slow"` + unchecked + `]`},
		{"rule", `{size: 11}`, true, `Widget.example.com "w" is invalid: spec: Invalid value: size must not exceed limit`},
		{"list map", `{size: 1, parts: [{name: a}, {name: a}]}`, true, `Widget.example.com "w" is invalid: spec.parts[1]: Duplicate value: {"name":"a"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			opts := []ClientOption{AsUser()}
			if tc.strict {
				opts = append(opts, Strict())
			}
			f := newFixture(t, Options{Schemas: widgetSchemas(t)}, opts...)
			got := ""
			w := widget(t, tc.spec)
			if err := f.Create(ctx, w); err != nil {
				got = err.Error()
			} else {
				got = string(mustJSON(w.Object["spec"]))
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestAdmitUpdates(t *testing.T) {
	f := newFixture(t, Options{Schemas: widgetSchemas(t), StatusSubresource: widgetStatus}, AsUser(), Strict())
	w := widget(t, `{size: 1, fixed: a}`)
	w.Object["status"] = map[string]any{"phase": "Nonsense"} // dropped: a status is not the creator's
	f.must(f.Create(ctx, w))
	patch := func(text string) error { return f.Patch(ctx, w, client.RawPatch(merge, []byte(text))) }
	wantError(t, patch(`{"spec":{"fixed":"b"}}`), `Widget.example.com "w" is invalid: spec.fixed: Invalid value: "b": fixed is fixed`)
	for text, why := range map[string]string{
		`{"spec":{"foo":1}}`:              `strict decoding error: unknown field "spec.foo"`,
		`{"metadata":{"foo":1}}`:          `strict decoding error: unknown field "metadata.foo"`,
		`{"metadata":{"labels":{"a":5}}}`: `json: cannot unmarshal number into Go struct field ObjectMeta.labels of type string`,
	} {
		err := patch(text)
		if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), `patch: Invalid value: "{`) || !strings.HasSuffix(err.Error(), "}\": "+why) {
			t.Errorf("patch %s: %v, want Invalid, the whole object, and %s", text, err, why)
		}
	}
	f.must(f.Patch(ctx, w, client.RawPatch(merge, []byte(`{"spec":{"foo":1,"size":2}}`)), client.FieldValidation(metav1.FieldValidationIgnore)))
	if got := string(mustJSON(w.Object["spec"])); got != `{"fixed":"a","limit":10,"mode":"slow","size":2}` {
		t.Errorf("patched %s", got)
	}
	status := func(text string) error { return f.Status().Patch(ctx, w, client.RawPatch(merge, []byte(text))) }
	f.must(status(`{"status":{"phase":"Good"},"spec":{"size":99}}`))
	wantError(t, status(`{"status":{"phase":"Ugly"}}`), `Widget.example.com "w" is invalid: [status.phase: Unsupported value: "Ugly": supported values: "Good", "Bad"`+unchecked+`]`)
	w.Object["spec"].(map[string]any)["size"] = "x"
	if err := f.Update(ctx, w); err == nil {
		t.Error("an update with a value of the wrong type was stored")
	}
}

// Controllers are trusted unless they ask not to be.
func TestAdmitOthers(t *testing.T) {
	f := newFixture(t, Options{Schemas: widgetSchemas(t)})
	f.must(f.Create(ctx, widget(t, `{foo: 1}`)))
	checked := f.store.Client("checked", Admitted())
	other := widget(t, `{size: -1}`)
	other.SetName("other")
	if err := checked.Create(ctx, other); err == nil {
		t.Error("an admitted controller wrote what the schema forbids")
	}
	// A kind without a definition is taken as it is.
	f.must(f.store.Client("user", AsUser(), Strict()).Create(ctx, unstructuredOf("example.com/v1", "Gadget", "g", "spec.x", "y")))
}

func TestStrictBuiltin(t *testing.T) {
	text := "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80, portt: 81}], selectr: {}}"
	f := newFixture(t, Options{}, AsUser(), Strict())
	wantError(t, f.Create(ctx, manifest(t, text)),
		`Service in version "v1" cannot be handled as a Service: strict decoding error: unknown field "spec.ports[0].portt", unknown field "spec.selectr"`)
	f.must(f.Create(ctx, manifest(t, text), client.FieldValidation(metav1.FieldValidationIgnore)))
}

func TestSchemasThatDoNotLoad(t *testing.T) {
	f := newFixture(t, Options{Schemas: NewSchemas(func(schema.GroupKind) (*apiextensionsv1.CustomResourceDefinition, error) {
		return nil, errors.New("no such file")
	})}, AsUser())
	wantError(t, f.Create(ctx, widget(t, `{size: 1}`)), "Internal error occurred: load the custom resource definition of Widget.example.com: no such file")
}

func rollout(t testing.TB, name string) client.Object {
	u := manifest(t, "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {app: web}}\n  strategy: {canary: {steps: [{setWeight: 20}, {pause: {}}]}}\n  template:"+podTemplate)
	u.SetName(name)
	return u
}

// The definitions of this repository compile, admit a Rollout, and refuse one
// with a misspelt field.
func TestAdmitRollout(t *testing.T) {
	f := newFixture(t, Options{Schemas: NewSchemas(crd.Of)}, AsUser(), Strict())
	good := rollout(t, "web")
	f.must(f.Create(ctx, good))
	bad := rollout(t, "bad").(*unstructured.Unstructured)
	f.must(unstructured.SetNestedField(bad.Object, int64(1), "spec", "replica"))
	err := f.Create(ctx, bad)
	if err == nil || !strings.Contains(err.Error(), `strict decoding error: unknown field "spec.replica"`) {
		t.Errorf("got %v", err)
	}
}

// BenchmarkAdmitRollout is the cost of one user's write after the first, which
// is BenchmarkCompileSchemas.
func BenchmarkAdmitRollout(b *testing.B) {
	f := newFixture(b, Options{Schemas: NewSchemas(crd.Of)}, AsUser(), Strict())
	obj := rollout(b, "web")
	f.must(f.Create(ctx, obj.DeepCopyObject().(client.Object), client.DryRunAll))
	b.ReportAllocs()
	for b.Loop() {
		if err := f.Create(ctx, obj.DeepCopyObject().(client.Object), client.DryRunAll); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCompileSchemas is what the first write of a Rollout pays, once per
// process.
func BenchmarkCompileSchemas(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := NewSchemas(crd.Of).lookup(rollout(b, "web").GetObjectKind().GroupVersionKind()); err != nil {
			b.Fatal(err)
		}
	}
}

var widgetStatus = map[schema.GroupKind]bool{{Group: "example.com", Kind: "Widget"}: true}
