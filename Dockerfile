# Nextword in one container, on plain CPUs.
#
#   docker build -t nextword . && docker run -p 127.0.0.1:8000:8000 -e NEXTWORD_INSECURE=1 nextword
#   docker build -t nextword:serving --target serving .    a third of its size: answers requests, and trains nothing
#
# The service runs as an ordinary user and writes to /data, /checkpoints and /tmp alone: the rest may be read-only. Models
# lie in /checkpoints and what the service writes in /data: mount volumes there.
FROM python:3.11-slim-bookworm AS dependencies

# Where pip looks for torch beside its own index: name one with CPU builds, or pip may choose a build for GPUs, of
# gigabytes. ("+cpu" builds of the locked version win wherever they are found.)
ARG TORCH_INDEX=

ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_CONSTRAINT=/build/requirements.lock \
    PIP_BUILD_CONSTRAINT=/build/requirements.lock

# Dependencies first: their layer, by far the largest, changes only with the lock file. Tests of packages, and what torch
# has for C++ programs, are left out, a fifth of a gigabyte.
WORKDIR /build
COPY pyproject.toml requirements.lock ./
RUN mkdir app models nextword \
 && touch README.md LICENSE app/__init__.py models/__init__.py nextword/__init__.py \
 && python3 -m venv --without-pip /opt/nextword \
 && python3 -m pip --python /opt/nextword install ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} ".[onnx,otel]" \
 && python3 -m pip --python /opt/nextword uninstall --yes nextword \
 && find /opt/nextword -type d \( -name tests -o -path '*/torch/test' -o -path '*/torch/include' \) -prune -exec rm -r {} + \
 && find /opt/nextword -path '*/torch/bin/*' ! -name torch_shm_manager -delete

# What answers requests: without PyTorch and what only PyTorch, the export to ONNX or downloads of tokenizers need. Its
# OpenMP runtime stays, for the threads that compute.
FROM dependencies AS serving-dependencies
RUN cp /opt/nextword/lib/python3.11/site-packages/torch/lib/libgomp* /opt/nextword/lib/ \
 && python3 -m pip --python /opt/nextword uninstall --yes torch sympy mpmath networkx onnx ml_dtypes \
    setuptools jinja2 fsspec filelock tqdm huggingface_hub hf_xet

FROM dependencies AS build

COPY LICENSE ./
COPY models models
COPY nextword nextword
COPY app app
# The loops that are compiled when first called are compiled here instead.
ENV NUMBA_CACHE_DIR=/var/cache/nextword
RUN python3 -m pip --python /opt/nextword install --no-deps --prefix=/opt/app . \
 && PYTHONPATH=/opt/app/lib/python3.11/site-packages /opt/app/bin/nextword compile

FROM python:3.11-slim-bookworm AS base

RUN useradd --uid 1000 --create-home nextword \
 && install --directory --owner=nextword --group=nextword /checkpoints /data /secrets
ENV PATH=/opt/app/bin:/opt/nextword/bin:$PATH \
    PYTHONPATH=/opt/app/lib/python3.11/site-packages \
    PYTHONUNBUFFERED=1 \
    NUMBA_CACHE_DIR=/var/cache/nextword \
    NEXTWORD_HOST=0.0.0.0 \
    NEXTWORD_PORT=8000 \
    NEXTWORD_CHECKPOINTS=/checkpoints \
    NEXTWORD_DATA=/data
WORKDIR /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=10s --start-period=300s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"NEXTWORD_PORT\"]}/health/ready')"]
# As a list, without a shell: the server is process 1 and gets SIGTERM itself.
ENTRYPOINT ["nextword"]

FROM base AS serving
COPY --from=serving-dependencies /opt/nextword /opt/nextword
COPY --from=build /opt/app /opt/app
COPY --from=build /var/cache/nextword /var/cache/nextword
COPY --chown=nextword:nextword checkpoints /checkpoints
USER 1000
CMD ["serve", "--no-worker"]

FROM base
COPY --from=dependencies /opt/nextword /opt/nextword
COPY --from=build /opt/app /opt/app
COPY --from=build /var/cache/nextword /var/cache/nextword
COPY --chown=nextword:nextword checkpoints /checkpoints
USER 1000
CMD ["serve"]
