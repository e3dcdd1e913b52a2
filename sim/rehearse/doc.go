// Package rehearse answers one question: what would this manifest do?
//
// [Run] applies a person's own objects to a simulated cluster, waits for the
// first deploy, sets a new image, and writes down what changes, instant by
// instant, until the update has ended. The [Report] holds that timeline, how it
// ended, and the [Finding]s: where the manifest cannot do what it says.
//
// Everything in a report is read from the objects and events of the cluster, as
// a person at the console would see them; nothing is asked of the code that
// decides. So the report is true of any controller of these kinds, and shows
// our mistakes as well.
//
// Requests of users are package mesh's, and what analyses measure of them is
// package prom's: load.go finds where users come in, behaviour.go lets a version
// misbehave, traffic.go counts what became of it, and verdicts.go finds what keeps
// an analysis from its work. Package picture draws a report.
//
// It opens no files and knows no flags: cmd/aviary does. Read run.go next, then
// observe.go (what is written down when), findings.go (what is worth saying)
// and text.go (how it is printed).
package rehearse
