// Package podhash names ReplicaSets after what their pods look like.
//
// The hash must be the one that existing clusters already carry in the label
// rollouts-pod-template-hash: a different one would roll every pod of every
// Rollout on the day the controller is replaced.
package podhash

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
)

// sentinel stands for "no creation time" while the template is marshalled.
var sentinel = metav1.NewTime(time.Date(1, 2, 3, 4, 5, 6, 0, time.UTC))

// Of returns the hash of a pod template: FNV-32a over its JSON, followed, when
// collisionCount is set (a count of 0 differs from none), by eight bytes that
// hold the count in little-endian order; the decimal number is then spelled in
// an alphabet without vowels.
//
// Older Kubernetes libraries wrote "creationTimestamp": null into every object
// metadata and newer ones leave it out; the null is part of the hash.
//
//	image ghcr.io/ssup2/mock-go-server:1.0.0, label app=mock-server, port 8080 -> 6579c6cc98
func Of(template corev1.PodTemplateSpec, collisionCount *int32) string {
	h := fnv.New32a()
	h.Write(templateJSON(template))
	if collisionCount != nil {
		var b [8]byte
		binary.LittleEndian.PutUint32(b[:4], uint32(*collisionCount))
		h.Write(b[:])
	}
	return spell(h.Sum32())
}

// OfSteps returns the hash of a list of canary steps: FNV-32a over its JSON,
// spelled like the hash of a template.
func OfSteps(steps any) string {
	b, err := json.Marshal(steps)
	if err != nil {
		panic(fmt.Sprintf("podhash: steps that were decoded from JSON cannot be encoded: %v", err))
	}
	h := fnv.New32a()
	h.Write(b)
	return spell(h.Sum32())
}

func spell(n uint32) string {
	return rand.SafeEncodeString(strconv.FormatUint(uint64(n), 10))
}

func templateJSON(t corev1.PodTemplateSpec) []byte {
	t.CreationTimestamp = sentinel
	for i := range t.Spec.Volumes {
		if e := t.Spec.Volumes[i].Ephemeral; e != nil && e.VolumeClaimTemplate != nil {
			t.Spec.Volumes = slices.Clone(t.Spec.Volumes)
			e = e.DeepCopy()
			e.VolumeClaimTemplate.CreationTimestamp = sentinel
			t.Spec.Volumes[i].Ephemeral = e
		}
	}
	b, err := json.Marshal(&t)
	if err != nil {
		panic(fmt.Sprintf("podhash: a template that was decoded from JSON cannot be encoded: %v", err))
	}
	// Inside a JSON string the quotes would be escaped, so this key can only be ours.
	return bytes.ReplaceAll(b, []byte(`"creationTimestamp":"0001-02-03T04:05:06Z"`), []byte(`"creationTimestamp":null`))
}
