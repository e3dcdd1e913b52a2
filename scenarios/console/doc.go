// Package console knows the commands of scenarios: one table with the name,
// the syntax, the help and the function of each.
//
// Commands of the real world (kubectl, its Argo Rollouts plugin, sleep) look as
// they do there. Words that only the harness has begin with @, so that nobody
// takes them for something to type into a terminal.
//
// The same table writes the reference in scenarios/README.md ([WriteLanguage]).
//
// Read table.go first.
package console
