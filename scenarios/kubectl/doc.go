// Package kubectl is a small kubectl that runs in process on a
// controller-runtime client.
//
// It has the verbs that console transcripts of rollouts use, with the words,
// tables and errors of the real program, so that a transcript can be pasted.
// It is not a replacement for kubectl: apply knows only its client-side form,
// there is no watch, no kustomize and no configuration file, and kinds without
// a table of their own are listed with name and age.
//
// Each verb is a [Verb]. Read kubectl.go for what they share and apply.go for
// the one with the most rules.
package kubectl
