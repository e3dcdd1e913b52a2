package metric

import (
	"crypto/rand"
	old "math/rand"
	random "math/rand/v2"
	"time"
	wall "time"
)

type fake struct{}

func (fake) Now() int { return 0 }

func calls() {
	_ = time.Now()
	wall.Sleep(time.Second)
	<-time.After(1)
	time.NewTimer(1)
	time.NewTicker(1)
	f := time.Tick
	f(1)
	_ = time.Since(time.Time{})
	_ = old.Intn(3)
	_ = random.IntN(3)
	_, _ = rand.Read(nil)
	go calls() // no single thread here

	r := random.New(random.NewPCG(1, 2))
	_ = r.IntN(3)
	_ = time.Unix(0, 0).Add(time.Minute)
	{
		time := fake{}
		_ = time.Now() // another time
	}
}
