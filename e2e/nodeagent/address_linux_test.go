package nodeagent

import (
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
)

// podAddresses lists the addresses of the loopback device.
func podAddresses(t *testing.T) (list []string) {
	t.Helper()
	link, err := netlink.LinkByName(device)
	if err != nil {
		t.Fatal(err)
	}
	present, err := netlink.AddrList(link, netlink.FAMILY_V4)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range present {
		list = append(list, a.IP.String())
	}
	return list
}

// TestSweep leaves addresses as an agent does that was killed, and one that is
// none of ours.
func TestSweep(t *testing.T) {
	link, err := netlink.LinkByName(device)
	if err != nil {
		t.Fatal(err)
	}
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	add := func(ip, label string) *netlink.Addr {
		a := &netlink.Addr{IPNet: &net.IPNet{IP: net.ParseIP(ip).To4(), Mask: net.CIDRMask(32, 32)}, Label: label}
		if err := netlink.AddrAdd(link, a); err != nil {
			t.Skipf("setting an address takes root: %v", err)
		}
		t.Cleanup(func() { _ = netlink.AddrDel(link, a) })
		return a
	}
	add("10.244.255.253", labelPrefix+strconv.Itoa(dead.Process.Pid))
	add("10.244.255.254", device)
	add("10.244.255.255", labelPrefix+"1") // process 1 runs
	if _, err := newLoopback(); err != nil {
		t.Fatal(err)
	}
	present := podAddresses(t)
	if slices.Contains(present, "10.244.255.253") {
		t.Error("the address of a dead agent is still there")
	}
	for _, other := range []string{"10.244.255.254", "10.244.255.255"} {
		if !slices.Contains(present, other) {
			t.Errorf("%s was removed, though it is another's", other)
		}
	}
}

func TestTake(t *testing.T) {
	l, err := newLoopback()
	if err != nil {
		if strings.Contains(err.Error(), "run as root") {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	first, err := l.take()
	if err != nil {
		t.Fatal(err)
	}
	l.next-- // as an agent that begins at the same place
	second, err := l.take()
	if err != nil {
		t.Fatal(err)
	}
	if first == second {
		t.Errorf("%s was given twice", first)
	}
	for _, ip := range []string{first, second, second} { // giving twice does no harm
		if err := l.give(ip); err != nil {
			t.Error(err)
		}
	}
	if present := podAddresses(t); slices.Contains(present, first) || slices.Contains(present, second) {
		t.Errorf("%s or %s is left in %v", first, second, present)
	}
}
