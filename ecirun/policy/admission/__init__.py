"""The stage before ECI's policy: what a cluster checks when the pod is created. Off unless it is asked for."""
