package main

import (
	"encoding/json"
	"testing"
)

func TestMathGolden(t *testing.T) { runGolden(t, "math", newMathCommand) }

// TestMathJSON reads the JSON the way a script would and checks the numbers
// that everybody knows: five replicas, default surge.
func TestMathJSON(t *testing.T) {
	var rows []map[string]int
	text := output(newMathCommand(), []string{"--replicas", "5", "--weights", "10,20,50,80,100", "-o", "json"})
	if err := json.Unmarshal([]byte(text), &rows); err != nil {
		t.Fatalf("output is no array of objects: %v\n%s", err, text)
	}
	want := [][2]int{{1, 5}, {1, 4}, {3, 3}, {4, 1}, {5, 0}}
	if len(rows) != len(want) {
		t.Fatalf("%d rows, want %d", len(rows), len(want))
	}
	for i, row := range rows {
		if got := [2]int{row["canary"], row["stable"]}; got != want[i] {
			t.Errorf("weight %d: %v, want %v", row["weight"], got, want[i])
		}
		for _, key := range []string{"weight", "formulaCanary", "formulaStable", "canary", "stable", "actualWeight"} {
			if _, ok := row[key]; !ok {
				t.Errorf("row %d has no %q", i, key)
			}
		}
	}
}
