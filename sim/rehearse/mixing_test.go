package rehearse

import "testing"

// TestMixedVersions asks what Manifest 17 asks, whose query is for a Service with the pods
// of both versions, and what would be better.
func TestMixedVersions(t *testing.T) {
	const query = `destination_service_name="mock-server"`
	for name, tc := range map[string]struct {
		path    string
		replace []string
		verdict string
		text    string // of the warning; empty: there must be none
	}{
		"a Service with both": {
			path: "cases/mock-server-canary-istio-destinationrule-analysistemplate.yaml", verdict: Promoted,
			text: "counts the requests of both versions, of which 8.8% to 20% went to the new one: if a tenth of those fail, it shows 0.88% to 2%; " +
				`ask for the new version alone, by rollouts_pod_template_hash="{{args.hash}}" and reporter="destination"`,
		},
		"what the warning advises": {
			path: "cases/mock-server-canary-istio-destinationrule-analysistemplate.yaml", verdict: Aborted,
			replace: []string{
				query, `reporter="destination",rollouts_pod_template_hash="{{args.hash}}"`,
				"  metrics:\n", "  args: [{name: hash}]\n  metrics:\n",
				"          - templateName: success-rate\n", "          - templateName: success-rate\n          args: [{name: hash, valueFrom: {podTemplateHashValue: Latest}}]\n",
			},
		},
		"failures of both": {
			path:    "cases/mock-server-canary-istio-destinationrule-analysistemplate.yaml",
			replace: []string{`response_code=~"2.."`, `response_code=~"5.."`}, verdict: Aborted, text: "counts the requests of both versions",
		},
		"kept apart by a grouping": {
			path:    "cases/mock-server-canary-istio-destinationrule-analysistemplate.yaml",
			replace: []string{"sum(rate", "sum by (reporter, rollouts_pod_template_hash) (rate", "scalar(\n", "(\n", "result >= 0.95", "all(result, # >= 0.95)"}, verdict: Aborted,
		},
		"the Service of the canary": {path: manifest14, verdict: Aborted},
		"any Service": {
			path: manifest14, replace: []string{`destination_service_name="mock-server-canary"`, `destination_service_name=~"mock-server-.*"`},
			verdict: Promoted, text: `ask for the new version alone, by destination_service_name="mock-server-canary"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, Options{Objects: editedFile(t, tc.path, tc.replace...), Behaviours: []Behaviour{{Image: NewImage, ErrorRate: rate(0.1)}}})
			if r.Outcome.Verdict != tc.verdict || warned(r, "mixed", tc.text) != (tc.text != "") {
				t.Errorf("%s, want %s; warnings %+v", r.Outcome.Verdict, tc.verdict, r.Warnings)
			}
		})
	}
}
