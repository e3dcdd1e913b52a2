package picture

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/fixtures"
	"github.com/aviary-rollouts/aviary/internal/manifest"
	"github.com/aviary-rollouts/aviary/sim/rehearse"
)

var update = flag.Bool("update", false, "rewrite the picture in docs")

// rehearsal runs a fixture in which the new version fails a tenth.
func rehearsal(t testing.TB, name string) *rehearse.Report {
	t.Helper()
	data, err := fs.ReadFile(fixtures.FS, name)
	if err != nil {
		t.Fatal(err)
	}
	scheme, err := manifest.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	list, err := manifest.Read([]manifest.File{{Name: name, Data: data}}, scheme)
	if err != nil {
		t.Skip(err)
	}
	if !slices.ContainsFunc(list, func(o manifest.Object) bool { _, is := o.Object.(*v1alpha1.Rollout); return is }) {
		t.Skip("no Rollout in it")
	}
	rate := 0.1
	r, err := rehearse.Run(context.Background(), rehearse.Options{
		Seed:    1, // the command's
		Objects: list, PromoteAfter: time.Minute, Behaviours: []rehearse.Behaviour{{Image: rehearse.NewImage, ErrorRate: &rate}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestAnswers draws how long answers take where somebody said so, and nowhere else.
func TestAnswers(t *testing.T) {
	r := rehearsal(t, manifest14)
	if strings.Contains(string(SVG(r)), "Answers, 99% within") {
		t.Error("a panel about nothing")
	}
	for i := range r.Traffic.Windows {
		w := &r.Traffic.Windows[i]
		w.P99 = rehearse.Duration(3 * time.Second)
		for j := range w.Versions {
			w.Versions[j].P99 = w.P99
		}
	}
	for _, text := range []string{"Answers, 99% within", ">3s</text>"} {
		if !strings.Contains(string(SVG(r)), text) {
			t.Errorf("no %s", text)
		}
	}
}

const manifest14 = "cases/mock-server-canary-istio-virtualservice-analysis.yaml"

// TestGolden pins the picture of docs/simulate.md; look at it before you accept
// another.
func TestGolden(t *testing.T) {
	const file = "../../../docs/simulate.svg"
	got := SVG(rehearsal(t, manifest14))
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); look at it and run with -update:\n%s", file, diff)
	}
	if !bytes.Equal(got, SVG(rehearsal(t, manifest14))) {
		t.Error("the same rehearsal gives another picture")
	}
}

var outside = regexp.MustCompile(`(?i)<script|<link|<img|@import|url\(|(?:src|href)\s*=|https?://`)

// TestEveryFixture draws all Rollouts of the source documents, and checks that
// the pictures are sound XML, need nothing from outside, and have no texts on
// top of each other or beyond the edge.
func TestEveryFixture(t *testing.T) {
	names, err := fs.Glob(fixtures.FS, "*/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			r := rehearsal(t, name)
			page := HTML(r)
			plain := strings.ReplaceAll(string(page), `xmlns="http://www.w3.org/2000/svg"`, "")
			for _, address := range addresses(r) {
				plain = strings.ReplaceAll(plain, address, "")
			}
			if found := outside.FindString(plain); found != "" {
				t.Errorf("the page needs something from outside: %s", found)
			}
			if why := strings.Contains(string(page), `<p class="bad">`); why == r.Updated() {
				t.Errorf("updated: %t, and the page says why there was no update: %t", r.Updated(), why)
			}
			if !r.Updated() {
				return
			}
			checkTexts(t, SVG(r))
			for _, part := range strings.SplitAfter(string(page), "</svg>") {
				if i := strings.Index(part, "<svg"); i >= 0 {
					checkTexts(t, []byte(part[i:]))
				}
			}
		})
	}
}

// addresses are those that are mentioned, not followed.
func addresses(r *rehearse.Report) (list []string) {
	for _, w := range r.Warnings {
		list = append(list, regexp.MustCompile(`https?://\S+`).FindAllString(w.Text, -1)...)
	}
	return list
}

// box is where a text is.
type box struct {
	text                     string
	left, right, top, bottom float64
}

// checkTexts finds texts that overlap, by a narrow estimate of letters.
func checkTexts(t *testing.T, svg []byte) {
	t.Helper()
	boxes, width, err := texts(svg)
	if err != nil {
		t.Fatalf("the picture is no XML: %v", err)
	}
	for i, a := range boxes {
		if a.left < -0.5 || a.right > width+0.5 {
			t.Errorf("%g px wide: %q goes from %g to %g", width, a.text, a.left, a.right)
		}
		for _, b := range boxes[:i] {
			if a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom {
				t.Errorf("%g px wide: %q at %.0f,%.0f lies on %q at %.0f,%.0f", width, a.text, a.left, a.top, b.text, b.left, b.top)
			}
		}
	}
}

func texts(svg []byte) (boxes []box, width float64, err error) {
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return boxes, width, nil
		} else if err != nil {
			return nil, 0, err
		}
		e, is := token.(xml.StartElement)
		if !is {
			continue
		}
		attr := map[string]string{}
		for _, a := range e.Attr {
			attr[a.Name.Local] = a.Value
		}
		switch e.Name.Local {
		case "svg":
			_, _ = fmt.Sscanf(attr["viewBox"], "0 0 %f", &width)
		case "text":
			var text string
			if err := d.DecodeElement(&text, &e); err != nil {
				return nil, 0, err
			}
			boxes = append(boxes, boxOf(text, attr))
		}
	}
}

func boxOf(text string, attr map[string]string) box {
	x, _ := strconv.ParseFloat(attr["x"], 64)
	y, _ := strconv.ParseFloat(attr["y"], 64)
	letters := float64(size)
	if attr["class"] == "h" {
		letters = 18
	}
	w := 0.56 * letters * float64(len([]rune(text)))
	switch attr["text-anchor"] {
	case "middle":
		x -= w / 2
	case "end":
		x -= w
	}
	return box{text, x, x + w, y - 0.75*letters, y + 0.2*letters}
}

func TestTicks(t *testing.T) {
	for end, want := range map[float64]int{1: 2, 100: 11, 125: 13, 600: 11, 3601: 13, 90000: 13, 4e6: 12} {
		a := timeAxis{end: end, left: 58, right: 1138}
		ticks := a.ticks(76)
		if len(ticks) != want {
			t.Errorf("%g s: %d ticks %v, want %d", end, len(ticks), ticks, want)
		}
		for i := 1; i < len(ticks); i++ {
			if d := a.x(ticks[i]) - a.x(ticks[i-1]); d < 76-1e-6 {
				t.Errorf("%g s: ticks are %g px apart", end, d)
			}
		}
	}
}

func TestCounts(t *testing.T) {
	for highest := 1.0; highest < 3000; highest = math.Ceil(highest * 1.3) {
		a := counts(highest, 0, 100)
		if a.high < highest || a.high > 2*highest+1 || len(a.ticks) < 2 || len(a.ticks) > 6 || a.ticks[len(a.ticks)-1] != a.high {
			t.Errorf("%g pods: up to %g, ticks %v", highest, a.high, a.ticks)
		}
	}
}

func TestPathData(t *testing.T) {
	got := pathData([]point{{0, 5}, {1, 5}, {2, 5}, {2, 7}, {3, 7}, gap, {4, 7}, {5, 7}, {9, 7}, {5, 7}})
	if want := "M0 5L2 5L2 7L3 7M4 7L9 7L5 7"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestFit(t *testing.T) {
	for text, want := range map[string]string{"analysis": "analysis", "experiment 12": "experim…", "setWeight": "setWeig…", "": ""} {
		if got := fit(text, 58, 12); got != want {
			t.Errorf("fit(%q) = %q, want %q", text, got, want)
		}
	}
	if got := fit("analysis", 20, 12); got != "" {
		t.Errorf("%q in 20 px", got)
	}
}

// TestFlagsStayWhole keeps options in one piece and escapes everything.
func TestFlagsStayWhole(t *testing.T) {
	got := flags("choose with --set-image web=<IMAGE> (--load RATE), a--b")
	want := `choose with <span class="flag">--set-image</span> web=&lt;IMAGE&gt; (<span class="flag">--load</span> RATE), a--b`
	if string(got) != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// TestVerdict: a promotion is good news only of a version that answers well.
func TestVerdict(t *testing.T) {
	unnoticed := []rehearse.Finding{{Code: "window"}, {Code: "unnoticed"}}
	tests := []struct {
		verdict  string
		warnings []rehearse.Finding
		want     *pill
	}{
		{"", nil, nil},
		{rehearse.Promoted, nil, &pill{"promoted", "promoted"}},
		{rehearse.Promoted, unnoticed[:1], &pill{"promoted", "promoted"}},
		{rehearse.Promoted, unnoticed, &pill{"unnoticed", "promoted, though it fails requests"}},
		{rehearse.Waiting, unnoticed, &pill{"waiting", "waiting"}},
		{rehearse.Aborted, nil, &pill{"aborted", "aborted"}},
	}
	for _, test := range tests {
		got := pillOf(&rehearse.Report{Outcome: rehearse.Outcome{Verdict: test.verdict}, Warnings: test.warnings})
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%q with %v (-want +got):\n%s", test.verdict, test.warnings, diff)
		}
	}
}

// TestPodsThatNeverWere: an update that ends in its first experiment has no pods of
// its own, and none in the legend.
func TestPodsThatNeverWere(t *testing.T) {
	row := rehearse.Row{State: rehearse.State{Experiment: 2, Revisions: []rehearse.Pods{{Revision: 1, Total: 5}, {Revision: 2}}}}
	c := &chart{report: &rehearse.Report{Timeline: []rehearse.Row{row}}}
	list, highest := c.revisions()
	if want := []int64{1, experiments}; !slices.Equal(list, want) || highest != 7 {
		t.Errorf("revisions %v and at most %g pods, want %v and 7", list, highest, want)
	}
}
