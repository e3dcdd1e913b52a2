package manager

import (
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/aviary-rollouts/aviary/internal/control"
)

// TestAnalysisAlone keeps the watches of AnalysisRuns and no others.
func TestAnalysisAlone(t *testing.T) {
	all := control.Controllers(control.Deps{})
	if alone := analysisAlone(all); len(alone) != 1 || alone[0].Name != "analysisrun" || len(all) < 3 {
		t.Errorf("got %d of %d controllers", len(alone), len(all))
	}
}

// What is nobody's fault is no error in the log.
func TestPasses(t *testing.T) {
	resource := schema.GroupResource{Group: "apps", Resource: "replicasets"}
	going := apierrors.NewForbidden(resource, "web", errors.New("the namespace is being terminated"))
	going.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{errors.New("broken"), false},
		{apierrors.NewForbidden(resource, "web", errors.New("no rights")), false},
		{apierrors.NewConflict(resource, "web", errors.New("changed")), true},
		{fmt.Errorf("creating ReplicaSet web: %w", going), true},
	} {
		if got := passes(c.err); got != c.want {
			t.Errorf("%v: %t", c.err, got)
		}
	}
}
