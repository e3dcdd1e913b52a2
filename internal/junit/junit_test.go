package junit

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWrite(t *testing.T) {
	var b strings.Builder
	err := Write(&b, []Suite{{Name: "web_test.yaml", Cases: []Case{
		{Name: "good", Took: 2 * time.Millisecond},
		{Name: "bad", Took: time.Second, Failure: &Failure{`phase is "Failed"`, "expected a\n< b ]]> c"}},
		{Name: "not here", Skipped: "no mesh"},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	const want = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="web_test.yaml" tests="3" failures="1" skipped="1" time="1.002">
    <testcase name="good" classname="web_test.yaml" time="0.002"></testcase>
    <testcase name="bad" classname="web_test.yaml" time="1.000">
      <failure message="phase is &#34;Failed&#34;"><![CDATA[expected a
< b ]]]]><![CDATA[> c]]></failure>
    </testcase>
    <testcase name="not here" classname="web_test.yaml" time="0.000">
      <skipped message="no mesh"></skipped>
    </testcase>
  </testsuite>
</testsuites>
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("XML (-want +got):\n%s", diff)
	}
}
