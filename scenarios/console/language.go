package console

import (
	_ "embed"
	"fmt"
	"io"
	"text/template"
)

//go:embed language.md.tmpl
var languageText string

var languageTemplate = template.Must(template.New("language").Parse(languageText))

// WriteLanguage writes the description of the scenario language, with the
// command table, as Markdown.
func WriteLanguage(w io.Writer) error {
	groups := map[string][]Command{}
	for _, c := range Table() {
		name := kindNames[c.Kind]
		groups[name] = append(groups[name], c)
	}
	if err := languageTemplate.Execute(w, groups); err != nil {
		return fmt.Errorf("write the description of the language: %w", err)
	}
	return nil
}

var kindNames = map[Kind]string{Reads: "Reads", Writes: "Writes", Waits: "Waits", Sends: "Sends", Harness: "Harness"}
