package programs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/aviary-rollouts/aviary/internal/clock"
)

// ours is the line that begins the go.mod of the checkout.
const ours = "module github.com/aviary-rollouts/aviary"

// resolve fills in the folders that the caller left open.
func (b Builder) resolve() (Builder, error) {
	if b.Cache == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return b, fmt.Errorf("looking for a folder to keep programs in: %w (set HOME or XDG_CACHE_HOME)", err)
		}
		b.Cache = filepath.Join(cache, "aviary", "programs")
	}
	if b.Source == "" {
		root, err := Checkout()
		if err != nil {
			return b, err
		}
		b.Source = filepath.Join(root, "e2e", "programs")
	}
	return b, nil
}

// Checkout finds the root of our module above the current folder.
func Checkout() (string, error) {
	here, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := here; ; dir = filepath.Dir(dir) {
		content, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if first, _, _ := strings.Cut(string(content), "\n"); err == nil && first == ours {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no checkout of Aviary at or above %s: the programs are built from its e2e/programs, so run this in a checkout", here)
		}
	}
}

// key names what a program is built from: the nested module's files, the program's
// description, the platform, all flags.
func (p Program) key(source string) (string, error) {
	hash := sha256.New()
	files, err := filepath.Glob(filepath.Join(source, "*"))
	if err != nil {
		return "", err
	}
	if len(files) == 0 {
		return "", fmt.Errorf("no module to build %s from: %s is empty or missing", p.Name, source)
	}
	for _, file := range files { // sorted by Glob
		content, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("reading what %s is built from: %w", p.Name, err)
		}
		fmt.Fprintf(hash, "%s %d\n%s", filepath.Base(file), len(content), content)
	}
	described, err := json.Marshal(p)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(hash, "%s %s %s", described, runtime.GOOS, runtime.GOARCH)
	for _, binary := range p.Binaries {
		fmt.Fprintf(hash, " %q", binary.arguments(""))
	}
	return hex.EncodeToString(hash.Sum(nil)[:6]), nil
}

// lock takes a file's lock, which the kernel gives back when the process ends,
// and calls waiting once if somebody else has it.
func lock(ctx context.Context, path string, waiting func()) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("locking: %w", err)
	}
	for first := true; ; first = false {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			file.Close()
			return nil, fmt.Errorf("locking %s: %w", path, err)
		}
		if first {
			waiting()
		}
		if err := clock.Wait(ctx, time.Second/4); err != nil {
			file.Close()
			return nil, err
		}
	}
}
