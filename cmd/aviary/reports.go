package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// reports are the forms of output asked for by -o: nil for none, an empty name
// for standard output.
type reports struct{ json, junit *string }

// parseReports reads the values of -o.
func parseReports(outputs []string) (reports, error) {
	var r reports
	for _, o := range outputs {
		form, file, named := strings.Cut(o, "=")
		switch {
		case form == "json" && (!named || file != ""):
			r.json = &file
		case form == "junit" && file != "":
			r.junit = &file
		default:
			return r, usagef("-o %s: give json, json=FILE or junit=FILE", o)
		}
		if err := writable(file); err != nil {
			return r, err
		}
	}
	return r, nil
}

// writable refuses a file that cannot be written, before anything is played for it.
func writable(file string) error {
	if info, err := os.Stat(file); file != "" && err == nil && info.IsDir() {
		return usagef("-o: %s is a folder; name a file in it", file)
	}
	if info, err := os.Stat(filepath.Dir(file)); err != nil || !info.IsDir() {
		return usagef("-o: there is no folder %s for %s; make it first", filepath.Dir(file), filepath.Base(file))
	}
	return nil
}

// insteadOfLines says whether standard output belongs to a report.
func (r reports) insteadOfLines() bool { return r.json != nil && *r.json == "" }

// write writes the reports that are asked for.
func (r reports) write(out io.Writer, asJSON, asJUnit func(io.Writer) error) error {
	if r.json != nil {
		if err := writeReport(out, *r.json, asJSON); err != nil {
			return err
		}
	}
	if r.junit != nil {
		return writeReport(out, *r.junit, asJUnit)
	}
	return nil
}

// writeReport writes a report to a file, or to out if no file is named.
func writeReport(out io.Writer, file string, write func(io.Writer) error) error {
	if file == "" {
		return write(out)
	}
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		return usagef("write the report: %w", err)
	}
	return nil
}
