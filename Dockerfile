# Nextword in one container, on plain CPUs.
#
#   docker build -t nextword . && docker run -p 127.0.0.1:8000:8000 nextword
#
# The service runs as an ordinary user. Models lie in /checkpoints and what it writes in /data: mount volumes there.
FROM python:3.11-slim-bookworm

# Where pip looks for torch beside its own index: name one with CPU builds, or pip may choose a build for GPUs, of
# gigabytes. ("+cpu" builds of the locked version win wherever they are found.)
ARG TORCH_INDEX=

ENV PIP_NO_CACHE_DIR=1 \
    PIP_CONSTRAINT=/srv/nextword/requirements.lock \
    PIP_BUILD_CONSTRAINT=/srv/nextword/requirements.lock \
    PYTHONUNBUFFERED=1 \
    NUMBA_CACHE_DIR=/var/cache/nextword

RUN useradd --uid 1000 --create-home nextword \
 && install --directory --owner=nextword --group=nextword /checkpoints /data /var/cache/nextword

# Dependencies first: this layer, by far the largest, changes only with the lock file.
WORKDIR /srv/nextword
COPY pyproject.toml requirements.lock ./
RUN mkdir app models nextword && touch README.md LICENSE app/__init__.py models/__init__.py nextword/__init__.py \
 && python -m pip install ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} --editable .

COPY LICENSE ./
COPY models models
COPY nextword nextword
COPY app app
USER nextword
# The loops that are compiled when first called are compiled here instead.
RUN nextword compile

COPY --chown=nextword:nextword checkpoints /checkpoints

ENV NEXTWORD_HOST=0.0.0.0 \
    NEXTWORD_PORT=8000 \
    NEXTWORD_CHECKPOINTS=/checkpoints \
    NEXTWORD_DATA=/data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health/ready')"]

# As a list, without a shell: the server is process 1 and gets SIGTERM itself.
ENTRYPOINT ["nextword"]
CMD ["serve"]
