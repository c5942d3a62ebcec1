#!/bin/sh
# For Jenkins (`sh './docker.sh'` on a node with docker) and every other machine with docker that has the image ecirun.
set -eu
in_docker() { docker run --privileged --rm --volume "$PWD:/work" --env ECIRUN_MUST_RUN=1 "$@"; }
in_docker ecirun doctor
if in_docker ecirun run example:network -- ip link set lo down; then exit 1; fi
in_docker ecirun run example:network-admin -- ip link set lo down
in_docker --entrypoint pytest ecirun tests
