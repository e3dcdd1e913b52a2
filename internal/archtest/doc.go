// Package archtest reads the source of this module and says where it breaks the
// rules of the house:
//
//   - layers.go: who may import whom
//   - calls.go: only main packages and internal/clock ask for the time or wait;
//     nobody uses random numbers that no seed repeats; what decides, reconciles
//     or simulates starts no goroutine
//   - size.go: functions of internal and sim fit on a screen
//   - names.go: no package is named for being useful
//
// It looks at syntax and at build constraints, not at types, and it knows
// nothing of style: gofmt, go vet and staticcheck do. Nothing but its own test
// uses it; archtest_test.go holds this module against the rules, and the small
// module in testdata, which breaks each of them, against the checks.
package archtest
