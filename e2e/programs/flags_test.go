package programs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The Makefile and the builder of images, which cannot call Flags, have the same ones.
func TestFlagsAreRepeated(t *testing.T) {
	flags := strings.Join(Flags(), " ")
	for file, line := range map[string]string{
		"Makefile":              "\nFLAGS := " + flags + "#",
		"tools/images/image.go": "\nconst flags = \"" + flags + "\"\n",
	} {
		content, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(file)))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(content), line) {
			t.Errorf("%s has other flags than %q of flags.go, so that all packages are compiled twice", file, flags)
		}
	}
}
