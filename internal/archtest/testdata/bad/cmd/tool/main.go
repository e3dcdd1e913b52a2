package main

import (
	"math/rand/v2"
	"time"
)

func main() { time.Sleep(time.Duration(rand.Int64())) } // here it may
