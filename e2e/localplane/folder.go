package localplane

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// marker is the file by which a plane's folder is known, and which its owner
// holds the lock of.
const marker = ".aviary-local"

// folder is where a plane keeps everything.
type folder struct {
	path string
	// temporary says whether it goes away with the plane.
	temporary bool
	lock      *os.File
}

// openFolder makes a plane's folder, or empties the one of an earlier plane. An
// empty path means a new folder for temporary files.
func openFolder(path string) (*folder, error) {
	f := &folder{path: path}
	var err error
	if path == "" {
		sweep()
		f.temporary = true
		f.path, err = os.MkdirTemp("", temporaryPrefix)
	} else if f.path, err = filepath.Abs(path); err == nil {
		err = os.MkdirAll(f.path, 0o755)
	}
	if err != nil {
		return nil, fmt.Errorf("making the folder of the local control plane: %w", err)
	}
	if err := f.claim(); err != nil {
		return nil, err
	}
	return f, f.wipe()
}

// temporaryPrefix begins the names of folders for temporary files.
const temporaryPrefix = "aviary-local-"

// sweep removes the temporary folders of planes whose process was killed: nobody has
// their lock. What cannot be removed stays, as it would without it.
func sweep() {
	found, _ := filepath.Glob(filepath.Join(os.TempDir(), temporaryPrefix+"*", marker)) // the pattern is none of a person's
	for _, path := range found {
		lock, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			continue
		}
		owner, err := io.ReadAll(lock) // an owner who has not locked it yet has not signed it, either
		if err == nil && len(owner) > 0 && syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(filepath.Dir(path))
		}
		_ = lock.Close()
	}
}

// keep lets a temporary folder stay, so that nobody sweeps it, either.
func (f *folder) keep() {
	if f.temporary {
		f.temporary = false
		_ = os.Remove(f.lock.Name()) // with it, it would go with the next plane at the latest
	}
}

// claim takes the folder for this process. What it does not know as a plane's it
// does not touch.
func (f *folder) claim() error {
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return fmt.Errorf("looking into %s: %w", f.path, err)
	}
	known := len(entries) == 0
	for _, entry := range entries {
		known = known || entry.Name() == marker
	}
	if !known {
		return fmt.Errorf("%s is not empty and no folder of a local control plane, which would wipe it: name another folder", f.path)
	}
	f.lock, err = os.OpenFile(filepath.Join(f.path, marker), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("claiming %s: %w", f.path, err)
	}
	if err := syscall.Flock(int(f.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		owner, _ := os.ReadFile(f.lock.Name())
		f.lock.Close()
		return fmt.Errorf("%s belongs to a local control plane that runs (process %s): end it or name another folder", f.path, strings.TrimSpace(string(owner)))
	}
	if err := errors.Join(f.lock.Truncate(0), write(f.lock, fmt.Sprintln(os.Getpid()))); err != nil {
		return fmt.Errorf("claiming %s: %w", f.path, err)
	}
	return nil
}

func write(file *os.File, text string) error {
	_, err := file.WriteAt([]byte(text), 0)
	return err
}

// wipe removes what an earlier plane left.
func (f *folder) wipe() error {
	entries, err := os.ReadDir(f.path)
	for _, entry := range entries {
		if entry.Name() != marker {
			err = errors.Join(err, os.RemoveAll(filepath.Join(f.path, entry.Name())))
		}
	}
	if err != nil {
		return fmt.Errorf("wiping %s: %w", f.path, err)
	}
	return nil
}

// close gives the folder back, and removes it if it was temporary.
func (f *folder) close() error {
	var err error
	if f.temporary {
		err = os.RemoveAll(f.path)
	}
	return errors.Join(err, f.lock.Close())
}

// join is the path of a file or folder in it.
func (f *folder) join(names ...string) string {
	return filepath.Join(append([]string{f.path}, names...)...)
}

// put writes files by their names relative to the folder. Keys and kubeconfigs
// are among them: only the owner may read any.
func (f *folder) put(files map[string][]byte) error {
	for name, content := range files {
		path := f.join(name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, content, 0o600)); err != nil {
			return fmt.Errorf("writing a file of the local control plane: %w", err)
		}
	}
	return nil
}
