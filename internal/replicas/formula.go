package replicas

// Formula1 is the textbook split without a traffic router: the canary's share
// rounded up, the rest stable.
//
//	5 pods, weight 10: ceil(0.5) = 1, so 1+4. (A controller does 1+5, see Basic.)
//	5 pods, weight 50: ceil(2.5) = 3, so 3+2. (A controller does 3+3.)
//
// It is what people expect, not what a controller does: it moves the weight
// away from what was asked for where one surge pod would come nearer.
func Formula1(n, weight int32) Pair {
	canary := ceilShare(n, weight, 100)
	return Pair{Canary: canary, Stable: max(n, 0) - canary}
}

// Formula2 is the textbook split with a traffic router: the canary's share
// rounded up, the stable side at full size. It is exact, see Routed.
//
//	5 pods, weight 10: ceil(0.5) = 1, so 1+5.
//	5 pods, weight 80: ceil(4) = 4, so 4+5.
func Formula2(n, weight int32) Pair {
	return Routed(n, weight, 100)
}
