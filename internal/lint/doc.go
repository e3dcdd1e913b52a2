// Package lint says what is wrong with manifests before they reach a cluster.
//
// [Check] looks at Rollouts, AnalysisTemplates, ClusterAnalysisTemplates,
// AnalysisRuns and Experiments, together with what else is in the same files:
// the Services, Ingresses, workloads, VirtualServices, DestinationRules and
// templates that they name. What a cluster would say comes from where the
// controllers have it: internal/validate, internal/analysis and
// internal/traffic/istio. The only rules of its own are about metrics that everybody
// accepts and that can only fail: provider.go. What metrics ask in
// languages of their own is read by the parsers that read it at run time, with
// guesses for the arguments that are not known: language.go. What is named and
// is not in the files may be in the cluster, so that it is no error; if the
// files hold others of its kind, it is a warning, as the name may be misspelt.
//
// It opens no files and knows no cluster. Unknown fields and values of wrong
// types are found before, by internal/manifest. Read lint.go next.
package lint
