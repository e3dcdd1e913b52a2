// Package templatetest runs unit tests of AnalysisTemplates: files that say which
// data a template will see and what it has to make of it.
//
//	files, err := templatetest.Find("examples/analysis")
//	file, err := templatetest.Read(files[0])
//	for _, test := range file.Tests {
//		outcome := runner.Run(ctx, test)
//	}
//
// docs/testing-analysis.md describes the files for their authors. A test is
// carried out by package trial; this package reads, compares and reports. It
// knows no flags and prints nothing by itself; cmd/aviary does.
//
// Read format.go next (what a file may say), then read.go (files become trials),
// expect.go (what happened is compared) and text.go (how it is told).
package templatetest
