package replay

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"text/tabwriter"
)

// Feature is how the scenarios of one folder went.
type Feature struct {
	Name    string `json:"feature"`
	Cases   int    `json:"cases"`
	Passed  int    `json:"passed"`
	Failed  int    `json:"failed"`
	Skipped int    `json:"skipped"`
}

// featureNames are the folders' names for people.
var featureNames = map[string]string{
	"analysis": "Analysis", "bluegreen": "Blue/green", "canary": "Canary", "conformance": "API and controllers",
	"experiment": "Experiments", "traffic": "Traffic routing",
}

// Features sums up outcomes by folder, in the order in which the folders appear.
// Scenarios that were not played do not count.
func Features(outcomes []Outcome) []Feature {
	var features []Feature
	index := map[string]int{}
	for i := range outcomes {
		o := &outcomes[i]
		if o.Scenario.Name == "" {
			continue
		}
		folder := path.Base(path.Dir(o.Scenario.Name))
		at, ok := index[folder]
		if !ok {
			at = len(features)
			index[folder] = at
			features = append(features, Feature{Name: cmp.Or(featureNames[folder], folder)})
		}
		f := &features[at]
		f.Cases++
		switch o.Verdict() {
		case Passed:
			f.Passed++
		case Failed:
			f.Failed++
		case Skipped:
			f.Skipped++
		}
	}
	return features
}

// sum adds up features.
func sum(features []Feature) Feature {
	all := Feature{Name: "All"}
	for _, f := range features {
		all.Cases += f.Cases
		all.Passed += f.Passed
		all.Failed += f.Failed
		all.Skipped += f.Skipped
	}
	return all
}

// WriteTable writes features as lines of a terminal.
func WriteTable(w io.Writer, features []Feature) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "CASES\tPASSED\tFAILED\tSKIPPED\t  FEATURE")
	for _, f := range append(features[:len(features):len(features)], sum(features)) {
		fmt.Fprintf(t, "%d\t%d\t%d\t%d\t  %s\n", f.Cases, f.Passed, f.Failed, f.Skipped, f.Name)
	}
	return t.Flush()
}

// WriteMarkdown writes features as a table of a README.
func WriteMarkdown(w io.Writer, features []Feature) error {
	_, err := fmt.Fprintln(w, "| Feature | Cases | Passed | Failed | Skipped |\n|---|---:|---:|---:|---:|")
	for _, f := range append(features[:len(features):len(features)], sum(features)) {
		if err == nil {
			_, err = fmt.Fprintf(w, "| %s | %d | %d | %d | %d |\n", f.Name, f.Cases, f.Passed, f.Failed, f.Skipped)
		}
	}
	return err
}

// conformanceReport is the JSON form of a conformance run.
type conformanceReport struct {
	On        string           `json:"on"`
	Features  []Feature        `json:"features"`
	Scenarios []scenarioReport `json:"scenarios"`
}

// WriteConformance writes features and scenarios as one JSON object.
func WriteConformance(w io.Writer, on string, outcomes []Outcome) error {
	r := conformanceReport{On: on, Features: Features(outcomes), Scenarios: []scenarioReport{}}
	for i := range outcomes {
		if outcomes[i].Scenario.Name != "" {
			r.Scenarios = append(r.Scenarios, outcomes[i].report())
		}
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(r)
}
