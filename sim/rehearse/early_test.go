package rehearse

import (
	"fmt"
	"strings"
	"testing"
)

// TestBlueGreenSeesTheOldVersion measures a bad version before and after the switch, by what
// counts the requests to the version before.
func TestBlueGreenSeesTheOldVersion(t *testing.T) {
	const (
		users    = `destination_service_name="stable"`
		byHash   = `reporter="destination",rollouts_pod_template_hash="{{args.hash}}"`
		hash     = ", args: [{name: hash, valueFrom: {podTemplateHashValue: Latest}}]"
		template = `---
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: rate}
spec:
  args: [{name: hash, value: none}]
  metrics:
  - name: rate
    interval: 30s
    initialDelay: %[1]s
    count: 4
    failureLimit: 1
    successCondition: result >= 0.95
    provider:
      prometheus:
        address: http://prometheus
        query: scalar(sum(rate(istio_requests_total{%[2]s,response_code!~"5.."}[5m])) / sum(rate(istio_requests_total{%[2]s}[5m])))
`
	)
	for name, tc := range map[string]struct {
		place, args, delay, asked string
		url                       string // of the load
		verdict                   string
		mixed, window             string // empty: there must be none
	}{
		"before the switch": {
			place: "prePromotionAnalysis", delay: "0s", asked: users, verdict: Promoted,
			mixed: `metric "rate" of prePromotionAnalysis counts no request to the new version, however bad that is: before the switch, users go to the one before; ` +
				`let something send requests to Service "canary", of previewService, and ask for the new version alone, by rollouts_pod_template_hash=`,
		},
		"before the switch, however late": {place: "prePromotionAnalysis", delay: "5m", asked: users, verdict: Promoted, mixed: "counts no request to the new version"},
		"before the switch, both": {
			place: "prePromotionAnalysis", delay: "1m", asked: `destination_service_name="canary"`, url: "canary:80", verdict: Promoted,
			mixed: `metric "rate" of prePromotionAnalysis counts the requests of both versions, of which `,
		},
		"before the switch, as advised": {place: "prePromotionAnalysis", args: hash, delay: "1m", asked: byHash, url: "canary:80", verdict: Aborted},
		"after the switch": {
			place: "postPromotionAnalysis", delay: "0s", asked: users, verdict: Promoted,
			window: `metric "rate" of postPromotionAnalysis looks back 5m and is measured 0s after the switch: of the requests that it counts, 0% to `,
		},
		"after the switch, too early":  {place: "postPromotionAnalysis", delay: "4m59s", asked: users, verdict: Aborted, window: "is measured 4m59s after the switch"},
		"after the switch, as advised": {place: "postPromotionAnalysis", delay: "5m", asked: users, verdict: Aborted},
		"after the switch, by the hash": {
			place: "postPromotionAnalysis", args: hash, delay: "30s", asked: byHash, verdict: Aborted,
			window: "is measured 30s after the switch: the first measurement sees 30s of the new version; set initialDelay to 5m",
		},
	} {
		t.Run(name, func(t *testing.T) {
			analysis := tc.place + ": {templates: [{templateName: rate}]" + tc.args + "}"
			text := strings.Replace(webBlueGreen, "autoPromotionSeconds: 20", analysis, 1) + service("stable", "web") + service("canary", "web")
			r := run(t, Options{
				Objects: parse(t, text+fmt.Sprintf(template, tc.delay, tc.asked)), Load: &Load{Rate: 50, URL: tc.url},
				Behaviours: []Behaviour{{Image: NewImage, ErrorRate: rate(0.1)}},
			})
			if r.Outcome.Verdict != tc.verdict {
				t.Errorf("%s, want %s: %+v", r.Outcome.Verdict, tc.verdict, r.Measurements)
			}
			if warned(r, "mixed", tc.mixed) != (tc.mixed != "") || warned(r, "window", tc.window) != (tc.window != "") {
				t.Errorf("warnings %+v", r.Warnings)
			}
		})
	}
}
