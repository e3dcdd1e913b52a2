package console

import (
	"fmt"
	"strings"
)

// splitWords cuts a command line into words as a shell does, with single
// quotes, double quotes and backslashes. What else a shell could do (pipes,
// variables, substitution, several commands) is an error that says so.
func splitWords(line string) ([]string, error) {
	s := splitter{line: []rune(line)}
	for s.next < len(s.line) {
		if err := s.step(); err != nil {
			return nil, err
		}
	}
	s.endWord()
	return s.words, nil
}

type splitter struct {
	line   []rune
	next   int
	words  []string
	word   strings.Builder
	inWord bool // an empty quoted word is a word too
}

func (s *splitter) endWord() {
	if s.inWord {
		s.words = append(s.words, s.word.String())
		s.word.Reset()
		s.inWord = false
	}
}

func (s *splitter) add(r rune) {
	s.word.WriteRune(r)
	s.inWord = true
}

// step reads one character, or one quoted part.
func (s *splitter) step() error {
	r := s.line[s.next]
	s.next++
	switch r {
	case ' ', '\t':
		s.endWord()
	case '\'':
		return s.singleQuoted()
	case '"':
		return s.doubleQuoted()
	case '\\':
		if s.next == len(s.line) {
			return fmt.Errorf("the line ends in a backslash")
		}
		s.add(s.line[s.next])
		s.next++
	case '|', '&', ';', '<', '>', '(', ')', '`', '$':
		return notAShell(r)
	case '#':
		if !s.inWord {
			return notAShell(r)
		}
		s.add(r)
	default:
		s.add(r)
	}
	return nil
}

func notAShell(r rune) error {
	return fmt.Errorf("%q means something to a shell, and this is none: write one plain command a line, or quote the character", string(r))
}

func (s *splitter) singleQuoted() error {
	s.inWord = true
	for s.next < len(s.line) {
		r := s.line[s.next]
		s.next++
		if r == '\'' {
			return nil
		}
		s.add(r)
	}
	return fmt.Errorf("a ' is not closed")
}

// doubleQuoted reads up to the closing quote; a backslash protects itself and
// the characters that mean something inside.
func (s *splitter) doubleQuoted() error {
	s.inWord = true
	for s.next < len(s.line) {
		r := s.line[s.next]
		s.next++
		switch {
		case r == '"':
			return nil
		case r == '$' || r == '`':
			return notAShell(r)
		case r == '\\' && s.next < len(s.line) && strings.ContainsRune("\\\"$`", s.line[s.next]):
			s.add(s.line[s.next])
			s.next++
		default:
			s.add(r)
		}
	}
	return fmt.Errorf("a \" is not closed")
}
