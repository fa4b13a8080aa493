# The operator's image. Everything that comes from outside is pinned: Python packages by hash in lock/, the base
# image by tag. To pin that as well, give its digest: --build-arg PYTHON=python:3.13-slim-bookworm@sha256:...
# Any base will do that has glibc, certificate authorities and python3, 3.11 or newer, with its venv module.
ARG PYTHON=python:3.13-slim-bookworm

FROM ${PYTHON} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY lock/build.txt lock/run.txt lock/
# The operator's environment never holds pip: nothing is ever installed into the running image.
RUN python3 -m venv tools && python3 -m venv --without-pip /opt/delivr-operator \
 && tools/bin/pip install --only-binary :all: --require-hashes -r lock/build.txt \
 && tools/bin/pip --python /opt/delivr-operator/bin/python3 \
        install --only-binary :all: --no-compile --require-hashes -r lock/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
# Bytecode that is never held against its source's time, which a copy into another layer may change.
RUN tools/bin/pip wheel --no-build-isolation --no-deps --wheel-dir dist . \
 && tools/bin/pip --python /opt/delivr-operator/bin/python3 install --no-compile --no-deps --no-index dist/*.whl \
 && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/delivr-operator/lib

COPY dev/image_tree.py ./
RUN python3 image_tree.py /opt/delivr-operator /image

# Python, the operator and their libraries, and no program beside: no shell, no package manager.
FROM scratch
ARG VERSION=0.1.0
ARG REVISION=
LABEL org.opencontainers.image.title="delivr-operator" \
      org.opencontainers.image.description="Reconciles Delivr's ReleaseSetup resources" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /image /
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
# The root file system may be read-only: all bytecode is there already, and nothing writes.
# The user stands in no passwd file, whoever it is: the Kubernetes client asks for a home on import, and kopf for
# a name at start.
ENV PATH=/opt/delivr-operator/bin HOME=/ USER=delivr-operator \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["delivr-operator"]
CMD ["run"]
