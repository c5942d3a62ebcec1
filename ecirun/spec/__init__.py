"""Text → typed pods that remember file, line and column, with a finding for everything that Kubernetes' API would refuse."""

from ecirun.spec.findings import Validate, spec_rules
from ecirun.spec.read import Reading, read_pods, stream_objects, stream_pods

__all__ = ["Reading", "Validate", "read_pods", "spec_rules", "stream_objects", "stream_pods"]
