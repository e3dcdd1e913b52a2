package transcript

import (
	"regexp"
	"strings"
)

const (
	// suffixLetters is the alphabet in which Kubernetes writes random
	// suffixes. It has no vowels, so that words are not taken for suffixes.
	suffixLetters = "bcdfghjklmnpqrstvwxz2456789"
	// anySuffix stands for a random suffix, with the dash before it.
	anySuffix = "-xxxxx"
)

// age matches a column that holds nothing but an age: "15s", "2m52s", "3d4h".
var age = regexp.MustCompile(`(^|[ (])(?:[0-9]+[ydhms]){1,2}( +|$| ago\))`)

// ready matches how many containers of a pod are ready: "ready:1/1".
var ready = regexp.MustCompile(`\bready:([0-9]+)/([0-9]+)`)

// NormalizeNames replaces random suffixes, those of pods and of anything else
// whose name ends in five letters of the alphabet of suffixes:
// mock-server-6579c6cc98-76zf2 becomes mock-server-6579c6cc98-xxxxx.
//
// It does what the regular expression \b([a-z0-9][a-z0-9.-]*)-[LETTERS]{5}\b
// does, which is too slow for thousands of lines.
func NormalizeNames(line string) string {
	var b strings.Builder
	copied := 0
	for i := 0; i < len(line); i++ {
		if !inName(line[i]) {
			continue
		}
		start := i
		for i < len(line) && inName(line[i]) {
			i++
		}
		if dash := suffixOf(line, start, i); dash >= 0 {
			b.WriteString(line[copied:dash] + anySuffix)
			copied = dash + len(anySuffix)
		}
	}
	if copied == 0 {
		return line
	}
	return b.String() + line[copied:]
}

// suffixOf returns where the last suffix of the run line[start:end] of letters
// of names begins, with its dash; -1 if the run has none.
func suffixOf(line string, start, end int) int {
	for dash := end - len(anySuffix); dash > start; dash-- {
		after := dash + len(anySuffix)
		if line[dash] != '-' || strings.Trim(line[dash+1:after], suffixLetters) != "" || after < len(line) && inWord(line[after]) {
			continue
		}
		for i := start; i < dash; i++ { // a name begins where a word does
			if inWord(line[i]) && (i == 0 || !inWord(line[i-1])) {
				return dash
			}
		}
		return -1
	}
	return -1
}

// inName reports whether names have such a letter.
func inName(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '.'
}

// inWord reports whether words have such a letter, in the sense of \b.
func inWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_'
}

// delay matches what is left of a delay, as get rollout shows it.
var delay = regexp.MustCompile(`delay:[0-9][0-9ydhms]*`)

// moment matches a time of day, uid what tells an object from all others.
var (
	moment = regexp.MustCompile(`\b[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z`)
	uid    = regexp.MustCompile(`\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`)
)

// address matches an address that a cluster chooses.
var address = regexp.MustCompile(`\b10\.[0-9]+\.[0-9]+\.[0-9]+\b`)

// blanks matches what fills a column.
var blanks = regexp.MustCompile(`(\S)  +`)

// NormalizeAges replaces ages, what is left of delays, times of day, uids and
// addresses, and makes all columns two blanks apart, as is necessary where time
// cannot be commanded: the width of a column follows the longest age in it.
func NormalizeAges(line string) string {
	line = address.ReplaceAllString(line, "<address>")
	line = delay.ReplaceAllString(line, "delay:<left>")
	for range 2 { // two ages side by side share the blanks between them
		line = age.ReplaceAllString(line, " <age> ")
	}
	line = moment.ReplaceAllString(line, "<time>")
	line = uid.ReplaceAllString(line, "<uid>")
	return strings.TrimRight(blanks.ReplaceAllString(line, "$1  "), " ")
}

// NormalizeReady leaves of "ready:2/2" whether all containers are ready. How
// many there are is said by the cluster, which may inject a sidecar.
func NormalizeReady(line string) string {
	return ready.ReplaceAllStringFunc(line, func(text string) string {
		if m := ready.FindStringSubmatch(text); m[1] == m[2] {
			return "ready:all"
		}
		return "ready:<some>"
	})
}
