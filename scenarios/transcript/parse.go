package transcript

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/tools/txtar"
)

// Wildcard is the line that stands for any number of lines, none included.
const Wildcard = "..."

// TraceSection is the name of the section that pins the simulator's timeline.
const TraceSection = "trace"

// File is one parsed scenario.
type File struct {
	// Name is what messages call the file, usually its path.
	Name string
	// Guards say on which backends the whole file is played.
	Guards []Guard
	// Parts are the pieces of the transcript in their order.
	Parts []Part
	// Sections are the files that follow the transcript.
	Sections []Section
}

// Part is either prose (comments, blank lines, guards of the file) or a command.
type Part struct {
	// Line is the number of the part's first line, counted from 1.
	Line int
	// Prose holds the lines as written. It is empty when Command is set.
	Prose []string
	// Command is nil for prose.
	Command *Command
}

// Command is a command with the output that it must have.
type Command struct {
	// Line is the number of the line with the $, counted from 1.
	Line int
	// Guards say on which backends the command is run.
	Guards []Guard
	// MustFail is set by the mark "! ": the command has to end in an error.
	MustFail bool
	// Source holds the lines of the command without "$ "; all but the last
	// end in a backslash.
	Source []string
	// Want is the expected output. If it is empty the output is not looked at.
	Want []Line
}

// Text returns the command in one line, continuation lines joined as a shell
// joins them.
func (c *Command) Text() string {
	var b strings.Builder
	for _, line := range c.Source {
		b.WriteString(strings.TrimSuffix(line, `\`))
	}
	return b.String()
}

// Line is one line of expected output.
type Line struct {
	// Text is the line without blanks at its end.
	Text string
	// Any marks the wildcard: any number of lines.
	Any bool
}

// Guard restricts a command, or a file, to some backends.
type Guard struct {
	// Backend is what is asked of a backend: its name, "sim", "local" or "kind", or
	// "killed", where the controller is killed now and then.
	Backend string
	// Not turns the guard round: everywhere but there.
	Not bool
}

// Allow reports whether every guard lets something happen on the backend
// of which is answers.
func Allow(guards []Guard, is func(word string) bool) bool {
	for _, g := range guards {
		if is(g.Backend) == g.Not {
			return false
		}
	}
	return true
}

// Section is a file that follows the transcript.
type Section struct {
	// Name is what commands call the file.
	Name string
	// Data is the content.
	Data []byte
	// Line is the number of the content's first line in the scenario.
	Line int
}

// Section returns the section of that name, or nil.
func (f *File) Section(name string) *Section {
	for i := range f.Sections {
		if f.Sections[i].Name == name {
			return &f.Sections[i]
		}
	}
	return nil
}

// SyntaxError says where a scenario cannot be understood.
type SyntaxError struct {
	File string
	Line int
	Text string
}

// Error returns "file:line: text".
func (e *SyntaxError) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text) }

// commandLine matches "[sim] ! $ kubectl get pods"; the groups are the guards,
// the mark and the command.
var commandLine = regexp.MustCompile(`^((?:\[!?[a-z]+\] )*)(! )?\$(?: (.*))?$`)

// guardLine matches a line that holds guards only.
var guardLine = regexp.MustCompile(`^\[!?[a-z]+\](?: \[!?[a-z]+\])*$`)

var carriageReturns = regexp.MustCompile(`\r+\n`)

// Parse reads a scenario. The error is a *SyntaxError. Blanks at the ends of
// lines of the transcript are dropped; sections are kept as they are.
func Parse(name string, data []byte) (*File, error) {
	archive := txtar.Parse(carriageReturns.ReplaceAll(data, []byte("\n")))
	p := parser{file: &File{Name: name}, lines: splitLines(string(archive.Comment))}
	for p.next < len(p.lines) {
		if err := p.part(); err != nil {
			return nil, err
		}
	}
	if err := p.sections(archive); err != nil {
		return nil, err
	}
	return p.file, nil
}

// splitLines cuts text into lines without the blanks at their ends.
func splitLines(text string) []string {
	if len(text) == 0 {
		return nil
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t\r")
	}
	return lines
}

type parser struct {
	file  *File
	lines []string
	next  int // index of the line to read next
}

func (p *parser) fail(index int, format string, args ...any) error {
	return &SyntaxError{File: p.file.Name, Line: index + 1, Text: fmt.Sprintf(format, args...)}
}

// part reads prose up to the next command, or one command with its output.
func (p *parser) part() error {
	if commandLine.MatchString(p.lines[p.next]) {
		return p.command()
	}
	part := Part{Line: p.next + 1}
	for ; p.next < len(p.lines) && !commandLine.MatchString(p.lines[p.next]); p.next++ {
		line := p.lines[p.next]
		switch {
		case line == "" || isProse(line):
		case guardLine.MatchString(line) && !p.sawCommand():
			p.file.Guards = append(p.file.Guards, parseGuards(line)...)
		default:
			return p.fail(p.next, "%q is neither a comment nor output: start it with \"# \" or \"$ \"", line)
		}
		part.Prose = append(part.Prose, line)
	}
	p.file.Parts = append(p.file.Parts, part)
	return nil
}

func (p *parser) sawCommand() bool {
	for i := range p.file.Parts {
		if p.file.Parts[i].Command != nil {
			return true
		}
	}
	return false
}

// command reads a command, its continuation lines and its expected output.
func (p *parser) command() error {
	start := p.next
	match := commandLine.FindStringSubmatch(p.lines[start])
	c := &Command{Line: start + 1, Guards: parseGuards(match[1]), MustFail: match[2] != "", Source: []string{match[3]}}
	for strings.HasSuffix(c.Source[len(c.Source)-1], `\`) {
		if p.next++; p.next == len(p.lines) {
			return p.fail(start, "the command is not finished: its last line ends in a backslash")
		}
		c.Source = append(c.Source, p.lines[p.next])
	}
	if strings.TrimSpace(c.Text()) == "" {
		return p.fail(start, "there is no command after the $")
	}
	p.next++
	c.Want = p.output()
	p.file.Parts = append(p.file.Parts, Part{Line: start + 1, Command: c})
	return nil
}

// output reads expected lines up to the next comment or command. Blank lines
// inside belong to the output, blank lines at its end do not.
func (p *parser) output() []Line {
	start, end := p.next, p.next
	for i := p.next; i < len(p.lines); i++ {
		if isProse(p.lines[i]) || commandLine.MatchString(p.lines[i]) {
			break
		}
		if p.lines[i] != "" {
			end = i + 1
		}
	}
	p.next = end
	var want []Line
	for _, line := range p.lines[start:end] {
		want = append(want, parseLine(line))
	}
	return want
}

// sections takes over the files of the archive and finds their line numbers.
func (p *parser) sections(archive *txtar.Archive) error {
	line := len(p.lines) + 1
	for _, f := range archive.Files {
		if p.file.Section(f.Name) != nil {
			return p.fail(line-1, "the file %q is there twice", f.Name)
		}
		p.file.Sections = append(p.file.Sections, Section{Name: f.Name, Data: f.Data, Line: line + 1})
		line += 1 + bytes.Count(f.Data, []byte("\n"))
	}
	return nil
}

func isProse(line string) bool { return line == "#" || strings.HasPrefix(line, "# ") }

// parseGuards reads "[sim] [!kind]".
func parseGuards(text string) []Guard {
	var guards []Guard
	for word := range strings.FieldsSeq(text) {
		name, not := strings.CutPrefix(strings.Trim(word, "[]"), "!")
		guards = append(guards, Guard{Backend: name, Not: not})
	}
	return guards
}

// parseLine reads a line of expected output; a backslash at its start makes the
// rest literal, a backslash alone is itself.
func parseLine(text string) Line {
	switch text {
	case Wildcard:
		return Line{Any: true}
	case `\`:
		return Line{Text: text}
	}
	return Line{Text: strings.TrimPrefix(text, `\`)}
}
