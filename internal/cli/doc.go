// Package cli is the command tree of the kubectl plugin `kubectl argo
// rollouts`.
//
// [New] builds the tree from [Options]: where the cluster is, what time it is,
// how to let time pass, where to write. Nothing is global and nothing exits
// the process, so that the plugin and the scenarios, which type the same
// commands against a simulated cluster, run the same code. Commands return
// their errors; whoever executes the tree prints them, once.
//
// What the commands write is in internal/ops, what `get` shows is in
// internal/view, what `lint` finds in internal/lint. Here are names, flags,
// messages and exit conditions.
//
// Read cli.go next, then one file per command.
package cli
