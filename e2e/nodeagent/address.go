package nodeagent

import (
	"fmt"
	"sync"
)

// addresses gives pods addresses of their own.
type addresses interface {
	take() (ip string, err error)
	give(ip string) error
}

// capacity is how many addresses there are: 10.244.0.2 to 10.244.255.251.
const capacity = 256 * 250

// numbered is the nth address, counted round.
//
//	0: 10.244.0.2, 250: 10.244.1.2, 64000: 10.244.0.2 again.
func numbered(n int) string {
	return fmt.Sprintf("10.244.%d.%d", n/250%256, 2+n%250)
}

// imagined are addresses that exist in the API only.
type imagined struct {
	mu   sync.Mutex
	next int
}

func (i *imagined) take() (string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.next++
	return numbered(i.next - 1), nil
}

func (i *imagined) give(string) error { return nil }
