package manifest

import (
	"errors"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// Scheme returns the Go types of Kubernetes and of this project: whatever a
// manifest can hold that is decoded strictly. It is built once, which takes as
// long as ten trials of an AnalysisRun, and must not be changed.
var Scheme = sync.OnceValues(func() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, fmt.Errorf("build the scheme: %w", err)
	}
	return scheme, nil
})
