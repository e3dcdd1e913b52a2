package validate

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

const (
	sameBlueGreenServices = "This rollout uses the same service for the active and preview services, but two different services are required."
	historyTooShort       = "This rollout's revision history limit can not be smaller than the rollout's scale down limit"
)

// blueGreen checks the blue-green strategy. path is spec.strategy.blueGreen.
func blueGreen(spec *v1alpha1.RolloutSpec, path *field.Path) field.ErrorList {
	b := spec.Strategy.BlueGreen
	var errs field.ErrorList
	switch {
	case b.ActiveService == "":
		errs = append(errs, field.Required(path.Child("activeService"), ""))
	case b.ActiveService == b.PreviewService:
		errs = append(errs, field.Invalid(path.Child("activeService"), b.ActiveService, sameBlueGreenServices))
	}
	history := valueOr(spec.RevisionHistoryLimit, defaultRevisionHistoryLimit)
	if limit := b.ScaleDownDelayRevisionLimit; limit != nil && *limit > history {
		errs = append(errs, field.Invalid(path.Child("scaleDownDelayRevisionLimit"), *limit, historyTooShort))
	}
	errs = append(errs, limit(b.MaxUnavailable, path.Child("maxUnavailable"))...)
	errs = append(errs, notNegative(b.AutoPromotionSeconds, path.Child("autoPromotionSeconds"))...)
	errs = append(errs, optionalNotNegative(b.PreviewReplicaCount, path.Child("previewReplicaCount"))...)
	errs = append(errs, optionalNotNegative(b.ScaleDownDelaySeconds, path.Child("scaleDownDelaySeconds"))...)
	errs = append(errs, optionalNotNegative(b.ScaleDownDelayRevisionLimit, path.Child("scaleDownDelayRevisionLimit"))...)
	errs = append(errs, optionalNotNegative(b.AbortScaleDownDelaySeconds, path.Child("abortScaleDownDelaySeconds"))...)
	errs = append(errs, roleMetadata(spec, b.PreviewMetadata, path.Child("previewMetadata"))...)
	errs = append(errs, roleMetadata(spec, b.ActiveMetadata, path.Child("activeMetadata"))...)
	return append(errs, antiAffinity(b.AntiAffinity, path.Child("antiAffinity"))...)
}
