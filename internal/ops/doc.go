// Package ops is what a person does to a Rollout: promote, abort, retry, undo,
// pause, resume, restart, scale, set an image; to an Experiment: retry and
// terminate; to an AnalysisRun: terminate, and create one from a template.
//
// Each operation is a plain function that reads what it must and writes the
// fields that mean it, through the right subresource, as a small patch; the
// controller does the rest. The plugin, the scenarios, `aviary simulate` and
// the random histories of the simulator all call these functions, so that what
// is rehearsed is what is done.
//
// The package decides nothing that the controller decides, prints nothing and
// never waits. Errors name the object and, where a name is wrong, the names
// that would have been right; those of the API server can be told apart with
// k8s.io/apimachinery/pkg/api/errors.
//
// Read promote.go next: it is the one operation that depends on what it finds.
package ops
