// Package validate says what is wrong with a Rollout, in the words of the
// controller that this one replaces.
//
// The first error of [Rollout] becomes the InvalidSpec condition, so the order
// of the rules, the field paths and the texts are interface. Paths are those
// that users of the original know, even where they are odd: the fields of a
// canary are reported under spec.strategy, without canary, as long as only the
// spec is looked at; what other objects say about it is reported under
// spec.strategy.canary.
//
// The pod template is checked by a subset of the API server's rules: the
// mistakes that people make, found before a ReplicaSet is refused. The security
// context is left to the API server.
//
// [Experiment] and [AnalysisTemplate] are the same for the other kinds; an
// AnalysisTemplate is looked at by whoever lints it, as no controller has a place
// to say what is wrong with one.
//
// It is pure: other objects are handed in as [Refs]. Read rollout.go next, then
// one file per part of the spec: template.go, canary.go, steps.go, routing.go,
// bluegreen.go, references.go.
package validate
