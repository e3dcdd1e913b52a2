// Package wildcard matches texts, such as images and hosts, against patterns in
// which a * stands for any text. It knows no other special character.
package wildcard

import "strings"

// Match reports whether text is pattern with each * replaced by some text.
//
//	"*:2.0.0" matches "ghcr.io/ssup2/mock-go-server:2.0.0".
//	"mock-server" matches only itself.
func Match(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	first, last := parts[0], parts[len(parts)-1]
	if !strings.HasPrefix(text, first) {
		return false
	}
	text = text[len(first):]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return strings.HasSuffix(text, last)
}
