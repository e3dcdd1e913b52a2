package kernel

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
)

// Rand returns the random stream called name. Its numbers depend on the seed
// and on the name alone, so that drawing more numbers from one stream (an
// added fault, another pod) does not change those of another. The same name
// returns the same stream, which goes on where it was left.
func (k *Kernel) Rand(name string) *rand.Rand {
	if r, ok := k.streams[name]; ok {
		return r
	}
	hi, lo := k.Hash(name)
	r := rand.New(rand.NewPCG(hi, lo))
	k.streams[name] = r
	return r
}

// Hash returns 128 bits that depend on the seed and on the text alone. It
// gives a thing an identity that no other event of the run can shift.
func (k *Kernel) Hash(text string) (hi, lo uint64) {
	b := make([]byte, 8, 8+len(text))
	binary.BigEndian.PutUint64(b, k.seed)
	sum := sha256.Sum256(append(b, text...))
	return binary.BigEndian.Uint64(sum[0:8]), binary.BigEndian.Uint64(sum[8:16])
}
