package facade_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chuantou/chuantou/client-sdk/facade"
	"github.com/chuantou/chuantou/client-sdk/internal/fakeserver"
)

// TestBindable walks every exported signature: gomobile binds signed integers,
// floats, booleans, strings, byte slices, pointers to the package's structs and
// the package's interfaces, and functions with one result and an error at most.
func TestBindable(t *testing.T) {
	pkg := exported(t)
	b := binder{pkg: pkg}
	for _, name := range pkg.Scope().Names() {
		if obj := pkg.Scope().Lookup(name); obj.Exported() {
			b.object(obj)
		}
	}
	for _, p := range b.problems {
		t.Error(p)
	}
	if b.checked < 20 {
		t.Errorf("only %d signatures were found", b.checked)
	}
}

// exported type-checks the package alone. What it imports is not looked at: a
// foreign type in a signature is then invalid, and reported as not bindable.
func exported(t *testing.T) *types.Package {
	fset := token.NewFileSet()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	conf := types.Config{Importer: nothing{}, Error: func(error) {}}
	pkg, _ := conf.Check("facade", fset, files, nil) // errors are those of the imports
	return pkg
}

// nothing imports nothing.
type nothing struct{}

func (nothing) Import(path string) (*types.Package, error) {
	return nil, fmt.Errorf("%s is not looked at", path)
}

type binder struct {
	pkg      *types.Package
	checked  int
	problems []string
}

func (b *binder) object(obj types.Object) {
	switch obj := obj.(type) {
	case *types.Func:
		b.signature(obj.Name(), obj.Signature())
	case *types.TypeName:
		named, ok := obj.Type().(*types.Named)
		if !ok {
			b.problem(obj.Name(), "is an alias")
			return
		}
		for i := range named.NumMethods() {
			if m := named.Method(i); m.Exported() {
				b.signature(obj.Name()+"."+m.Name(), m.Signature())
			}
		}
		switch u := named.Underlying().(type) {
		case *types.Struct:
			for i := range u.NumFields() {
				if f := u.Field(i); f.Exported() && !b.binds(f.Type()) {
					b.problem(obj.Name()+"."+f.Name(), f.Type().String())
				}
			}
		case *types.Interface:
			for i := range u.NumMethods() {
				b.signature(obj.Name()+"."+u.Method(i).Name(), u.Method(i).Signature())
			}
		default:
			b.problem(obj.Name(), "is neither a struct nor an interface")
		}
	case *types.Const:
		if !b.binds(obj.Type()) {
			b.problem(obj.Name(), obj.Type().String())
		}
	default:
		b.problem(obj.Name(), "is a variable")
	}
}

func (b *binder) problem(name, what string) {
	b.problems = append(b.problems, fmt.Sprintf("%s: %s cannot be bound", name, what))
}

func (b *binder) signature(name string, s *types.Signature) {
	b.checked++
	if s.Variadic() || s.TypeParams().Len() > 0 {
		b.problem(name, "a variadic or generic function")
	}
	for i := range s.Params().Len() {
		if p := s.Params().At(i).Type(); !b.binds(p) {
			b.problem(name, p.String())
		}
	}
	res := s.Results()
	switch {
	case res.Len() > 2, res.Len() == 2 && !isError(res.At(1).Type()):
		b.problem(name, "its results")
	case res.Len() > 0 && !isError(res.At(0).Type()) && !b.binds(res.At(0).Type()):
		b.problem(name, res.At(0).Type().String())
	}
}

func isError(t types.Type) bool { return types.Identical(t, types.Universe.Lookup("error").Type()) }

func (b *binder) binds(t types.Type) bool {
	switch t := t.(type) {
	case *types.Basic:
		return t.Info()&(types.IsBoolean|types.IsString|types.IsFloat) != 0 || t.Info()&types.IsInteger != 0 && t.Info()&types.IsUnsigned == 0
	case *types.Slice:
		return types.Identical(t.Elem(), types.Typ[types.Byte])
	case *types.Pointer:
		n, ok := t.Elem().(*types.Named)
		return ok && n.Obj().Pkg() == b.pkg
	case *types.Named:
		_, isInterface := t.Underlying().(*types.Interface)
		return isInterface && t.Obj().Pkg() == b.pkg
	}
	return false
}

type listener chan string

func (l listener) Changed(record string) { l <- record }

// read returns a function that reads an answer as a JSON object.
func read(t *testing.T) func(out []byte, err error) map[string]any {
	return func(out []byte, err error) (m map[string]any) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(out, &m); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		return m
	}
}

func TestStory(t *testing.T) {
	server := fakeserver.New(3, time.Now)
	srv := httptest.NewServer(server)
	defer srv.Close()
	d, err := facade.Open(filepath.Join(t.TempDir(), "d"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if m := read(t)(d.Identity()); m["enrolled"] != false {
		t.Error(m)
	}
	read(t)(d.Enrol(fmt.Appendf(nil, `{"url":%q,"code":%q,"name":"A7"}`, srv.URL, server.Code(fakeserver.ID(1)))))
	changed := make(listener, 100)
	d.Watch(changed)
	m := read(t)(d.New(fmt.Appendf(nil, `{"kind":"ZF","set":{"visit_type":"企业走访","visit_mode":"上门","met":"未遇","place_code":"330903105901",
		"org_name":"船厂","owner_unit":%q,"notice_given":true,"scene":"门锁着"},"add":{"tags":["好做法"]}}`, fakeserver.ID(103))))
	draft, record := m["draft"].(string), m["record"].(string)
	read(t)(d.Edit(fmt.Appendf(nil, `{"draft":%q,"set":{"scene":"门开着"},"remove":{"tags":["好做法"]}}`, draft)))
	if got := <-changed; got != record {
		t.Errorf("%s changed, want %s", got, record)
	}
	if err := d.Submit(fmt.Appendf(nil, `{"drafts":[%q]}`, draft)); err != nil {
		t.Fatal(err)
	}
	one := fmt.Appendf(nil, `{"record":%q}`, record)
	if m := read(t)(d.Status(one)); m["sync"] != "待上传" {
		t.Error(m)
	}
	if n, err := d.ExportOutbox(filepath.Join(t.TempDir(), "outbox")); n != 1 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	if m := read(t)(d.Sync()); m["pushed"] != 1.0 {
		t.Error(m)
	}
	if v, err := d.Get(one); err != nil || !strings.Contains(string(v), "门开着") || strings.Contains(string(v), "好做法") {
		t.Errorf("%s %v", v, err)
	}
	if rows, err := d.Query([]byte(`{"kinds":["ZF"],"from":"2020-01-01"}`)); err != nil || !strings.Contains(string(rows), record) {
		t.Errorf("%s %v", rows, err)
	}
	if err := d.Void(fmt.Appendf(nil, `{"record":%q,"reason":"写错"}`, record)); err != nil {
		t.Error(err)
	}
	if m := read(t)(d.Summary()); m["pending"] != 1.0 {
		t.Error(m)
	}
	if err := d.Restore(one); err != nil {
		t.Error(err)
	}
	if h, err := d.History(one); err != nil || !strings.Contains(string(h), `"own":true`) {
		t.Errorf("%s %v", h, err)
	}
	if !json.Valid(d.Schema()) {
		t.Error("the schema is no JSON")
	}
}

func TestBadRequests(t *testing.T) {
	d, err := facade.Open(filepath.Join(t.TempDir(), "d"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for name, q := range map[string]string{"no JSON": "{", "two values": "{} {}", "misspelt": `{"kinf":"ZF"}`, "no kind": `{}`, "wrong type": `{"kind":7}`,
		"unknown kind": `{"kind":"XX"}`, "unknown field": `{"kind":"ZF","set":{"x":1}}`, "not UTF-8": "{\"kind\":\"\xff\"}"} {
		if out, err := d.New([]byte(q)); err == nil || out != nil {
			t.Errorf("%s: %s, %v", name, out, err)
		}
	}
	if _, err := d.Get([]byte(`{"record":"x"}`)); err == nil {
		t.Error("a record that is no id")
	}
	if _, err := d.Query([]byte(`{"from":"today"}`)); err == nil {
		t.Error("a day that is none")
	}
	if err := d.Submit([]byte(`{"drafts":["none"]}`)); err == nil {
		t.Error("a draft that is none")
	}
}

func FuzzNew(f *testing.F) {
	f.Add([]byte(`{"kind":"ZF","set":{"met":"未遇","tags":["a"],"interviewees":[{"person":"x"}]},"add":{"tags":["b"]}}`))
	f.Add([]byte(`{"kind":"HY","set":{"statements":[{"text":"x","id":"new-7"}]},"remove_items":{"statements":["new-1"]}}`))
	d, err := facade.Open(filepath.Join(f.TempDir(), "d"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { d.Close() })
	f.Fuzz(func(t *testing.T, q []byte) {
		out, err := d.New(q)
		if err == nil && !json.Valid(out) {
			t.Fatalf("%q gives %q", q, out)
		}
	})
}

// Two phones change one field apart; one shows both versions and settles them.
func TestConflictIsSettled(t *testing.T) {
	server := fakeserver.New(4, time.Now)
	srv := httptest.NewServer(server)
	defer srv.Close()
	var phones [2]*facade.Device
	for i := range phones {
		d, err := facade.Open(filepath.Join(t.TempDir(), "d"))
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		read(t)(d.Enrol(fmt.Appendf(nil, `{"url":%q,"code":%q,"name":"A%d"}`, srv.URL, server.Code(fakeserver.ID(1+i)), i)))
		phones[i] = d
	}
	m := read(t)(phones[0].New(fmt.Appendf(nil, `{"kind":"ZF","set":{"visit_type":"企业走访","visit_mode":"上门","met":"未遇","place_code":"330903105901",
		"org_name":"船厂","owner_unit":%q,"notice_given":true,"scene":"门锁着","visitor_ids":[%q]}}`, fakeserver.ID(103), fakeserver.ID(2))))
	one := fmt.Appendf(nil, `{"record":%q}`, m["record"])
	submit := func(d *facade.Device, draft any) {
		t.Helper()
		if err := d.Submit(fmt.Appendf(nil, `{"drafts":[%q]}`, draft)); err != nil {
			t.Fatal(err)
		}
	}
	submit(phones[0], m["draft"])
	read(t)(phones[0].Sync())
	read(t)(phones[1].Sync())
	for i, d := range phones {
		e := read(t)(d.Edit(fmt.Appendf(nil, `{"record":%q,"set":{"met":%q}}`, m["record"], []string{"见到本人", "见到家属"}[i])))
		if list, err := d.Drafts(); err != nil || !strings.Contains(string(list), e["draft"].(string)) {
			t.Errorf("drafts %s, %v", list, err)
		}
		submit(d, e["draft"])
		read(t)(d.Sync())
	}
	read(t)(phones[0].Sync())
	var open []struct {
		Field  string
		Values []struct{ Version, Value string }
	}
	raw, err := phones[0].Conflicts(one)
	if err == nil {
		err = json.Unmarshal(raw, &open)
	}
	if err != nil || len(open) != 1 || open[0].Field != "met" || len(open[0].Values) != 2 {
		t.Fatalf("%s: %v", raw, err)
	}
	chosen, other := open[0].Values[0].Version, open[0].Values[1].Version
	if err := phones[0].Resolve(fmt.Appendf(nil, `{"record":%q,"field":"met","chosen":%q,"settles":[%q]}`, m["record"], chosen, chosen)); err == nil {
		t.Error("a choice that names one of two versions was taken")
	}
	if err := phones[0].Resolve(fmt.Appendf(nil, `{"record":%q,"field":"met","chosen":%q,"settles":[%q,%q]}`, m["record"], chosen, chosen, other)); err != nil {
		t.Fatal(err)
	}
	if raw, err := phones[0].Conflicts(one); err != nil || string(raw) != "[]" {
		t.Errorf("after the choice %s, %v", raw, err)
	}
	if v, err := phones[0].Get(one); err != nil || !strings.Contains(string(v), open[0].Values[0].Value) || strings.Contains(string(v), open[0].Values[1].Value) {
		t.Errorf("after the choice %s, %v", v, err)
	}
}

// A draft can be shared before it is done, and thrown away; a PIN can be changed.
func TestDraftsAndPIN(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	server := fakeserver.New(5, time.Now)
	srv := httptest.NewServer(server)
	defer srv.Close()
	d, err := facade.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	read(t)(d.Enrol(fmt.Appendf(nil, `{"url":%q,"code":%q,"name":"A7"}`, srv.URL, server.Code(fakeserver.ID(1)))))
	shared := read(t)(d.New([]byte(`{"kind":"HY","set":{"place_code":"330903105901"}}`)))
	thrown := read(t)(d.New([]byte(`{"kind":"ZF"}`)))
	if err := d.Share(fmt.Appendf(nil, `{"drafts":[%q]}`, shared["draft"])); err != nil {
		t.Error(err)
	}
	if err := d.Discard(fmt.Appendf(nil, `{"drafts":[%q]}`, thrown["draft"])); err != nil {
		t.Error(err)
	}
	if list, err := d.Drafts(); err != nil || strings.Contains(string(list), thrown["draft"].(string)) {
		t.Errorf("drafts %s, %v", list, err)
	}
	if _, err := d.EnrolAgain([]byte(`{"code":"AAAA-AAAA-AAAA-AAAA"}`)); err == nil {
		t.Error("a new number by a code that is none")
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := facade.ChangePIN(dir, "", "284751"); err != nil {
		t.Fatal(err)
	}
	if d, err := facade.Open(dir); err == nil {
		d.Close()
		t.Error("opened without the PIN")
	}
	if d, err = facade.OpenWithPIN(dir, "284751"); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}
