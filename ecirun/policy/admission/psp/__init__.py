"""PodSecurityPolicy (policy/v1beta1): one module per thing that a policy decides, in the order of Kubernetes' provider.

Source of the rules, their order and their words: Kubernetes v1.24 pkg/security/podsecuritypolicy (provider.go) and
plugin/pkg/admission/security/podsecuritypolicy (admission.go).
"""
