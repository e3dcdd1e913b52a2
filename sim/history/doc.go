// Package history rehearses what nobody wrote a scenario for: random users on
// a random Rollout, with or without routes and analyses, and Experiments beside
// it, with failing pods, bad metrics and failing API calls.
//
// A [History] is drawn from one seed by [Draw], in one function, and is a text
// that a person can read: the Rollout, the faults, one line per action. [Run]
// plays it under all checks; [Shrink] drops actions from a history that fails
// as long as it goes on failing, and what is left is the bug report.
//
// Read draw.go for what can happen, run.go for what must then be true; steps.go
// and objects.go say what the words of a history stand for.
package history
