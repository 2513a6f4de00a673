"""This machine as a Kubernetes node: it runs the manifests' containers as processes.

It serves the pods' part of the Kubernetes API. There are no images, no namespaces of the kernel and
no limits on memory or processors; network policies and disruption budgets are not enforced.
"""
