package lint

import (
	"encoding/json"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/aviary-rollouts/aviary/fixtures"
	"github.com/aviary-rollouts/aviary/internal/manifest"
)

// TestHoles takes every value of some manifests away, or puts nothing, an empty
// map, an empty list or an empty string in its place: whatever is found, nothing
// panics.
func TestHoles(t *testing.T) {
	scheme, err := manifest.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{
		template + compare + "  analyses: [{name: rate, templateName: rate, args: [{name: app, value: web}]}]\n", run,
		routed + "        nginx: {stableIngress: web}\n---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web}\n" +
			"spec: {rules: [{http: {paths: [{path: /, backend: {service: {name: stable}}}]}}]}\n",
	}
	for _, name := range []string{
		"cases/mock-server-canary-istio-virtualservice-analysis-experiment.yaml",
		"cases/mock-server-canary-istio-destinationrule-analysistemplate-experiment.yaml", "cases/mock-server-bluegreen.yaml",
	} {
		text, err := fs.ReadFile(fixtures.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, strings.ReplaceAll(string(text), "-stable,\n", "-stable\",\n")) // its document misses a quote
	}
	checks, found := 0, 0
	for _, text := range texts {
		var documents []any
		for _, d := range strings.Split(text, "\n---") {
			var document any
			if err := yaml.Unmarshal([]byte(d), &document); err != nil {
				t.Fatal(err)
			}
			documents = append(documents, document)
		}
		holes(any(documents), func() {
			var b strings.Builder
			for _, d := range documents {
				data, err := json.Marshal(d)
				if err != nil {
					t.Fatal(err)
				}
				b.WriteString("---\n" + string(data) + "\n")
			}
			objects, _ := manifest.ReadAll([]manifest.File{{Name: "web.yaml", Data: []byte(b.String())}}, scheme)
			checks, found = checks+1, found+len(Check(objects))
		})
	}
	if checks < 1000 || found < checks/4 {
		t.Errorf("%d findings in %d checks", found, checks)
	}
}

// holes makes one hole after the other below a value, calls try, and closes it.
func holes(value any, try func()) {
	fill := func(old any, set func(any)) {
		for _, other := range []any{nil, map[string]any{}, []any{}, ""} {
			set(other)
			try()
		}
		set(old)
		holes(old, try)
	}
	switch v := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			old := v[key]
			delete(v, key)
			try()
			fill(old, func(other any) { v[key] = other })
		}
	case []any:
		for i := range v {
			fill(v[i], func(other any) { v[i] = other })
		}
	}
}
