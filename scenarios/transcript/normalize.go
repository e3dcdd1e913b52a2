package transcript

import "regexp"

// podSuffix matches the name of a pod, or of anything else that ends in five
// characters of the alphabet in which Kubernetes writes random suffixes. The
// alphabet has no vowels, so that words are not taken for suffixes.
var podSuffix = regexp.MustCompile(`\b([a-z0-9][a-z0-9.-]*)-[bcdfghjklmnpqrstvwxz2456789]{5}\b`)

// age matches a column that holds nothing but an age: "15s", "2m52s", "3d4h".
var age = regexp.MustCompile(`( )(?:[0-9]+[ydhms]){1,2}( +|$)`)

// NormalizeNames replaces random suffixes: mock-server-6579c6cc98-76zf2 becomes
// mock-server-6579c6cc98-xxxxx.
func NormalizeNames(line string) string { return podSuffix.ReplaceAllString(line, "$1-xxxxx") }

// NormalizeAges replaces ages, with the blanks that fill their column, as is
// necessary where time cannot be commanded.
func NormalizeAges(line string) string { return age.ReplaceAllString(line, " <age> ") }
