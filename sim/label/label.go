// Package label asks whether an object has the labels that somebody selects by, as a
// selector of Kubernetes or of Istio's subsets does. Those who do so at every event
// cannot afford to make a labels.Selector each time.
package label

// All reports whether all of the labels wanted are there, with their values. Nothing
// wanted is always there.
func All(there, wanted map[string]string) bool {
	for key, value := range wanted {
		if have, ok := there[key]; !ok || have != value {
			return false
		}
	}
	return true
}
