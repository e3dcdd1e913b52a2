package replicas

import "testing"

func TestRoutedWithAnotherScale(t *testing.T) {
	for _, tc := range []struct {
		n, weight, scale int32
		want             Pair
	}{
		{5, 0, 100, Pair{0, 5}},
		{5, 50, 1000, Pair{1, 5}},
		{10, 250, 1000, Pair{3, 10}},
		{10, 1000, 1000, Pair{10, 10}},
		{0, 50, 100, Pair{0, 0}},
	} {
		if got := Routed(tc.n, tc.weight, tc.scale); got != tc.want {
			t.Errorf("Routed(%d, %d, %d) = %v, want %v", tc.n, tc.weight, tc.scale, got, tc.want)
		}
	}
}

func TestDynamicKeepsWhatTheTrafficNeeds(t *testing.T) {
	for _, tc := range []struct {
		n, weight, stableWeight int32
		want                    Pair
	}{
		{5, 80, 75, Pair{4, 4}},   // traffic has not moved yet
		{5, 80, 20, Pair{4, 1}},   // it has
		{5, 0, 20, Pair{0, 5}},    // stable grows before traffic comes back
		{10, 100, 0, Pair{10, 0}}, // promoted
	} {
		if got := Dynamic(tc.n, tc.weight, tc.stableWeight, 100); got != tc.want {
			t.Errorf("Dynamic(%d, %d, %d, 100) = %v, want %v", tc.n, tc.weight, tc.stableWeight, got, tc.want)
		}
	}
}

func TestCanaryScale(t *testing.T) {
	for name, tc := range map[string]struct {
		replicas, weight *int32
		want             int32
		inForce          bool
	}{
		"exact count may exceed n": {number32(8), nil, 8, true},
		"exact zero":               {number32(0), nil, 0, true},
		"weight":                   {nil, number32(25), 2, true},
		"count beats weight":       {number32(1), number32(100), 1, true},
		"match traffic weight":     {nil, nil, 0, false},
		"negative is none":         {number32(-3), nil, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, inForce := CanaryScale(5, 100, tc.replicas, tc.weight)
			if got != tc.want || inForce != tc.inForce {
				t.Errorf("CanaryScale = %d, %v, want %d, %v", got, inForce, tc.want, tc.inForce)
			}
		})
	}
}

func TestWithMinPods(t *testing.T) {
	for _, tc := range []struct {
		count, n int32
		floor    *int32
		want     int32
	}{
		{1, 5, number32(2), 2},
		{1, 5, number32(9), 5},
		{4, 5, number32(2), 4},
		{0, 5, number32(2), 0},
		{1, 5, nil, 1},
		{8, 5, number32(9), 8},
	} {
		if got := WithMinPods(tc.count, tc.n, tc.floor); got != tc.want {
			t.Errorf("WithMinPods(%d of %d, %v) = %d, want %d", tc.count, tc.n, tc.floor, got, tc.want)
		}
	}
}
