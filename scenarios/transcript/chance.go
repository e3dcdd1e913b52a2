package transcript

import (
	"regexp"
	"slices"
	"strings"
)

// Where chance and time cannot be commanded, names of pods are random, and so is
// their order, in which lists and trees show them. Which of them ends first is
// chance, too.

// normalizeLive leaves of a line what is the same on each cluster.
func normalizeLive(line string) string {
	return normalizeStarting(NormalizeReady(NormalizeAges(NormalizeNames(alikeBranch(line)))))
}

// startingRow and startingBranch match a pod that starts, in kubectl get pods and in
// a tree of the plugin.
var (
	startingRow    = regexp.MustCompile(`^(\S+  0/[1-9][0-9]*  )(?:Pending|ContainerCreating|Running)\b`)
	startingBranch = regexp.MustCompile(`(□ \S+  Pod  )(?:◌ Pending|◌ ContainerCreating|✔ Running)( .*ready:<some>)`)
)

// normalizeStarting leaves of a pod that starts that it does. Several nodes start
// pods of one moment one after the other, and when the last has begun the first is
// ready.
func normalizeStarting(line string) string {
	return startingBranch.ReplaceAllString(startingRow.ReplaceAllString(line, "${1}starts"), "${1}starts$2")
}

// ending matches a pod that is on its way out, in kubectl get pods and in a tree of the
// plugin.
var ending = regexp.MustCompile(`^(?:pod/)?\S+ +[0-9]+/[0-9]+ +Terminating\b|□ \S+ +Pod +◌ Terminating\b`)

// withoutEnding leaves pods out that are on their way out. How long they take is up to
// the kubelet: from nothing to half a minute for the same pod.
func withoutEnding[L Line | string](lines []L, text func(L) string) []L {
	return slices.DeleteFunc(slices.Clone(lines), func(l L) bool { return ending.MatchString(text(l)) })
}

func itself(line string) string { return line }

func lineText(line Line) string { return line.Text }

// sortedPods sorts the lines of pods, of AnalysisRuns in a tree, and of Events, that
// follow each other and belong together.
func sortedPods[L Line | string](lines []L, text func(L) string) []L {
	sorted := slices.Clone(lines)
	for from := 0; from < len(sorted); {
		name, to := podIn(text(sorted[from])), from+1
		for name != "" && to < len(sorted) && podIn(text(sorted[to])) == name {
			to++
		}
		slices.SortStableFunc(sorted[from:to], func(a, b L) int {
			return strings.Compare(normalizeLive(text(a)), normalizeLive(text(b)))
		})
		from = to
	}
	return sorted
}

// event matches an Event in a list. Those of one moment are listed by names that
// chance chose.
var event = regexp.MustCompile(`^[0-9ydhms]+ +(Normal|Warning) `)

// runBranch matches an AnalysisRun in a tree. Those of one moment, listed by name, may be
// of two seconds, listed by age.
var runBranch = regexp.MustCompile(`[├└]──α `)

// podIn returns the name with a random suffix in a line, normalized, or a word for
// all Events, and for all AnalysisRuns; "" for any other line.
func podIn(line string) string {
	switch {
	case event.MatchString(line):
		return "event"
	case runBranch.MatchString(line):
		return "run"
	}
	for word := range strings.FieldsSeq(NormalizeNames(line)) {
		if strings.Contains(word, anySuffix) {
			return word
		}
	}
	return ""
}

// alikeBranch draws the last branch of a tree as those before it.
func alikeBranch(line string) string {
	return strings.NewReplacer("└──□", "├──□", "└──α", "├──α").Replace(line)
}

// mixed compares whole outputs. Expected lines with a wildcard are compared one by
// one.
func mixed(want []Line, got []string, alike func(want, got []string) bool) bool {
	var texts []string
	for _, line := range want {
		if line.Any {
			return false
		}
		texts = append(texts, line.Text)
	}
	return alike(texts, got)
}

// exactly expects the lines that were printed.
func exactly(got []string) []Line {
	var lines []Line
	for _, text := range got {
		lines = append(lines, Line{Text: text})
	}
	return lines
}
