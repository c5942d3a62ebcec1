"""ecirun: run a Kubernetes pod as Alibaba Cloud Elastic Container Instance would, on any Linux machine."""

__version__ = "0.1.0"
