// Command podsecurity judges pods by Kubernetes' own Pod Security library, the one that the
// API server's admission uses. It reads a JSON list of {"name", "metadata", "spec"} on standard
// input and writes a JSON list of what is refused. It judges one level for every Kubernetes
// version that it is told, and knows nothing of who made the pods.
//
//	podsecurity restricted v1.32 v1.33 < pods.json
//
// A field that Kubernetes does not know is an error, as it could be a misspelled protection.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

type pod struct {
	Name     string            `json:"name"`
	Metadata metav1.ObjectMeta `json:"metadata"`
	Spec     corev1.PodSpec    `json:"spec"`
}

type refusal struct {
	Name    string   `json:"name"`
	Version string   `json:"version"`
	Reasons []string `json:"reasons"`
	Details []string `json:"details"`
}

func main() {
	if err := judge(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "podsecurity: %v\n", err)
		os.Exit(2)
	}
}

func judge(arguments []string, input io.Reader, output io.Writer) error {
	if len(arguments) < 2 {
		return fmt.Errorf("needs a level and at least one version, such as: restricted v1.32")
	}
	level, err := api.ParseLevel(arguments[0])
	if err != nil {
		return err
	}
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return err
	}
	var pods []pod
	decoder := json.NewDecoder(input)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&pods); err != nil {
		return err
	}
	refusals := []refusal{}
	for _, text := range arguments[1:] {
		version, err := api.ParseVersion(text)
		if err != nil {
			return err
		}
		for _, one := range pods {
			results := evaluator.EvaluatePod(api.LevelVersion{Level: level, Version: version}, &one.Metadata, &one.Spec)
			verdict := policy.AggregateCheckResults(results)
			if !verdict.Allowed {
				refusals = append(refusals, refusal{one.Name, text, verdict.ForbiddenReasons, verdict.ForbiddenDetails})
			}
		}
	}
	return json.NewEncoder(output).Encode(refusals)
}
