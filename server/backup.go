package server

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/chuantou/chuantou/server/backup"
	"github.com/chuantou/chuantou/server/records"
	"github.com/chuantou/chuantou/server/store"
	"github.com/chuantou/chuantou/syncproto"
	"github.com/chuantou/chuantou/syncproto/sign"
)

// backupFiles are the files of a data folder that a backup holds beside the
// store. The list of erasures must not be among them: it is kept apart from
// backups, and carried out again on a restored folder.
func backupFiles() []string {
	names := []string{settingsName}
	for _, name := range keyFiles {
		names = append(names, keysName+"/"+name)
	}
	return names
}

// rootNames are the files of authorities that the settings speak of; plain http
// and public certificates have none.
func rootNames(set settings) (names []string) {
	for _, move := range []int{set.Moved, set.Moves} {
		cert, key := rootFiles(move)
		if cert = keysName + "/" + cert; !slices.Contains(names, cert) {
			names = append(names, cert, keysName+"/"+key)
		}
	}
	return names
}

func (s *Server) keyHash() syncproto.Hash {
	return sign.KeyHash(s.keys.sign.Public().(ed25519.PublicKey))
}

// Backup writes all that is needed to serve again, in the form of package
// backup and not sealed: the state of one moment, while the server goes on. It
// holds little in memory and delays no update.
func (s *Server) Backup(ctx context.Context, w io.Writer, program string) (sum backup.Summary, err error) {
	h := backup.Header{Server: s.keyHash(), Origin: s.settings.Origin, Taken: s.now().UnixMilli(), Program: program}
	rand.Read(h.ID[:]) // never fails, see crypto/rand
	if h.Epoch, err = s.store.Epoch(ctx); err != nil {
		return sum, fmt.Errorf("backup: %w", err)
	}
	var files []backup.File
	for _, name := range backupFiles() {
		b, err := os.ReadFile(filepath.Join(s.cfg.Dir, filepath.FromSlash(name)))
		if err != nil {
			return sum, fmt.Errorf("backup: %w", err)
		}
		files = append(files, backup.File{Name: name, Content: b})
	}
	set, err := readSettings(s.cfg.Dir)
	if err != nil {
		return sum, fmt.Errorf("backup: %w", err)
	}
	for _, name := range rootNames(set) {
		b, err := os.ReadFile(filepath.Join(s.cfg.Dir, filepath.FromSlash(name)))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return sum, fmt.Errorf("backup: %w", err)
		}
		files = append(files, backup.File{Name: name, Content: b})
	}
	err = s.store.View(ctx, 0, func(r store.Reader) error {
		sum, err = backup.Write(w, h, files, endingReader{r, ctx})
		return err
	})
	if err == nil {
		// A rollback noticed meanwhile would make what was written another history's.
		var epoch string
		if epoch, err = s.store.Epoch(ctx); err == nil && epoch != h.Epoch {
			err = ErrOtherHistory
		}
	}
	if err != nil {
		return sum, fmt.Errorf("backup: %w", err)
	}
	return sum, nil
}

// endingReader ends a long scan with its context.
type endingReader struct {
	store.Reader
	ctx context.Context
}

func (r endingReader) Scan(from, to store.Key, reverse bool, fn func(store.Key, []byte) (bool, error)) error {
	return r.Reader.Scan(from, to, reverse, func(k store.Key, v []byte) (bool, error) {
		if err := r.ctx.Err(); err != nil {
			return false, err
		}
		return fn(k, v)
	})
}

// Verified is what a backup was found to hold after it was read to its end.
type Verified struct {
	backup.Summary
	// Received is what of each replica is in it.
	Received map[syncproto.ReplicaID]syncproto.Ranges
}

// VerifyBackup reads an opened backup to its end and finds it whole: keys that
// can be used, settings that can be read, and every key and value.
func VerifyBackup(r io.Reader) (*Verified, error) {
	v := &verifier{files{}, logs{}}
	sum, err := backup.Read(r, v)
	if err != nil {
		return nil, err
	}
	if err := v.check(sum.Server); err != nil {
		return nil, err
	}
	out := &Verified{Summary: sum, Received: map[syncproto.ReplicaID]syncproto.Ranges{}}
	for _, id := range v.logs.replicas() {
		l, err := records.LoadLog(v.logs, id)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", backup.ErrDamaged, err)
		}
		out.Received[id] = l.Received
	}
	return out, nil
}

// verifier is a backup.Sink that keeps the files and the replicas' logs.
type verifier struct {
	files
	logs logs
}

func (v *verifier) Header(backup.Header) error { return nil }

func (v *verifier) Pair(k store.Key, value []byte) error {
	if records.IsLog(k) {
		v.logs[string(k)] = slices.Clone(value)
	}
	return nil
}

// logs are the replicas' logs of a backup, read as a store would be.
type logs map[string][]byte

func (l logs) Get(k store.Key) ([]byte, error) { return l[string(k)], nil }

func (l logs) Scan(store.Key, store.Key, bool, func(store.Key, []byte) (bool, error)) error {
	return errors.New("logs are read one by one")
}

func (l logs) replicas() (out []syncproto.ReplicaID) {
	for k := range l {
		if id, ok := records.LogOf(store.Key(k)); ok {
			out = append(out, id)
		}
	}
	return out
}

// files are the files of a backup by name.
type files map[string][]byte

// File is of backup.Sink.
func (f files) File(file backup.File) error {
	f[file.Name] = slices.Clone(file.Content)
	return nil
}

// check finds out whether the files are those that a backup must hold, and the
// keys those of the server it names.
func (f files) check(server syncproto.Hash) error {
	for _, name := range backupFiles() {
		if _, ok := f[name]; !ok {
			return fmt.Errorf("%w: %s is not in it", backup.ErrDamaged, name)
		}
	}
	set, err := parseSettings(f[settingsName], settingsName)
	if err != nil {
		return fmt.Errorf("%w: %w", backup.ErrDamaged, err)
	}
	known := append(backupFiles(), rootNames(set)...)
	for name := range f {
		if !slices.Contains(known, name) {
			return fmt.Errorf("%w: it holds files that are none of a server's", backup.ErrDamaged)
		}
	}
	k, err := parseKeys(func(name string) (string, []byte, error) {
		file := keysName + "/" + name
		return file, f[file], nil
	})
	if err != nil {
		return fmt.Errorf("%w: %w", backup.ErrDamaged, err)
	}
	if sign.KeyHash(k.sign.Public().(ed25519.PublicKey)) != server {
		return fmt.Errorf("%w: its keys are not those of the server it names", backup.ErrDamaged)
	}
	return nil
}

// markBatch is how many replicas' logs one update marks.
const markBatch = 200

// MarkBackedUp notes what a verified backup holds: from then on the receipts of
// those replicas say so, and devices need not keep that work for ever. It is for
// a backup of this server's present history alone.
func (s *Server) MarkBackedUp(ctx context.Context, v *Verified) error {
	if v.Server != s.keyHash() {
		return ErrOtherServer
	}
	epoch, err := s.store.Epoch(ctx)
	if err != nil {
		return err
	}
	if epoch != v.Epoch {
		return ErrOtherHistory
	}
	ids := slices.SortedFunc(maps.Keys(v.Received), func(a, b syncproto.ReplicaID) int { return cmp.Compare(string(a[:]), string(b[:])) })
	for some := range slices.Chunk(ids, markBatch) {
		if err := s.markSome(ctx, v, some); err != nil {
			return fmt.Errorf("note what is backed up: %w", err)
		}
	}
	return nil
}

func (s *Server) markSome(ctx context.Context, v *Verified, ids []syncproto.ReplicaID) error {
	var guards []store.Key
	for _, id := range ids {
		guards = append(guards, records.LogKey(id))
	}
	_, err := s.store.Update(ctx, guards, func(r store.Reader) (b store.Batch, err error) {
		for _, id := range ids {
			l, err := records.LoadLog(r, id)
			if err != nil {
				return b, err
			}
			if !l.Received.Covers(v.Received[id]) {
				return b, fmt.Errorf("replica %s: %w: it holds changes that this server never received", id, ErrOtherHistory)
			}
			was := len(l.Append(nil))
			for _, run := range v.Received[id] {
				l.BackedUp = l.BackedUp.Add(run.From, run.To)
			}
			if err := records.PutBlocks(&b, records.LogKey(id), l.Append(nil), was); err != nil {
				return b, err
			}
		}
		return b, nil
	})
	return err
}

// RestoreOptions are all optional.
type RestoreOptions struct {
	Origin   string   // must be the backup's; else ErrOtherServer
	Store    NewStore // how the store is made
	Erasures []byte   // the list of what was erased, DIR/erasures of the installation that was
}

// Restore makes a data folder out of an opened backup. The folder must be new
// or empty, or one in which Restore was cut off. A backup that is not whole
// leaves nothing; a process that is ended in between leaves a folder that no
// server opens. The store begins a new history: devices see it by its epoch,
// and push what the backup does not have. What was erased since the backup is
// erased again before it is whole.
func Restore(ctx context.Context, dir string, o RestoreOptions, from io.Reader) (backup.Summary, error) {
	_, err := os.Stat(dir)
	fresh := errors.Is(err, os.ErrNotExist)
	if err := claim(dir, restoringName); err != nil {
		return backup.Summary{}, err
	}
	sum, err := restore(ctx, dir, o, from)
	if err != nil {
		left := errors.Join(clearAway(dir), os.Remove(filepath.Join(dir, restoringName)))
		if fresh && left == nil {
			left = os.Remove(dir)
		}
		return backup.Summary{}, errors.Join(err, left)
	}
	return sum, settle(dir, restoringName)
}

func restore(ctx context.Context, dir string, o RestoreOptions, from io.Reader) (sum backup.Summary, err error) {
	if _, err := parseErasures(o.Erasures, "the list of erasures"); err != nil {
		return sum, err
	}
	if err := os.Mkdir(keysDir(dir), 0o700); err != nil {
		return sum, err
	}
	engine, err := makeStore(dir, o.Store)
	if err != nil {
		return sum, err
	}
	to := &restorer{files: files{}, origin: o.Origin, ctx: ctx, store: engine}
	if sum, err = backup.Read(from, to); err == nil {
		err = to.flush()
	}
	if err = errors.Join(err, engine.Close()); err != nil {
		return sum, err
	}
	if err := to.check(sum.Server); err != nil {
		return sum, err
	}
	for name, content := range to.files {
		if err := writeNew(filepath.Join(dir, filepath.FromSlash(name)), content); err != nil {
			return sum, err
		}
	}
	if len(o.Erasures) > 0 {
		if err := errors.Join(writeNew(erasuresFile(dir), o.Erasures), markPurge(dir)); err != nil {
			return sum, err
		}
	}
	return sum, tryOut(dir, o.Store.given())
}

// tryOut opens the folder as a server would.
func tryOut(dir string, pass Passphrase) error {
	set, err := readSettings(dir)
	if err != nil {
		return err
	}
	s, err := open(Config{Dir: dir, Passphrase: pass}, set)
	if err != nil {
		return fmt.Errorf("the restored folder does not open: %w", err)
	}
	return s.Close()
}

// restorer is a backup.Sink that writes the pairs to a store, as many at a time
// as it takes.
type restorer struct {
	files
	origin string
	ctx    context.Context
	store  store.Store
	batch  store.Batch
}

func (r *restorer) Header(h backup.Header) error {
	if r.origin != "" && strings.TrimRight(r.origin, "/") != h.Origin {
		return fmt.Errorf("%w: %s", ErrOtherServer, h.Origin)
	}
	return nil
}

func (r *restorer) Pair(k store.Key, v []byte) error {
	if r.batch.Len() == store.MaxBatchKeys || r.batch.Bytes()+len(k)+len(v) > store.MaxBatchBytes {
		if err := r.flush(); err != nil {
			return err
		}
	}
	r.batch.Put(slices.Clone(k), slices.Clone(v))
	return nil
}

func (r *restorer) flush() error {
	_, err := r.store.Update(r.ctx, nil, func(store.Reader) (store.Batch, error) { return r.batch, nil })
	r.batch = store.Batch{}
	return err
}
