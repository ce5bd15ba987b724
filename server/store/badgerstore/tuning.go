package badgerstore

import (
	"math"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// What follows was measured with BenchmarkStorm and BenchmarkRead, on two cores,
// at 7,000 updates a second of eight keys and 1.5 KB each: the load of a whole
// port docking at once, of which most servers never see a tenth. "Live" is the
// heap that a collection of garbage leaves; a process takes up to twice that, or
// what GOMEMLIMIT says if it is more than live.
//
//	                                     CPU/update  live avg, max   disk/update
//	Snappy, 8 MiB logs, 2 MiB tables     67 µs       83, 168 MiB     0.75 KB
//	  zstd instead                       90 µs       about the same  0.7 KB
//	  16 MiB logs                        78 µs       101, 198 MiB    0.75 KB
//	values over 100 bytes in a value log 48 µs       39, 78 MiB      1.9 KB
//	no compression, as chosen            65 µs       47, 83 MiB      1.6 KB
//
// Compression costs Badger three buffers for each table it builds, and a cache of
// unpacked blocks for reading; who stores large values compresses them before.
// With the value log it is little memory, but its garbage must be collected, which
// writes old values again beside new ones and has brought deleted keys back (Badger
// 2286, 2310): not for the one copy of what people wrote.
//
// As chosen, with GOMEMLIMIT=90MiB, which a server should be run with or set: 95
// MiB resident in the median, of that 70 of heap and stacks (82 at the peak) and
// 25 of mapped files (80 to 110 at the peak, see trim_linux.go). Without a limit
// 133, of that 107. Reading one of 1,000,000 keys takes 7 µs and 50 in a row 40 µs,
// either way; 2 µs and 13 µs with 10,000. 5,000,000 keys in random order take
// 962 MB, open in 0.1 s, and read at 24 µs and 146 µs on a busy machine.
const (
	// memTableBytes is when Badger ends a log and writes what it holds as a table.
	// It takes transactions of 15 % of that, which must be more than a batch of
	// store.MaxBatchBytes and store.MaxBatchKeys with all that Badger adds.
	memTableBytes = 7 << 20

	// tableBytes: Badger takes twice as much memory for each table it builds, and
	// seven of those at times, for good; for one that holds a whole log, 12 MiB.
	tableBytes = 2 << 20

	// blockBytes: a value that does not fit into what is left of a block begins
	// another, so blocks of 4 KiB were half empty in memory with records of 2 KiB.
	blockBytes = 16 << 10

	// What an encrypted store keeps decrypted: blocks, and of each table its index
	// and filter, a hundredth of it. Encrypted, the load above takes twice the CPU
	// and 25 MiB more at the peak, whatever these are.
	blockCacheBytes = 4 << 20
	indexCacheBytes = 8 << 20

	// maxUnsynced bounds how many groups wait for the disk.
	maxUnsynced = 8
)

func badgerOptions(dir string, key []byte, log badger.Logger) badger.Options {
	o := badger.DefaultOptions(dir)
	o.Logger = log
	o.SyncWrites = badgerSyncs
	o.DetectConflicts = false // the committer is the only writer
	o.NumVersionsToKeep = 1
	o.MetricsEnabled = false

	// Every value lies beside its key; the value log stays empty.
	o.ValueThreshold = 1 << 20
	o.ValueLogFileSize = 1 << 20

	// Blocks are read where they lie, in the mapped files.
	o.Compression = options.None
	o.BlockSize = blockBytes
	o.BlockCacheSize = 0
	o.IndexCacheSize = 0

	o.MemTableSize = memTableBytes
	o.NumMemtables = 1 // waiting to be written, beside the one that is
	o.BaseTableSize = tableBytes

	// Few tables take part in a compaction: Badger splits it by three tables of
	// the lower level and works on all parts at once.
	o.TableSizeMultiplier = 1
	o.BaseLevelSize = 6 * tableBytes
	o.LevelSizeMultiplier = 4
	o.NumCompactors = 2
	o.NumLevelZeroTablesStall = 10 // bounds what one compaction needs of disk and memory

	// A block that does not match its checksum would end the scan it is met in,
	// or the compaction, as if nothing followed; see Verify.
	o.ChecksumVerificationMode = options.NoVerification

	if key != nil {
		// Blocks and indexes are decrypted to be read, and kept for the next time.
		// One data key serves for as long as the key does: every block has its own
		// random start of 16 bytes and every log one of 12 with its place in the
		// file, so that rotation wins nothing that Rekey does not.
		o.EncryptionKey = key
		o.EncryptionKeyRotationDuration = math.MaxInt64
		o.BlockCacheSize = blockCacheBytes
		o.IndexCacheSize = indexCacheBytes
	}
	return o
}
