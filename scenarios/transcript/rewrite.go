package transcript

// Rewrite returns the expected lines that make the alignment equal. What still
// fits stays as it was written: equal lines keep their old pod suffixes, and a
// wildcard stays wherever there is still a place for it. Printed lines of
// which the transcript said nothing are added.
func Rewrite(a Alignment) []Line {
	var lines []Line
	for _, p := range a {
		switch p.Op {
		case Same, Any:
			lines = append(lines, p.Want)
		case Changed, Extra:
			lines = append(lines, Line{Text: p.Got[0]})
		case Missing:
		}
	}
	return lines
}
