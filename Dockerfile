# Tangerine in a container: one process, one volume, no root, nothing written outside /data.
#
#   docker build -t tangerine .                               for CPUs
#   docker build -t tangerine --build-arg VARIANT=cuda .      for NVIDIA GPUs
#   docker compose up                                         see compose.yaml
#
# Pictures are shown in the web chat, and in chats that you let in: write to the bot, and run
#
#   docker exec NAME tangerine allow telegram:-100123      with the id that it tells there
#
# Build arguments:
#   BASE      a Debian with Python 3.11 or newer as python3, and apt
#   VARIANT   cpu, or cuda with NVIDIA's libraries (some GB)
#   CPU_TORCH where pip finds builds of torch without them
#   PIP_ARGS  reaches pip, as for a mirror: "--index-url https://…"
#   VERSION   what the program and the image say of themselves
ARG BASE=docker.io/library/python:3.11-slim-bookworm

FROM ${BASE} AS build
ARG VARIANT=cpu
ARG CPU_TORCH="--extra-index-url https://download.pytorch.org/whl/cpu"
ARG PIP_ARGS=""
WORKDIR /app
RUN python3 -m venv .venv
COPY pyproject.toml constraints.txt requirements.lock README.md ./
# The packages are empty here, so that a change of the sources does not fetch everything anew;
# without their __init__.py they would be installed as namespaces, which is something else.
RUN case "${VARIANT}" in \
        cpu) builds="${CPU_TORCH}" ;; \
        cuda) builds="" ;; \
        *) echo "VARIANT is cpu or cuda, not ${VARIANT}" >&2; exit 1 ;; \
    esac \
    && mkdir -p bot core index config \
    && touch bot/__init__.py core/__init__.py index/__init__.py \
        config/__init__.py \
    && .venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
        ${PIP_ARGS} --require-hashes --no-deps -r requirements.lock \
    && .venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
        -c constraints.txt ${builds} ${PIP_ARGS} torch \
    && .venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --no-deps \
        ${PIP_ARGS} -e .
# Apart, so that another version costs seconds.
ARG VERSION=0.0.0
RUN SETUPTOOLS_SCM_PRETEND_VERSION_FOR_TANGERINE=${VERSION} .venv/bin/python -m pip install \
        --no-cache-dir --disable-pip-version-check --no-deps ${PIP_ARGS} -e .

FROM ${BASE}
ARG VERSION=0.0.0
LABEL org.opencontainers.image.title="Tangerine" \
      org.opencontainers.image.description="Self-hosted semantic image search for chat" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
# For contact sheets: Pillow loads FriBidi for Arabic and Hebrew; Korean, all of Chinese, and Thai
# have no letters in the fonts that come with Python packages.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libfribidi0 \
        fonts-wqy-microhei fonts-tlwg-garuda-ttf \
    && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log \
    && useradd --uid 10001 --no-create-home --home-dir /data tangerine \
    && install -d -o tangerine -g tangerine /data /data/uploads \
    && install -d /gallery
WORKDIR /app
COPY --from=build /app/.venv .venv
COPY pyproject.toml LICENSE ./
COPY config config
COPY core core
COPY index index
COPY bot bot
# At run time nothing may be written here, so it is compiled now.
RUN .venv/bin/python -m compileall -q config core index bot
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HF_HOME=/data/models/hub \
    TANGERINE_DATA_DIR=/data \
    TANGERINE_GALLERY=/gallery \
    TANGERINE_MODEL=mini \
    TANGERINE_WEB_HOST=0.0.0.0 \
    TANGERINE_WEB_PORT=8080
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
# The first start assembles or downloads the model and indexes the gallery.
HEALTHCHECK --interval=30s --timeout=5s --start-period=300s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['TANGERINE_WEB_PORT'] + '/readyz', timeout=4)"]
ENTRYPOINT ["tangerine"]
CMD ["run"]
