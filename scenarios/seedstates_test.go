package scenarios_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/aviary-rollouts/aviary/scenarios/replay"
	"github.com/aviary-rollouts/aviary/scenarios/transcript"
)

// documentCase is a case of the source documents in testdata/states.json. The
// table was made from the documents, not from our output, so that rewriting a
// scenario by -update cannot silently leave them.
type documentCase struct {
	Case string
	Note string
	// Hashes are the literal pod template hashes of the placeholders. A
	// placeholder that is not here stands for any one hash, the same throughout.
	Hashes map[string]string
	States []documentState
}

// documentState is what a document shows at one point.
type documentState struct {
	// Scenario has the state, below the prose line "# ID. ...".
	Scenario, ID string
	// Source says where the document shows it, as document:lines.
	Source, Note string
	// Header holds the fields that are known; others are not compared. If it
	// has Status and Strategy it is complete.
	Header map[string]string
	// Images and Tree are not compared if they are missing.
	Images, Tree []string
	// Services maps the described Services to their selectors.
	Services map[string]string
	// Routes are the destinations of the described VirtualService, "host weight"
	// or "host/subset weight". Where @traffic is asked, requests go by them.
	Routes []string
	// Subsets are those of the described DestinationRule, "name label=value,...".
	Subsets []string
	// Answers counts the lines that the requests of a @repeat printed.
	Answers map[string]int
}

// TestDocumentStates compares what the scenarios expect with what the source
// documents show.
func TestDocumentStates(t *testing.T) {
	data, err := os.ReadFile("testdata/states.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []documentCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	byName := map[string]replay.Scenario{}
	for _, s := range all(t) {
		byName[s.Name] = s
	}
	for _, c := range cases {
		hashes := maps.Clone(c.Hashes)
		if hashes == nil {
			hashes = map[string]string{}
		}
		for _, want := range c.States {
			t.Run(c.Case+"/"+want.ID, func(t *testing.T) {
				s, ok := byName[want.Scenario]
				if !ok {
					t.Fatalf("there is no scenario %s", want.Scenario)
				}
				compareState(t, want, stateIn(t, s, want.ID), hashes)
			})
		}
	}
}

// shownState is what a scenario expects after the prose line of a state.
type shownState struct {
	header   map[string]string
	images   []string
	tree     []string
	services map[string]string
	routes   []string
	subsets  []string
	answers  map[string]int
	shares   map[string]string // of the destinations, from @traffic; nil if it was not asked
}

func compareState(t *testing.T, want documentState, got shownState, hashes map[string]string) {
	t.Helper()
	if want.Header["Status"] != "" && want.Header["Strategy"] != "" {
		if d := cmp.Diff(want.Header, got.header); d != "" {
			t.Errorf("header (-document +scenario):\n%s", d)
		}
	}
	for field, value := range want.Header {
		if got.header[field] != value {
			t.Errorf("%s is %q, the document has %q", field, got.header[field], value)
		}
	}
	if d := cmp.Diff(want.Images, got.images, cmpopts.EquateEmpty()); want.Images != nil && d != "" {
		t.Errorf("images (-document +scenario):\n%s", d)
	}
	if want.Tree != nil {
		compareTree(t, want.Tree, got.tree, hashes)
	}
	for name, selector := range want.Services {
		if got := got.services[name]; got != fillHashes(selector, hashes) {
			t.Errorf("service %s selects %q, the document has %q", name, got, fillHashes(selector, hashes))
		}
	}
	compareRouting(t, want, got, hashes)
}

// compareRouting compares what Istio was told, and where requests went.
func compareRouting(t *testing.T, want documentState, got shownState, hashes map[string]string) {
	t.Helper()
	routes, shares := fillAll(want.Routes, hashes), map[string]string{}
	if d := cmp.Diff(routes, got.routes, cmpopts.EquateEmpty()); want.Routes != nil && d != "" {
		t.Errorf("routes (-document +scenario):\n%s", d)
	}
	for _, route := range routes {
		if host, weight, _ := strings.Cut(route, " "); weight != "0" {
			shares[host] = weight + ".0%"
		}
	}
	if d := cmp.Diff(shares, got.shares); want.Routes != nil && got.shares != nil && d != "" {
		t.Errorf("shares of the requests (-document +scenario):\n%s", d)
	}
	if d := cmp.Diff(fillAll(want.Subsets, hashes), got.subsets, cmpopts.EquateEmpty()); want.Subsets != nil && d != "" {
		t.Errorf("subsets (-document +scenario):\n%s", d)
	}
	if d := cmp.Diff(want.Answers, got.answers); want.Answers != nil && d != "" {
		t.Errorf("answers (-document +scenario):\n%s", d)
	}
}

func fillAll(texts []string, hashes map[string]string) (filled []string) {
	for _, text := range texts {
		filled = append(filled, fillHashes(text, hashes))
	}
	return filled
}

var placeholder = regexp.MustCompile(`<hash:[^>]*>`)

// compareTree compares row by row. A placeholder that is not bound yet is bound
// to what stands in its place.
func compareTree(t *testing.T, want, got []string, hashes map[string]string) {
	t.Helper()
	for i := range min(len(want), len(got)) {
		p := placeholder.FindString(want[i])
		if p == "" || hashes[p] != "" {
			continue
		}
		before, _, _ := strings.Cut(want[i], p)
		if rest, ok := strings.CutPrefix(got[i], before); ok {
			hashes[p], _, _ = strings.Cut(rest, " ")
		}
	}
	if d := cmp.Diff(fillAll(want, hashes), got); d != "" {
		t.Errorf("tree (-document +scenario):\n%s", d)
	}
}

func fillHashes(text string, hashes map[string]string) string {
	return placeholder.ReplaceAllStringFunc(text, func(p string) string {
		if h := hashes[p]; h != "" {
			return h
		}
		return p
	})
}

// stateIn finds the expected outputs between the prose line "# ID. ..." and the
// next such line.
func stateIn(t *testing.T, s replay.Scenario, id string) shownState {
	t.Helper()
	f, err := transcript.Parse(s.Path(), s.Data)
	if err != nil {
		t.Fatal(err)
	}
	got := shownState{services: map[string]string{}}
	inside := false
	for _, part := range f.Parts {
		for _, line := range part.Prose {
			if mark := stateMark.FindStringSubmatch(line); mark != nil {
				inside = mark[1] == id
			}
		}
		if inside && part.Command != nil {
			got.read(part.Command)
		}
	}
	if got.header == nil {
		t.Fatalf("%s: no get rollout below a line that begins with \"# %s.\"", s.Path(), id)
	}
	return got
}

var stateMark = regexp.MustCompile(`^# ([A-Z]+-?[0-9]+[a-z]?)\. `)

// read takes over what a command is expected to print, the first time.
func (s *shownState) read(c *transcript.Command) {
	words := strings.Fields(c.Text())
	switch text := strings.Join(words, " "); {
	case strings.Contains(text, " get rollout ") && strings.Contains(text, "argo") && s.header == nil:
		s.readRollout(c.Want)
	case strings.HasPrefix(text, "kubectl describe service "):
		for _, line := range c.Want {
			if selector, ok := strings.CutPrefix(line.Text, "Selector:"); ok {
				s.services[words[len(words)-1]] = strings.TrimSpace(selector)
			}
		}
	case strings.HasPrefix(text, "kubectl describe virtualservice ") && s.routes == nil:
		s.routes = readRoutes(c.Want)
	case strings.HasPrefix(text, "kubectl describe destinationrule ") && s.subsets == nil:
		s.subsets = readSubsets(c.Want)
	case strings.HasPrefix(text, "@repeat ") && strings.Contains(text, "curl") && s.answers == nil:
		s.answers = map[string]int{}
		for _, line := range c.Want {
			s.answers[line.Text]++
		}
	case text == "@traffic" && s.shares == nil:
		s.shares = readShares(c.Want)
	}
}

// field cuts a line of a description: "      Host:    mock-server".
func field(line transcript.Line) (label, value string) {
	label, value, _ = strings.Cut(strings.TrimSpace(line.Text), ":")
	return label, strings.TrimSpace(value)
}

// readRoutes reads the destinations of a description: a host, for some a subset,
// then the weight.
func readRoutes(lines []transcript.Line) (routes []string) {
	host := ""
	for _, line := range lines {
		switch label, value := field(line); label {
		case "Host":
			host = value
		case "Subset":
			host += "/" + value
		case "Weight":
			routes = append(routes, host+" "+value)
		}
	}
	return routes
}

// readSubsets reads the subsets of a description: labels, then the name.
func readSubsets(lines []transcript.Line) (subsets []string) {
	var labels []string
	inside := false
	for _, line := range lines {
		switch label, value := field(line); {
		case label == "Subsets":
			inside = true
		case !inside:
		case label == "Name":
			subsets = append(subsets, value+" "+strings.Join(labels, ","))
			labels = nil
		case value != "" && label != "Events":
			labels = append(labels, strings.ToLower(strings.ReplaceAll(label, " - ", "-"))+"="+value)
		}
	}
	return subsets
}

// otherNamespace follows the host of a destination outside the default one.
var otherNamespace = regexp.MustCompile(`\.[^/]*`)

// readShares reads the second table of @traffic; nil if it is left out.
func readShares(lines []transcript.Line) (shares map[string]string) {
	inside := false
	for _, line := range lines {
		cells := strings.Fields(line.Text)
		switch {
		case len(cells) == 0:
			inside = false
		case cells[0] == "DESTINATION":
			inside, shares = true, map[string]string{}
		case inside:
			shares[otherNamespace.ReplaceAllString(cells[0], "")] = cells[2]
		}
	}
	return shares
}

// readRollout reads the two parts of "get rollout": fields, then the tree.
func (s *shownState) readRollout(lines []transcript.Line) {
	s.header = map[string]string{}
	inTree, inImages := false, false
	for _, line := range lines {
		label, value, isField := strings.Cut(line.Text, ":")
		switch {
		case strings.HasPrefix(line.Text, "NAME "):
			inTree = true
		case inTree:
			s.readRow(line.Text)
		case label == "Images":
			inImages = true
			s.images = append(s.images, strings.TrimSpace(value))
		case inImages && strings.HasPrefix(line.Text, "          "):
			s.images = append(s.images, strings.TrimSpace(line.Text))
		case isField:
			inImages = false
			s.header[strings.TrimSpace(label)] = strings.TrimSpace(value)
		}
	}
	for _, name := range []string{"Name", "Namespace", "Replicas"} {
		delete(s.header, name)
	}
}

var (
	treeGlyphs = regexp.MustCompile(`^[ │├└─]*`)
	columns    = regexp.MustCompile(` {2,}`)
	uid        = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	delayLeft  = regexp.MustCompile(`delay:\d+s`)
	podRows    = regexp.MustCompile(`^(\d+) (Pod .*)$`)
)

// readRow turns a row of the tree into the words of states.json: ages are left
// out, and equal pods are counted.
func (s *shownState) readRow(text string) {
	text = treeGlyphs.ReplaceAllString(text, "")
	if text == "" || text == transcript.Wildcard {
		return
	}
	icon, text, _ := strings.Cut(text, " ")
	cells := columns.Split(text, -1)
	if icon == "#" {
		s.tree = append(s.tree, cells[0])
		return
	}
	// The cells are name, kind, status, age and, for some, info.
	words := cells[1] + " " + uid.ReplaceAllString(cells[0], "<uid>") + " " + cells[2]
	if cells[1] == "Pod" {
		words = cells[1] + " " + cells[2]
	}
	if len(cells) > 4 {
		words += " " + delayLeft.ReplaceAllString(cells[4], "delay:<Ns>")
	}
	if cells[1] == "Pod" {
		s.addPod(words)
		return
	}
	s.tree = append(s.tree, words)
}

// addPod counts a pod together with equal ones above it.
func (s *shownState) addPod(words string) {
	n := 0
	if last := len(s.tree) - 1; last >= 0 {
		if m := podRows.FindStringSubmatch(s.tree[last]); m != nil && m[2] == words {
			fmt.Sscan(m[1], &n)
			s.tree = s.tree[:last]
		}
	}
	s.tree = append(s.tree, fmt.Sprintf("%d %s", n+1, words))
}
