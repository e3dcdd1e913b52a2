package scale

import (
	"fmt"
	"time"

	"github.com/prometheus/procfs"
)

// usage is what a process has used since its start.
type usage struct {
	cpu  time.Duration // user and system
	peak uint64        // resident memory at its highest, bytes
}

func usageOf(pid int) (usage, error) {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return usage{}, fmt.Errorf("process %d: %w", pid, err)
	}
	stat, err := p.Stat()
	if err != nil {
		return usage{}, fmt.Errorf("process %d: %w", pid, err)
	}
	status, err := p.NewStatus()
	if err != nil {
		return usage{}, fmt.Errorf("process %d: %w", pid, err)
	}
	return usage{cpu: time.Duration(stat.CPUTime() * float64(time.Second)), peak: status.VmHWM}, nil
}
