// Package transcript is the language of the scenarios: a console transcript
// that can be played and checked.
//
// A scenario is a txtar file. Its first part is the transcript, the files that
// its commands read follow:
//
//	# 2.2.1 Blue/green: the preview gets every new image, users get none.
//	$ kubectl apply -f rollout.yaml
//	rollout.argoproj.io/mock-server created
//
//	$ sleep 15s
//	$ kubectl argo rollouts get rollout mock-server
//	Name:            mock-server
//	...
//
//	-- rollout.yaml --
//	apiVersion: argoproj.io/v1alpha1
//
// [Parse] reads a file and [File.Format] writes it back, [Runner] plays it on a
// backend, [Align] compares and [Rewrite] replaces what no longer fits.
//
// The package knows no command: an [Interpreter] does (package console). It is
// no shell either; there are no pipes, variables or globs.
//
// Read parse.go next for the grammar, then run.go.
package transcript
