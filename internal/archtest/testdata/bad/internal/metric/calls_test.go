package metric

import (
	"testing"
	"time"
)

func TestWait(t *testing.T) { time.Sleep(1) }

func BenchmarkWait(b *testing.B) { time.Sleep(1) } // here it may
