package istiometric

import (
	"math"
	"time"
)

// Bucket is one of a histogram: answers that take at most a time.
type Bucket struct {
	// Le is the bound in milliseconds, as the label le shows it.
	Le string
	// Bound is the time.
	Bound time.Duration
}

// Buckets are those of Istio's duration histogram. The last one has all answers.
var Buckets = []Bucket{
	{"0.5", 500 * time.Microsecond}, {"1", time.Millisecond}, {"5", 5 * time.Millisecond}, {"10", 10 * time.Millisecond},
	{"25", 25 * time.Millisecond}, {"50", 50 * time.Millisecond}, {"100", 100 * time.Millisecond}, {"250", 250 * time.Millisecond},
	{"500", 500 * time.Millisecond}, {"1000", time.Second}, {"2500", 2500 * time.Millisecond}, {"5000", 5 * time.Second},
	{"10000", 10 * time.Second}, {"30000", 30 * time.Second}, {"60000", time.Minute}, {"300000", 5 * time.Minute},
	{"600000", 10 * time.Minute}, {"1800000", 30 * time.Minute}, {"3600000", time.Hour}, {"+Inf", math.MaxInt64},
}
