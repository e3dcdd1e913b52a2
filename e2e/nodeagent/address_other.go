//go:build !linux

package nodeagent

import "errors"

// Possible says that pods cannot have addresses here.
func Possible() error {
	_, err := newLoopback()
	return err
}

// newLoopback says that pods cannot have addresses here.
func newLoopback() (addresses, error) {
	return nil, errors.New("pods with processes need Linux, where each can have an address: let pods have no processes here")
}
