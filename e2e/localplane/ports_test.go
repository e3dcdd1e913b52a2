package localplane

import (
	"net"
	"testing"
)

func TestFreePortSkipsWhatIsTaken(t *testing.T) {
	first, err := freePort(firstPort)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", local(first))
	if err != nil {
		t.Skipf("somebody took port %d in between: %v", first, err)
	}
	defer listener.Close()
	for _, from := range []int{first, lastPort} { // onwards, and round
		got, err := freePort(from)
		if err != nil || got == first || got < firstPort || got > lastPort {
			t.Errorf("from %d: port %d (%v), while %d is taken", from, got, err, first)
		}
	}
}
