# The operator's image. Everything that comes from outside is pinned: Python packages by hash in lock/, the base
# image by tag. To pin that as well, give its digest: --build-arg PYTHON=python:3.13-slim-bookworm@sha256:...
# Any base will do that has python3, 3.11 or newer, with its venv module.
ARG PYTHON=python:3.13-slim-bookworm

FROM ${PYTHON} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY lock/build.txt lock/run.txt lock/
RUN python3 -m venv /build/tools && /build/tools/bin/pip install --require-hashes -r lock/build.txt \
 && python3 -m venv /opt/delivr-operator && /opt/delivr-operator/bin/pip install --require-hashes -r lock/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
# pip goes afterwards: nothing is ever installed into the running image.
RUN /build/tools/bin/pip wheel --no-build-isolation --no-deps --wheel-dir dist . \
 && /opt/delivr-operator/bin/pip install --no-deps --no-index dist/*.whl \
 && /opt/delivr-operator/bin/python3 -m compileall -q /opt/delivr-operator/lib \
 && /opt/delivr-operator/bin/pip uninstall --yes --quiet pip

FROM ${PYTHON}
COPY --from=build /opt/delivr-operator /opt/delivr-operator
# The root file system may be read-only: all bytecode is there already, and nothing writes.
# The user stands in no passwd file, whoever it is: the Kubernetes client asks for a home on import, and kopf for
# a name at start.
ENV PATH=/opt/delivr-operator/bin:$PATH HOME=/ USER=delivr-operator \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["delivr-operator"]
CMD ["run"]
