package programs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// progressEvery is after how many compiled packages a line of progress is due.
const progressEvery = 100

// Builder builds programs at their first use.
type Builder struct {
	// Cache is the folder that keeps what was built; empty means aviary/programs
	// in the user's cache folder.
	Cache string
	// Source is the folder with the nested modules; empty means e2e/programs of
	// the checkout that the current folder is in.
	Source string
	// Progress gets a line now and then while something is built; nil gets none.
	Progress io.Writer
}

// Build returns the folder with a program's binaries, links and files, after
// building them if they are not there. What it builds from is part of the
// folder's name, so a change of version or flags builds anew.
func (b Builder) Build(ctx context.Context, p Program) (string, error) {
	b, err := b.resolve()
	if err != nil {
		return "", err
	}
	source, target, err := b.locate(p)
	if err != nil || built(target) {
		return target, err
	}
	if err := os.MkdirAll(b.Cache, 0o755); err != nil {
		return "", fmt.Errorf("making the folder for programs: %w", err)
	}
	unlock, err := lock(ctx, target+".lock", func() { b.say("%s: another process is building it, waiting", p.Name) })
	if err != nil {
		return "", err
	}
	defer unlock()
	if built(target) {
		return target, nil
	}
	return target, b.make(ctx, p, source, target)
}

// Missing returns those of some programs that Build would have to build.
func (b Builder) Missing(all []Program) ([]Program, error) {
	b, err := b.resolve()
	if err != nil {
		return nil, err
	}
	return b.unbuilt(all), nil
}

func (b Builder) unbuilt(all []Program) []Program {
	return slices.DeleteFunc(slices.Clone(all), func(p Program) bool {
		_, target, err := b.locate(p)
		return err != nil || built(target)
	})
}

// BuildAll returns the folders of several programs, as Build does. It builds one after
// another, since each build is busy on all cores and what one compiles the next need
// not; the modules of the later ones are fetched meanwhile.
func (b Builder) BuildAll(ctx context.Context, all []Program) (folders []string, err error) {
	if b, err = b.resolve(); err != nil {
		return nil, err
	}
	missing := b.unbuilt(all)
	fetching, stop := context.WithCancel(ctx)
	var fetcher sync.WaitGroup
	fetcher.Go(func() {
		for i, p := range missing {
			if i > 0 { // the first is fetched where it is built
				b.fetch(fetching, p)
			}
		}
	})
	defer fetcher.Wait()
	defer stop()
	for _, p := range all {
		folder, err := b.Build(ctx, p)
		if err != nil {
			return nil, err
		}
		folders = append(folders, folder)
	}
	return folders, nil
}

// fetch lets the go command fetch the modules that a program's packages are in. What
// does not succeed is told by the build, which asks for the same.
func (b Builder) fetch(ctx context.Context, p Program) {
	for _, binary := range p.Binaries {
		list := append([]string{"list", "-deps", "-mod=readonly"}, Flags(binary.Tags...)...)
		_ = b.command(ctx, filepath.Join(b.Source, p.Name), append(list, binary.Package)...).Run()
	}
}

// locate returns the folder of a program's module, and the one that keeps what was
// built from it.
func (b Builder) locate(p Program) (source, target string, err error) {
	source = filepath.Join(b.Source, p.Name)
	key, err := p.key(source)
	if err != nil {
		return "", "", err
	}
	return source, filepath.Join(b.Cache, p.Name+"-"+key), nil
}

// built says whether a folder is there. It is renamed into place when complete.
func built(target string) bool {
	info, err := os.Stat(target)
	return err == nil && info.IsDir()
}

// make builds a program beside its target and then moves it there, so that an
// interrupted build leaves nothing that looks complete.
func (b Builder) make(ctx context.Context, p Program, source, target string) error {
	part := target + ".part"
	if err := errors.Join(os.RemoveAll(part), os.MkdirAll(part, 0o755)); err != nil {
		return fmt.Errorf("making the folder for %s: %w", p.Name, err)
	}
	b.say("%s: building it from source, which takes minutes once; kept in %s", p.Name, target)
	for _, file := range p.Files {
		if err := b.copy(ctx, source, part, file); err != nil {
			return fmt.Errorf("copying %s of the module of %s: %w", file.Path, file.Package, err)
		}
	}
	for _, binary := range p.Binaries {
		if err := b.compile(ctx, source, part, binary); err != nil {
			return fmt.Errorf("building %s of %s: %w", binary.Name, source, err)
		}
		for _, link := range binary.Links {
			if err := os.Symlink(binary.Name, filepath.Join(part, link)); err != nil {
				return fmt.Errorf("naming %s: %w", binary.Name, err)
			}
		}
	}
	if err := os.Rename(part, target); err != nil {
		return fmt.Errorf("keeping %s: %w", p.Name, err)
	}
	return nil
}

// compile runs go build for one binary.
func (b Builder) compile(ctx context.Context, source, target string, binary Binary) error {
	cmd := b.command(ctx, source, binary.arguments(target)...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("running go: %w (Go has to be in PATH)", err)
	}
	last := b.follow(binary.Name, stderr)
	if err := cmd.Wait(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%w; the modules are fetched through GOPROXY and need some GB of disk; go said:\n%s", err, strings.Join(last, "\n"))
	}
	return nil
}

// arguments are those of the go command that builds a binary into a folder.
func (b Binary) arguments(target string) []string {
	ldflags := []string{"-s", "-w"}
	for _, variable := range b.Stamp {
		ldflags = append(ldflags, "-X", variable)
	}
	arguments := append([]string{"build", "-v", "-buildvcs=false", "-mod=readonly", "-ldflags", strings.Join(ldflags, " ")}, Flags(b.Tags...)...)
	return append(arguments, "-o", filepath.Join(target, b.Name), b.Package)
}

// command is the go command in a nested module. GOFLAGS and GOWORK of the caller
// are left out: they are meant for another module.
func (b Builder) command(ctx context.Context, source string, arguments ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", arguments...)
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	return cmd
}

// follow reads what go build -v says: the packages as it compiles them, which
// are counted, and errors. It returns the last lines.
func (b Builder) follow(name string, stderr io.Reader) []string {
	const keep = 25
	var last []string
	count := 0
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		last = append(last, lines.Text())
		last = last[max(0, len(last)-keep):]
		if strings.ContainsAny(lines.Text(), " :") {
			continue // not the path of a package
		}
		if count++; count%progressEvery == 0 {
			b.say("%s: %d packages compiled", name, count)
		}
	}
	return last
}

// copy copies a file of a module that the nested module requires.
func (b Builder) copy(ctx context.Context, source, target string, file File) error {
	out, err := b.command(ctx, source, "list", "-f", "{{.Module.Dir}}", file.Package).Output()
	if err != nil {
		if exit := new(exec.ExitError); errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		return err
	}
	content, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), filepath.FromSlash(file.Path)))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(target, file.Name), content, 0o644)
}

// say writes a line of progress.
func (b Builder) say(format string, args ...any) {
	if b.Progress != nil {
		fmt.Fprintf(b.Progress, format+"\n", args...)
	}
}
