package transcript

import (
	"strings"

	"golang.org/x/tools/txtar"
)

// Format writes the scenario back. A file that [Parse] has read comes out as it
// was, blanks at line ends aside.
func (f *File) Format() []byte {
	var b strings.Builder
	for i := range f.Parts {
		f.Parts[i].format(&b)
	}
	archive := &txtar.Archive{Comment: []byte(b.String())}
	for _, s := range f.Sections {
		archive.Files = append(archive.Files, txtar.File{Name: s.Name, Data: s.Data})
	}
	return txtar.Format(archive)
}

func (p *Part) format(b *strings.Builder) {
	for _, line := range p.Prose {
		b.WriteString(line + "\n")
	}
	if p.Command != nil {
		p.Command.format(b)
	}
}

func (c *Command) format(b *strings.Builder) {
	for _, g := range c.Guards {
		b.WriteString(g.String() + " ")
	}
	if c.MustFail {
		b.WriteString("! ")
	}
	b.WriteString("$ " + strings.Join(c.Source, "\n") + "\n")
	for _, line := range c.Want {
		b.WriteString(line.format() + "\n")
	}
}

// String returns the guard as it is written.
func (g Guard) String() string {
	if g.Not {
		return "[!" + g.Backend + "]"
	}
	return "[" + g.Backend + "]"
}

// format writes the line so that [parseLine] reads it back, with a backslash
// in front of what would otherwise mean something.
func (l Line) format() string {
	if l.Any {
		return Wildcard
	}
	t := l.Text
	marker := strings.HasPrefix(t, "-- ") && strings.HasSuffix(t, " --")
	if t == Wildcard || marker || isProse(t) || commandLine.MatchString(t) || strings.HasPrefix(t, `\`) {
		return `\` + t
	}
	return t
}
