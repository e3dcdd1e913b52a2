package templatetest

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
)

// leastDigits is to how many significant digits numbers are compared at least.
const leastDigits = 4

// plain is what somebody wrote in YAML as text: a string without its quotes,
// anything else as JSON.
func plain(raw json.RawMessage) string {
	var s *string // null is no string
	if json.Unmarshal(raw, &s) == nil && s != nil {
		return *s
	}
	return string(raw)
}

// listed is a list as the Prometheus provider shows it, [0.97,NaN]; false if raw
// is no list of numbers and strings.
func listed(raw json.RawMessage) (string, bool) {
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil || items == nil {
		return "", false
	}
	texts := make([]string, 0, len(items))
	for _, item := range items {
		if bytes.ContainsAny(item[:1], "[{") {
			return "", false
		}
		texts = append(texts, plain(item))
	}
	return "[" + strings.Join(texts, ",") + "]", true
}

// sameValue says whether a measurement has the value that was expected.
func sameValue(want json.RawMessage, got string) bool {
	if sameNumbers(plain(want), got) {
		return true
	}
	if list, ok := listed(want); ok && sameNumbers(list, got) {
		return true
	}
	return sameDocument(want, got)
}

// sameDocument compares what two texts in JSON mean: YAML has other ways to write it.
func sameDocument(want json.RawMessage, got string) bool {
	var a, b any
	return json.Unmarshal(want, &a) == nil && json.Unmarshal([]byte(got), &b) == nil && reflect.DeepEqual(a, b)
}

// sameNumbers compares two texts: as numbers, or as lists of them, if they are.
func sameNumbers(want, got string) bool {
	if want == got {
		return true
	}
	a, b := items(want), items(got)
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !sameNumber(a[i], b[i]) {
			return false
		}
	}
	return true
}

// items are the parts of "[a,b]"; any other text is its only part.
func items(text string) []string {
	inner, ok := strings.CutPrefix(text, "[")
	if !ok || !strings.HasSuffix(inner, "]") {
		return []string{text}
	}
	return strings.Split(strings.TrimSuffix(inner, "]"), ",")
}

// sameNumber compares two numbers to as many significant digits as were written
// down, at least four:
//
//	0.9667 is 0.966666666666667, and 0.967 is not
//	0.9 is not 0.93
//	12346 is not 12345
func sameNumber(want, got string) bool {
	want, got = strings.TrimSpace(want), strings.TrimSpace(got)
	if want == got {
		return true
	}
	a, errA := strconv.ParseFloat(want, 64)
	b, errB := strconv.ParseFloat(got, 64)
	if errA != nil || errB != nil {
		return false
	}
	digits := max(leastDigits, significant(want))
	return strconv.FormatFloat(a, 'g', digits, 64) == strconv.FormatFloat(b, 'g', digits, 64)
}

// significant counts the significant digits of a number.
func significant(number string) int {
	mantissa, _, _ := strings.Cut(strings.ToLower(number), "e")
	digits := strings.NewReplacer("-", "", "+", "", ".", "").Replace(mantissa)
	return len(strings.TrimLeft(digits, "0"))
}

// sameText compares messages; "..." in the expected one stands for any text.
func sameText(want, got string) bool {
	parts := strings.Split(want, "...")
	if want == got || len(parts) == 1 {
		return want == got
	}
	rest, ok := strings.CutPrefix(got, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		if _, rest, ok = strings.Cut(rest, part); !ok {
			return false
		}
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}
