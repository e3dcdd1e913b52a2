package rehearse

import (
	"os"
	"strings"
	"testing"

	"github.com/aviary-rollouts/aviary/internal/manifest"
)

// checkout is a manifest in which nothing is wrong, after changes.
func checkout(t *testing.T, change func(string) string) []manifest.Object {
	t.Helper()
	data, err := os.ReadFile("testdata/checkout.yaml")
	if err != nil {
		t.Fatal(err)
	}
	changed := change(string(data))
	if changed == string(data) {
		t.Fatal("nothing was changed")
	}
	scheme, err := manifest.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	objects, err := manifest.Read([]manifest.File{{Name: "checkout.yaml", Data: []byte(changed)}}, scheme)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func replaced(old, with string) func(string) string {
	return func(s string) string { return strings.Replace(s, old, with, 1) }
}

// without leaves a document out.
func without(mark string) func(string) string {
	return func(s string) string {
		var kept []string
		for _, document := range strings.Split(s, "---\n") {
			if !strings.Contains(document, mark) {
				kept = append(kept, document)
			}
		}
		return strings.Join(kept, "---\n")
	}
}

// TestRemedies breaks a manifest in one place each and reads the last words of
// the error: where it is, and what to do.
func TestRemedies(t *testing.T) {
	for name, c := range map[string]struct {
		change        func(string) string
		where, remedy string
	}{
		"no VirtualService": {without("kind: VirtualService"), "checkout.yaml:26: ", "add the manifest of the VirtualService with -f"},
		"another VirtualService": {
			replaced("kind: VirtualService\nmetadata: {name: checkout,", "kind: VirtualService\nmetadata: {name: shop,"),
			"checkout.yaml:26: ", "add the manifest of the VirtualService with -f, or correct the name: the files have shop",
		},
		"no DestinationRule": {without("kind: DestinationRule"), "checkout.yaml:29: ", "add the manifest of the DestinationRule with -f"},
		"no template":        {without("kind: AnalysisTemplate"), "checkout.yaml:33: ", "add the manifest of the AnalysisTemplate with -f"},
		"another namespace": {
			replaced("kind: VirtualService\nmetadata: {name: checkout, namespace: pay}", "kind: VirtualService\nmetadata: {name: checkout, namespace: shop}"),
			"checkout.yaml:26: ", `checkout.yaml:61 has that VirtualService in namespace "shop", the Rollout is in "pay": give both the same`,
		},
		"no namespace": {
			replaced("kind: VirtualService\nmetadata: {name: checkout, namespace: pay}", "kind: VirtualService\nmetadata: {name: checkout}"),
			"checkout.yaml:26: ", `checkout.yaml:61 has that VirtualService without a namespace, which means "default": give it the namespace "pay", or write -n pay`,
		},
		"no such route": {
			replaced("routes: [primary]", "routes: [main]"),
			"checkout.yaml:26: ", `write one of the routes of VirtualService "checkout" (primary), or give one that name`,
		},
		"no such subset": {
			replaced("  - name: canary\n    labels", "  - name: candidate\n    labels"),
			"checkout.yaml:29: ", `write one of the subsets of DestinationRule "checkout" (stable, candidate), or give one that name`,
		},
		"an argument without a value": {
			replaced("  - name: service\n  metrics", "  - name: service\n  - name: threshold\n  metrics"),
			"checkout.yaml:36: ", "give that argument a value under args there, or a default in the template",
		},
		"an argument that no template declares": {
			replaced("  - name: service\n  metrics", "  - name: host\n    value: a\n  metrics"),
			"checkout.yaml:33: ", "declare that argument in the template, or correct its name there",
		},
		"a step that never ends": {
			replaced("      - setWeight: 50\n", "      - analysis: {templates: [{templateName: errors}], args: [{name: service, value: checkout}]}\n"),
			"checkout.yaml:51: ", `give metric "error-share" a count at checkout.yaml:92 (spec.metrics[0] of AnalysisTemplate "errors")`,
		},
		"a count without an interval": {
			replaced("    interval: 30s\n", "    count: 5\n"),
			"checkout.yaml:33: ", `correct that metric at checkout.yaml:92 (spec.metrics[0] of AnalysisTemplate "errors")`,
		},
		"an experiment with a name twice": {
			replaced("      - setWeight: 50\n", "      - experiment: {duration: 1m, templates: [{name: a, specRef: stable}, {name: a, specRef: canary}]}\n"),
			"checkout.yaml:51: ", "correct that field",
		},
		"a weight of 150": {replaced("setWeight: 50", "setWeight: 150"), "checkout.yaml:51: ", "correct that field"},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t, Options{Objects: checkout(t, c.change)}).Failure()
			if !strings.HasPrefix(got, c.where) || !strings.HasSuffix(got, "; "+c.remedy) {
				t.Errorf("the error is\n%s\nwant %s...; %s", got, c.where, c.remedy)
			}
		})
	}
}

// TestMistakes breaks what only a measurement finds out.
func TestMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		change func(string) string
		want   string
	}{
		"a condition": {
			replaced("len(result) == 0", "len(result == 0"),
			`metric "error-share" (background) cannot be measured until this is corrected: checkout.yaml:95: AnalysisTemplate "errors": spec.metrics[0].successCondition: line 1, column 55, in `,
		},
		"a query": {
			replaced("[2m]))\n          /", "[2m])\n          /"),
			`metric "error-share" (background) cannot be measured until this is corrected: checkout.yaml:99: AnalysisTemplate "errors": spec.metrics[0].provider.prometheus.query: line 2, column 101, in `,
		},
		"a query with its argument": {
			replaced("          value: checkout\n", "          value: '\"'\n"),
			`metric "error-share" (background) cannot be measured until this is corrected: checkout.yaml:99: AnalysisTemplate "errors": spec.metrics[0].provider.prometheus.query: bad_data: `,
		},
	} {
		t.Run(name, func(t *testing.T) {
			report := run(t, Options{Objects: checkout(t, c.change)})
			if lines := report.Summary(); !strings.HasSuffix(lines[0].Text, ", as every version would be: the analysis has a mistake") {
				t.Errorf("the outcome is %q", lines[0].Text)
			}
			for _, w := range report.Warnings {
				if w.Code == "mistake" && strings.HasPrefix(w.Text, c.want) {
					return
				}
			}
			t.Errorf("the warnings are %v, want %s", report.Warnings, c.want)
		})
	}
}
