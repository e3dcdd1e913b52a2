package rehearse

import (
	"errors"
	"strings"
	"testing"

	"github.com/aviary-rollouts/aviary/internal/manifest"
)

// FuzzReadSettings hands any file to --with: it is read, or the error names the
// file; what was read is within its limits.
func FuzzReadSettings(f *testing.F) {
	f.Add("load: 20@shop:80\nfail: [\"new=3%@1m\"]\nlatency: [\"new=200ms,p99=1s\"]\npromoteAfter: 2m\n")
	f.Add("series:\n- {series: 'a{b=\"c\"}', values: 0+1x5, interval: 15s}\nanswers:\n- {host: x, body: '{value}', values: 0 2x10}\n")
	f.Add("jobs:\n- {image: '*', after: 5s, condition: Failed}\nsetImage: [web=web:2]\n")
	f.Add("load: -1\n")
	f.Fuzz(func(t *testing.T, text string) {
		var o Options
		err := ReadSettings(manifest.File{Name: "with.yaml", Data: []byte(text)}, &o)
		if err != nil {
			var problem *manifest.Error
			if !errors.As(err, &problem) || !strings.HasPrefix(err.Error(), "with.yaml") {
				t.Fatalf("the error does not say where it is: %v", err)
			}
			return
		}
		for _, b := range o.Behaviours {
			if b.Image == "" || b.After < 0 || b.P50 < 0 || b.ErrorRate != nil && !(*b.ErrorRate >= 0 && *b.ErrorRate <= 1) {
				t.Fatalf("%+v was read", b)
			}
		}
		if o.PromoteAfter < 0 || o.AbortAfter < 0 || o.Until < 0 || o.Load != nil && !(o.Load.Rate >= 0) {
			t.Fatalf("%+v was read", o)
		}
		for _, j := range o.Jobs {
			if j.Image == "" || j.After < 0 {
				t.Fatalf("%+v was read", j)
			}
		}
	})
}
