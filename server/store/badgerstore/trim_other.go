//go:build !linux

package badgerstore

// trimLoop: see trim_linux.go.
func (s *Store) trimLoop() {}
