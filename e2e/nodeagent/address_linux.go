package nodeagent

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/vishvananda/netlink"
)

// loopback puts pod addresses on the loopback device, each alone (/32). Their
// label names our process, so that several agents can share a machine and the
// next one can tell what a killed one left behind.
type loopback struct {
	link  netlink.Link
	label string

	mu   sync.Mutex
	next int
}

const (
	device      = "lo"
	labelPrefix = device + ":a"
)

// Possible says why pods with processes cannot be had here, if they cannot.
func Possible() error {
	_, err := newLoopback()
	return err
}

// newLoopback removes what is left of agents that no longer run, and checks that
// we may set addresses.
func newLoopback() (*loopback, error) {
	link, err := netlink.LinkByName(device)
	if err != nil {
		return nil, fmt.Errorf("finding the loopback device: %w", err)
	}
	// Agents begin at different places: they would try each other's addresses.
	l := &loopback{link: link, label: labelPrefix + strconv.Itoa(os.Getpid()), next: os.Getpid() * 250 % capacity}
	if err := l.sweep(); err != nil {
		return nil, err
	}
	ip, err := l.take()
	if err != nil {
		return nil, err
	}
	return l, l.give(ip)
}

// sweep removes the addresses whose label names a process that is gone. It
// touches no address without such a label.
func (l *loopback) sweep() error {
	present, err := netlink.AddrList(l.link, netlink.FAMILY_V4)
	if err != nil {
		return fmt.Errorf("listing the addresses of %s: %w", device, err)
	}
	for _, address := range present {
		text, ok := strings.CutPrefix(address.Label, labelPrefix)
		pid, err := strconv.Atoi(text)
		if !ok || err != nil || pid != os.Getpid() && syscall.Kill(pid, 0) == nil {
			continue
		}
		if err := netlink.AddrDel(l.link, &address); err != nil && !errors.Is(err, syscall.EADDRNOTAVAIL) {
			return l.explain(fmt.Errorf("removing the pod address %s that an earlier run left: %w", address.IP, err))
		}
	}
	return nil
}

// take sets the next address that is free.
func (l *loopback) take() (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range capacity {
		ip := numbered(l.next)
		l.next++
		err := netlink.AddrAdd(l.link, l.address(ip))
		if err == nil {
			return ip, nil
		}
		if !errors.Is(err, syscall.EEXIST) {
			return "", l.explain(fmt.Errorf("adding the pod address %s to %s: %w", ip, device, err))
		}
	}
	return "", fmt.Errorf("all %d pod addresses are taken", capacity)
}

func (l *loopback) give(ip string) error {
	err := netlink.AddrDel(l.link, l.address(ip))
	if err != nil && !errors.Is(err, syscall.EADDRNOTAVAIL) {
		return l.explain(fmt.Errorf("removing the pod address %s from %s: %w", ip, device, err))
	}
	return nil
}

func (l *loopback) address(ip string) *netlink.Addr {
	return &netlink.Addr{IPNet: &net.IPNet{IP: net.ParseIP(ip).To4(), Mask: net.CIDRMask(32, 32)}, Label: l.label, Scope: syscall.RT_SCOPE_HOST}
}

// explain names the remedy where a right is missing.
func (*loopback) explain(err error) error {
	if errors.Is(err, syscall.EPERM) {
		return fmt.Errorf("%w: pods with processes need addresses of their own: run as root, or let pods have no processes", err)
	}
	return err
}
