# ecirun with the busybox image in its store: docker run --privileged --rm -v "$PWD:/work" ecirun run pod.yaml
# Needs the network for apt only, here; what it makes needs none.

FROM debian:bookworm-slim AS packages
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        busybox-static python3-click python3-prctl python3-psutil python3-pyroute2 python3-pytest python3-yaml skopeo \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/*

FROM packages AS package
RUN apt-get update && apt-get install -y --no-install-recommends python3-pip
COPY . /checkout
RUN pip install --quiet --no-deps --no-build-isolation --no-warn-script-location --root-user-action ignore \
        --root /installed /checkout

FROM packages
COPY --from=package /installed /
RUN ecirun image build --quiet busybox
WORKDIR /work
ENTRYPOINT ["ecirun"]
CMD ["--help"]
