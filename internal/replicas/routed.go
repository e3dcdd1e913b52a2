package replicas

// Routed is the pair of pod counts that stands for a weight when a router
// splits the traffic: enough canary pods for their share, and the stable side
// at full size so that everything can go back to it at once.
//
//	5 pods, weight 10: ceil(0.5) = 1, so 1+5.
//	5 pods, weight 50: ceil(2.5) = 3, so 3+5.
//
// maxWeight is 100 unless the router has its own scale (maxTrafficWeight).
func Routed(n, weight, maxWeight int32) Pair {
	return Pair{Canary: ceilShare(n, weight, maxWeight), Stable: max(n, 0)}
}

// Dynamic is the pair for a weight with dynamicStableScale: the stable side
// shrinks as the canary grows, but never below what the traffic that it still
// has (actualStableWeight, as the router last confirmed) needs.
//
//	5 pods, weight 25, stable still at 75: 2 and max(ceil(3.75), ceil(3.75)), so 2+4.
//	5 pods, weight 80, stable still at 75: 4 and max(ceil(1), ceil(3.75)), so 4+4.
func Dynamic(n, weight, actualStableWeight, maxWeight int32) Pair {
	n, weight, maxWeight = normalise(n, weight, maxWeight)
	return Pair{
		Canary: ceilShare(n, weight, maxWeight),
		Stable: max(ceilShare(n, maxWeight-weight, maxWeight), ceilShare(n, actualStableWeight, maxWeight)),
	}
}

// CanaryScale is the number of canary pods that a setCanaryScale step asks
// for: exactly its replicas, or its weight's share of n rounded up. The second
// result is false when it asks for neither (matchTrafficWeight), so that the
// weight in force decides.
//
//	replicas 8 of 5 pods: 8, it may exceed spec.replicas.
//	weight 25 of 5 pods: ceil(1.25), so 2.
//
// The traffic weight is not changed by it, and WithMinPods does not apply to
// an explicit number of replicas unless dynamicStableScale is on.
func CanaryScale(n, maxWeight int32, stepReplicas, stepWeight *int32) (int32, bool) {
	switch {
	case stepReplicas != nil:
		return max(*stepReplicas, 0), true
	case stepWeight != nil:
		return ceilShare(n, *stepWeight, maxWeight), true
	default:
		return 0, false
	}
}

// WithMinPods raises a count to minPodsPerReplicaSet, which is itself capped
// at n. A count of 0 stays 0: the floor is for sides that exist.
//
//	1 pod of 5, floor 2: 2.
//	1 pod of 5, floor 9: 5.
func WithMinPods(count, n int32, minPods *int32) int32 {
	if count <= 0 || minPods == nil {
		return count
	}
	return max(count, min(*minPods, n))
}
