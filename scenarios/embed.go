// Package scenarios holds the stories that Aviary is measured by: console
// transcripts that are played in the simulator and on live clusters.
//
// README.md is the language, generated from the command table of package
// console. Package transcript parses and plays, package backend provides the
// clusters, package replay plays many files and reports.
//
// Read bluegreen/2.2.1-blue-green.txtar next: it is what all of this is for.
package scenarios

import "embed"

//go:generate go run ../cmd/aviary replay --help-language -o README.md

// FS holds the scenario files under their folder:
// "bluegreen/2.2.1-blue-green.txtar".
//
//go:embed */*.txtar
var FS embed.FS
