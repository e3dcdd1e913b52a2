package replicas

import (
	"math"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/intstr"
)

func pods(n int32) *intstr.IntOrString       { v := intstr.FromInt32(n); return &v }
func text(s string) *intstr.IntOrString      { v := intstr.FromString(s); return &v }
func number32(n int32) *int32                { return &n }
func limits(surge, unavailable int32) Limits { return Limits{Surge: surge, Unavailable: unavailable} }

func TestResolveLimits(t *testing.T) {
	for name, tc := range map[string]struct {
		replicas           int32
		surge, unavailable *intstr.IntOrString
		want               Limits
	}{
		"default of 1":                         {1, nil, nil, limits(1, 0)},
		"default of 2":                         {2, nil, nil, limits(1, 0)},
		"default of 3":                         {3, nil, nil, limits(1, 0)},
		"default of 4":                         {4, nil, nil, limits(1, 1)},
		"default of 5":                         {5, nil, nil, limits(2, 1)},
		"default of 7":                         {7, nil, nil, limits(2, 1)},
		"default of 10":                        {10, nil, nil, limits(3, 2)},
		"default of 100":                       {100, nil, nil, limits(25, 25)},
		"no pods":                              {0, nil, nil, limits(0, 0)},
		"numbers are pods":                     {10, pods(4), pods(3), limits(4, 3)},
		"a string without sign is percent":     {100, text("5"), text("7"), limits(5, 7)},
		"percent rounds up and down":           {10, text("15%"), text("15%"), limits(2, 1)},
		"both zero become one unavailable":     {5, pods(0), pods(0), limits(0, 1)},
		"both zero after rounding":             {3, pods(0), text("25%"), limits(0, 1)},
		"zero surge alone stays":               {5, pods(0), pods(2), limits(0, 2)},
		"no more than all pods are missing":    {5, pods(1), pods(9), limits(1, 5)},
		"more than all pods may be surge":      {5, pods(9), text("200%"), limits(9, 5)},
		"huge percentages stop at the largest": {2000000000, text("2000000000%"), nil, limits(147483647, 500000000)},
		"as many surge pods as one likes":      {2, pods(2147483647), nil, limits(2147483645, 0)},
		"no room for one pod more":             {2147483647, pods(1), pods(0), limits(0, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ResolveLimits(tc.replicas, tc.surge, tc.unavailable)
			if err != nil || got != tc.want {
				t.Errorf("ResolveLimits(%d, %v, %v) = %v, %v, want %v", tc.replicas, tc.surge, tc.unavailable, got, err, tc.want)
			}
		})
	}
}

func TestResolveLimitsErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		surge, unavailable *intstr.IntOrString
		want               string
	}{
		"word":              {text("many"), nil, `maxSurge: "many" is no percentage; write a number of pods such as 1 or a percentage such as "25%"`},
		"empty":             {nil, text(""), `maxUnavailable: "" is no percentage`},
		"negative number":   {pods(-1), nil, "maxSurge: -1 is negative"},
		"negative percent":  {nil, text("-5%"), `maxUnavailable: "-5%" is no percentage`},
		"fraction":          {text("2.5%"), nil, `maxSurge: "2.5%" is no percentage`},
		"two signs":         {text("5%%"), nil, `maxSurge: "5%%" is no percentage`},
		"beyond any number": {text("99999999999999999999%"), nil, "maxSurge: "},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ResolveLimits(5, tc.surge, tc.unavailable)
			if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("error = %v, want %s...", err, tc.want)
			}
		})
	}
}

// FuzzResolveLimits checks what holds for every input: an error or limits that
// are not negative, that let something move, and that are within the pods.
func FuzzResolveLimits(f *testing.F) {
	f.Add(int32(5), "25%", int32(1), true)
	f.Add(int32(1), "", int32(-3), false)
	f.Add(int32(2147483647), "2147483647%", int32(2147483647), true)
	f.Fuzz(func(t *testing.T, replicas int32, s string, number int32, swap bool) {
		surge, unavailable := text(s), pods(number)
		if swap {
			surge, unavailable = unavailable, surge
		}
		l, err := ResolveLimits(replicas, surge, unavailable)
		if err != nil {
			return
		}
		switch {
		case l.Surge < 0 || l.Unavailable < 0:
			t.Errorf("negative limits %+v", l)
		case int64(l.Surge)+int64(max(replicas, 0)) > math.MaxInt32:
			t.Errorf("%d more than %d pods", l.Surge, replicas)
		case l.Unavailable > max(replicas, 0):
			t.Errorf("%d of %d pods unavailable", l.Unavailable, replicas)
		case replicas > 0 && l.Surge == 0 && l.Unavailable == 0:
			t.Errorf("nothing can move: %+v", l)
		}
		Basic(replicas, number, 100, l)
	})
}
