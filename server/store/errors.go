package store

import "errors"

var (
	// ErrMaybe: the outcome of the update is unknown, because writing it to disk
	// failed on the way. It is applied as a whole or not at all. The store takes
	// nothing more (ErrBroken); once it is open again, repeat the update: it
	// reads what became of it.
	ErrMaybe = errors.New("outcome unknown: the update may or may not be stored; repeat it once the store is open again")

	// ErrBroken: the store stopped after an I/O error, to keep what it has.
	// Nothing was written by this call. Close the store, or end the process,
	// and open it again.
	ErrBroken = errors.New("store stopped after an input/output error: nothing was written; open it again")

	// ErrClosed: the store is closed. Nothing was written.
	ErrClosed = errors.New("store is closed")

	// ErrFull: the disk is too full to write safely. Nothing was written, and
	// nothing stored is lost; reading goes on. Make room, then repeat: the store
	// need not be opened again.
	ErrFull = errors.New("disk full: nothing was written; make room and try again")

	// ErrTooLarge: a key, a value or a batch is over its law, which the text
	// names. Nothing was written; repeating cannot help.
	ErrTooLarge = errors.New("too large")

	// ErrBadKey: a key is empty or begins below 0x22. Nothing was written.
	ErrBadKey = errors.New("key is empty or begins with a byte reserved for the engine")

	// ErrAhead: the mark asked for is beyond this store's history: it was cut
	// back since, for example by restoring a backup.
	ErrAhead = errors.New("mark is ahead of this store: its history was cut back")

	// ErrReaderDone: a Reader was used after the function it was given to
	// returned.
	ErrReaderDone = errors.New("reader used after its function returned")

	// ErrInUse: another process, or this one, has the store open.
	ErrInUse = errors.New("store is in use")

	// ErrDamaged: files of the store are missing or cannot be read. It was not
	// changed.
	ErrDamaged = errors.New("store is damaged")

	// ErrKey: the key does not open this store, or one is given for a store that
	// has none, or none for one that has. It was not changed.
	ErrKey = errors.New("the key is not that of this store")

	// ErrNewer: the store was written by a newer version of the program. It was
	// not touched.
	ErrNewer = errors.New("store has a newer format than this program knows: use the newer program")
)
