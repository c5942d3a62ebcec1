"""ECI's rules as a ValidatingAdmissionPolicy, so that a cluster refuses at `kubectl apply` what ECI would refuse later."""
