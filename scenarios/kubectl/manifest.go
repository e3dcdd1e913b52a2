package kubectl

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// manifest is an object from a file.
type manifest struct {
	file   string
	object *unstructured.Unstructured
}

// manifests reads every object of the named files.
func (k *Kubectl) manifests(names []string) ([]manifest, error) {
	if len(names) == 0 {
		return nil, errors.New("error: must specify -f FILE")
	}
	var found []manifest
	for _, name := range names {
		files, err := k.Files(name)
		if err != nil {
			return nil, fmt.Errorf("error: %w", err)
		}
		for _, f := range files {
			objects, err := readManifests(f)
			if err != nil {
				return nil, err
			}
			found = append(found, objects...)
		}
	}
	if len(found) == 0 {
		return nil, errors.New("error: no objects passed to apply")
	}
	return found, nil
}

// readManifests reads the documents of one file. Lines in errors are those of
// the file.
func readManifests(f File) ([]manifest, error) {
	var found []manifest
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(f.Data)))
	line := 0
	for {
		doc, err := reader.Read()
		if err == io.EOF {
			return found, nil
		}
		if err != nil {
			return nil, fmt.Errorf("error: error parsing %s: %w", f.Name, err)
		}
		// The blank lines make the parser count from the start of the file.
		padded := append(bytes.Repeat([]byte("\n"), line), doc...)
		line += bytes.Count(doc, []byte("\n")) + 1
		objects, err := readManifest(f.Name, padded)
		if err != nil {
			return nil, err
		}
		found = append(found, objects...)
	}
}

// readManifest reads one document: nothing, an object, or a list of objects.
func readManifest(file string, doc []byte) ([]manifest, error) {
	data, err := yaml.YAMLToJSONStrict(doc)
	if err != nil {
		text := strings.Join(strings.Fields(err.Error()), " ")
		return nil, fmt.Errorf("error: error parsing %s: error converting YAML to JSON: %s", file, text)
	}
	if string(data) == "null" {
		return nil, nil
	}
	content, err := unmarshal(data)
	if err != nil {
		return nil, fmt.Errorf("error: error parsing %s: the document is not an object with apiVersion and kind", file)
	}
	obj := &unstructured.Unstructured{Object: content}
	for _, field := range []struct{ name, value string }{
		{"apiVersion", obj.GetAPIVersion()}, {"kind", obj.GetKind()},
	} {
		if field.value == "" {
			return nil, fmt.Errorf("error: error validating %q: error validating data: %s not set", file, field.name)
		}
	}
	if !obj.IsList() {
		return []manifest{{file, obj}}, nil
	}
	var found []manifest
	err = obj.EachListItem(func(item runtime.Object) error {
		found = append(found, manifest{file, item.(*unstructured.Unstructured)})
		return nil
	})
	return found, err
}

// unmarshal reads a JSON object with whole numbers as int64, as unstructured
// objects want them.
func unmarshal(data []byte) (map[string]any, error) {
	var content map[string]any
	err := utiljson.Unmarshal(data, &content)
	return content, err
}
