package replicas

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/intstr"
)

// defaultPercent is what maxSurge and maxUnavailable are when the spec leaves
// them out. The comment of the original API says 1; its controller says 25%.
const defaultPercent = "25%"

// Limits is how far the number of pods may leave spec.replicas during an
// update.
type Limits struct {
	// Surge is the number of pods above spec.replicas that may exist.
	Surge int32
	// Unavailable is the number of pods below spec.replicas that may be
	// missing from service.
	Unavailable int32
}

// ResolveLimits turns maxSurge and maxUnavailable into numbers of pods. A nil
// value is 25%. An integer is a number of pods, any string a percentage of
// replicas (so "5" is 5%); surge rounds up and unavailable rounds down. When
// both come out as 0 nothing could ever move, so one pod may be unavailable.
// No more than all pods can be unavailable, and no more pods can be there than an
// int32 counts: a surge of 2147483647 means as many as one likes.
//
//	5 pods, both left out: 1.25 each, so surge 2 and unavailable 1.
//	3 pods, surge 0, unavailable "25%": 0 and 0.75, so surge 0 and unavailable 1.
//
// The error says which of the two values is no count of pods and what to write.
func ResolveLimits(replicas int32, maxSurge, maxUnavailable *intstr.IntOrString) (Limits, error) {
	replicas = max(replicas, 0)
	surge, err := resolve(maxSurge, replicas, roundUp)
	if err != nil {
		return Limits{}, fmt.Errorf("maxSurge: %w", err)
	}
	unavailable, err := resolve(maxUnavailable, replicas, roundDown)
	if err != nil {
		return Limits{}, fmt.Errorf("maxUnavailable: %w", err)
	}
	surge = min(surge, math.MaxInt32-replicas)
	if surge == 0 && unavailable == 0 {
		unavailable = 1
	}
	return Limits{Surge: surge, Unavailable: min(unavailable, replicas)}, nil
}

// Pods turns one of the two limits into a number of pods, percentages rounded
// up. The error says what is wrong with it and what to write.
func Pods(limit *intstr.IntOrString, replicas int32) (int32, error) {
	return resolve(limit, max(replicas, 0), roundUp)
}

// resolve turns one limit into a number of pods.
func resolve(limit *intstr.IntOrString, replicas int32, round func(percentOfReplicas int64) int64) (int32, error) {
	if limit == nil {
		return percentOf(defaultPercent, replicas, round)
	}
	if limit.Type == intstr.String {
		return percentOf(limit.StrVal, replicas, round)
	}
	if limit.IntVal < 0 {
		return 0, fmt.Errorf("%d is negative; write a number of pods such as 1 or a percentage such as %q", limit.IntVal, defaultPercent)
	}
	return limit.IntVal, nil
}

// percentOf reads text as a percentage, with or without its sign, of replicas.
// Results beyond an int32 become the largest int32.
func percentOf(text string, replicas int32, round func(int64) int64) (int32, error) {
	percent, err := strconv.ParseUint(strings.TrimSuffix(text, "%"), 10, 31)
	if err != nil {
		return 0, fmt.Errorf("%q is no percentage; write a number of pods such as 1 or a percentage such as %q", text, defaultPercent)
	}
	return int32(min(round(int64(percent)*int64(replicas)), math.MaxInt32)), nil
}

// roundUp divides hundredths of pods and rounds up: 125 is 2, 100 is 1.
func roundUp(hundredths int64) int64 { return (hundredths + 99) / 100 }

// roundDown divides hundredths of pods and rounds down: 125 is 1, 99 is 0.
func roundDown(hundredths int64) int64 { return hundredths / 100 }
