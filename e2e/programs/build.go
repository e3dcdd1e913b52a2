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
	"strings"
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
	source := filepath.Join(b.Source, p.Name)
	key, err := p.key(source)
	if err != nil {
		return "", err
	}
	target := filepath.Join(b.Cache, p.Name+"-"+key)
	if built(target) {
		return target, nil
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

// arguments are those of the go command that builds a binary into a folder. What
// debuggers read is not compiled, since it would not be linked: that is a twentieth of
// the time.
func (b Binary) arguments(target string) []string {
	ldflags := []string{"-s", "-w"}
	for _, variable := range b.Stamp {
		ldflags = append(ldflags, "-X", variable)
	}
	arguments := []string{"build", "-v", "-trimpath", "-buildvcs=false", "-mod=readonly", "-gcflags=all=-dwarf=false", "-ldflags", strings.Join(ldflags, " ")}
	if len(b.Tags) > 0 {
		arguments = append(arguments, "-tags", strings.Join(b.Tags, ","))
	}
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
