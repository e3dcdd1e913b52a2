package rehearse

import (
	"slices"
	"strings"
	"testing"
)

// TestSecretArguments gives the analysis of Manifest 14 a token from a Secret: where the
// files lack it, it is made up, and a version is no worse for that.
func TestSecretArguments(t *testing.T) {
	const (
		template = "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\n"
		named    = "          - templateName: success-rate\n"
		query    = "        query: |\n"
		note     = "Secret default/prom with the key token is in none of the files"
	)
	declared := []string{"  metrics:\n", "  args: [{name: token, valueFrom: {secretKeyRef: {name: prom, key: token}}}]\n  metrics:\n"}
	asked := slices.Concat(declared, []string{query, "        headers: [{key: Authorization, value: 'Bearer {{args.token}}'}]\n" + query})
	with := func(secret string) []string {
		return slices.Concat(asked, []string{template, "apiVersion: v1\nkind: Secret\n" + secret + "\n---\n" + template})
	}
	for name, tc := range map[string]struct {
		replace []string
		verdict string
		noted   bool
		mistake string // empty: there must be none
	}{
		"in no file":                 {replace: asked, verdict: Promoted, noted: true},
		"in a file":                  {replace: with("metadata: {name: prom}\nstringData: {token: x}"), verdict: Promoted},
		"in a file, encoded":         {replace: with("metadata: {name: prom}\ndata: {token: eA==}"), verdict: Promoted},
		"of another namespace":       {replace: with("metadata: {name: prom, namespace: other}\nstringData: {token: x}"), verdict: Promoted, noted: true},
		"supplied by the Rollout":    {replace: slices.Concat(asked, []string{named, named + "          args: [{name: token, value: x}]\n"}), verdict: Promoted},
		"asked for by no metric":     {replace: declared, verdict: Promoted},
		"in a file, without the key": {with("metadata: {name: prom}\nstringData: {tokn: x}"), Aborted, false, `step 3 analysis cannot measure until this is corrected: manifest.yaml:`},
		"in a file, without any key": {with("metadata: {name: prom}"), Aborted, false, `Secret "prom" has no key "token", from which argument "token" is taken`},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, Options{Objects: edited(t, tc.replace...)})
			if r.Outcome.Verdict != tc.verdict {
				t.Errorf("%s, want %s: %s", r.Outcome.Verdict, tc.verdict, r.Outcome.Text)
			}
			noted := slices.ContainsFunc(r.Notes, func(f Finding) bool { return f.Code == "secret" && strings.HasPrefix(f.Text, note) })
			if noted != tc.noted {
				t.Errorf("notes %+v", r.Notes)
			}
			if warned(r, "mistake", tc.mistake) != (tc.mistake != "") {
				t.Errorf("warnings %+v, want %q", r.Warnings, tc.mistake)
			}
		})
	}
}
