# The image with what tests/attack and tests/conformance need; the checkout itself is mounted at /checkout.
FROM ecirun
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev libcap2-bin python3-hypothesis python3-pytest strace \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/*
ENTRYPOINT []
CMD ["bash"]
