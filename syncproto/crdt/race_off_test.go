//go:build !race

package crdt_test

// raceEnabled says that the race detector is compiled in.
const raceEnabled = false
