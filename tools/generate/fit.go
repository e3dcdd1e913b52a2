package main

import apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

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
//     schema is a third of the whole.
func fit(s *apiextensionsv1.JSONSchemaProps) {
	s.XValidations = nil
	if s.Default != nil && (string(s.Default.Raw) == `""` || string(s.Default.Raw) == "false") {
		s.Default = nil
	}
	if isResources(s) {
		s.Properties["limits"] = *openObject()
		s.Properties["requests"] = *openObject()
	}
	if isPodSpec(s) {
		volumes := s.Properties["volumes"]
		volumes.Items.Schema = openObject()
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
