package main

import (
	"math"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// fit changes a schema, and every schema in it, where the one that follows from
// the Go types would treat an object otherwise than existing clusters do.
//
//   - The metadata of a pod template keeps labels and annotations alone. A name
//     or a finalizer is dropped, as it is there; it would change the hash of the
//     template, which names the ReplicaSet.
//   - Requests and limits may be fractions, "cpu: 0.5", which people write and the
//     Go types read, but a schema of a quantity refuses.
//   - An empty default is dropped: it means the same as none, but the empty string
//     it leaves in a probe would change the hash.
//   - A list of a pod template may repeat a key where Kubernetes allows it: two
//     environment variables of one name, of which the last counts, or two
//     references to one pull secret. As a keyed list it would be refused.
//   - Rules in CEL are dropped. Ours has none; those of a Job compare it with its
//     older self, which the API server refuses inside of a list of metrics. It
//     asks them when it is given the Job itself.
//   - A volume is kept as it was written. The Go types would fill in defaults
//     such as iscsi's interface, which again would change the hash, and their
//     schema is a third of the whole. Of those that most pods have the values must
//     be such as the Go types read.
//   - A value that the Go types cannot read is refused: see [readable].
func fit(s *apiextensionsv1.JSONSchemaProps) {
	s.XValidations = nil
	if s.Default != nil && (string(s.Default.Raw) == `""` || string(s.Default.Raw) == "false") {
		s.Default = nil
	}
	readable(s)
	if isResources(s) {
		s.Properties["limits"] = *amounts()
		s.Properties["requests"] = *amounts()
	}
	if isPodSpec(s) {
		volumes := s.Properties["volumes"]
		openVolume(volumes.Items.Schema)
		volumes.XListMapKeys, volumes.XListType = nil, nil
		s.Properties["volumes"] = volumes
	}
	if isEmbeddedMetadata(s) {
		delete(s.Properties, "finalizers")
		delete(s.Properties, "name")
		delete(s.Properties, "namespace")
	}
	for name, property := range s.Properties {
		if repeatable[name] {
			property.XListMapKeys, property.XListType = nil, nil
		}
		fit(&property)
		s.Properties[name] = property
	}
	if s.Items != nil && s.Items.Schema != nil {
		fit(s.Items.Schema)
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil {
		fit(s.AdditionalProperties.Schema)
	}
}

const (
	// generatedQuantity is the pattern that a quantity is generated with. It admits
	// exponents that are no whole numbers, which nothing reads.
	generatedQuantity = `^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$`
	// quantity is what resource.Quantity reads. The greatest is 2^63-1.
	quantity = `^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?[0-9]{1,2}))?$`
	// moment is what time.Parse reads as RFC 3339. The format date-time alone admits
	// small letters, and anything behind a second one.
	moment = `^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.,][0-9]+)?(Z|[+-]([01][0-9]|2[0-4]):([0-5][0-9]|60))$`
)

// readable refuses what a schema as it is generated admits, but the Go type of the
// field does not read. The API server would store such an object, and from then on no
// list of its kind could be read: one object would blind the controller for all.
func readable(s *apiextensionsv1.JSONSchemaProps) {
	switch {
	case s.Format == "date-time":
		s.Pattern = moment
		noList(s) // where a field has a format, a list is not asked for its type
	case s.Pattern == generatedQuantity:
		s.Pattern = quantity
	case s.XIntOrString && s.Pattern == "":
		least, most := float64(math.MinInt32), float64(math.MaxInt32)
		s.Minimum, s.Maximum = &least, &most
	}
}

// noList refuses lists where the type does not, by bounds that contradict each other.
func noList(s *apiextensionsv1.JSONSchemaProps) {
	none, one := int64(0), int64(1)
	s.MinItems, s.MaxItems = &one, &none
}

// amounts is the schema of requests and limits: quantities, or any numbers. Without a
// type, which a schema would need to refuse the rest in plain words, bounds that
// contradict each other refuse objects and lists.
func amounts() *apiextensionsv1.JSONSchemaProps {
	yes, none, one := true, int64(0), int64(1)
	amount := &apiextensionsv1.JSONSchemaProps{
		XPreserveUnknownFields: &yes, Pattern: quantity, MinProperties: &one, MaxProperties: &none,
		Not: &apiextensionsv1.JSONSchemaProps{Enum: []apiextensionsv1.JSON{{Raw: []byte("true")}, {Raw: []byte("false")}}},
	}
	noList(amount)
	return &apiextensionsv1.JSONSchemaProps{
		Type:                 "object",
		AdditionalProperties: &apiextensionsv1.JSONSchemaPropsOrBool{Allows: true, Schema: amount},
	}
}

// typedVolumes names the volumes that most pods have.
var typedVolumes = map[string]bool{
	"configMap": true, "csi": true, "downwardAPI": true, "emptyDir": true, "hostPath": true,
	"nfs": true, "persistentVolumeClaim": true, "projected": true, "secret": true,
}

// openVolume lets a volume be whatever it is. Its name, and the fields of those that
// most pods have, are of their type.
func openVolume(s *apiextensionsv1.JSONSchemaProps) {
	for name := range s.Properties {
		if name != "name" && !typedVolumes[name] {
			s.Properties[name] = *openObject()
		}
	}
	open(s)
}

// open takes from a schema all but the types of its fields.
func open(s *apiextensionsv1.JSONSchemaProps) {
	if s.Type == "object" && s.AdditionalProperties == nil {
		yes := true
		s.XPreserveUnknownFields = &yes
	}
	s.Default, s.Required, s.Enum = nil, nil, nil
	s.XListType, s.XListMapKeys, s.XMapType = nil, nil, nil
	for name, property := range s.Properties {
		open(&property)
		s.Properties[name] = property
	}
	if s.Items != nil && s.Items.Schema != nil {
		open(s.Items.Schema)
	}
}

// repeatable names the lists of a pod template in which Kubernetes allows two
// entries with one key.
var repeatable = map[string]bool{"env": true, "ports": true, "imagePullSecrets": true, "hostAliases": true}

// isPodSpec recognises the schema of corev1.PodSpec, which alone has both
// containers and volumes.
func isPodSpec(s *apiextensionsv1.JSONSchemaProps) bool {
	_, containers := s.Properties["containers"]
	_, volumes := s.Properties["volumes"]
	return containers && volumes
}

// isResources recognises the schema of corev1.ResourceRequirements and its kin,
// which alone have limits and requests.
func isResources(s *apiextensionsv1.JSONSchemaProps) bool {
	_, limits := s.Properties["limits"]
	_, requests := s.Properties["requests"]
	return limits && requests
}

// isEmbeddedMetadata recognises the schema of metav1.ObjectMeta, which alone has
// labels, annotations and finalizers.
func isEmbeddedMetadata(s *apiextensionsv1.JSONSchemaProps) bool {
	_, labels := s.Properties["labels"]
	_, annotations := s.Properties["annotations"]
	_, finalizers := s.Properties["finalizers"]
	return labels && annotations && finalizers
}

// openObject is the schema of any object.
func openObject() *apiextensionsv1.JSONSchemaProps {
	yes := true
	return &apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: &yes}
}
