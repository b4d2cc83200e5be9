# Tangerine in a container: one process, one volume, no root.
#
#   docker build -t tangerine .
#   docker run -p 127.0.0.1:8080:8080 -v tangerine:/data -v ~/Pictures:/gallery:ro \
#       -e TANGERINE_WEB_TOKEN=choose-a-secret tangerine
#
# Another build of torch (CUDA): --build-arg PIP_ARGS="--index-url …" with the address that
# pytorch.org names for your driver.
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS build
ARG PIP_ARGS=""
RUN python -m venv /app/.venv
WORKDIR /app
COPY pyproject.toml constraints.txt README.md ./
# The dependencies are a layer of their own: a change of the sources does not fetch them anew.
RUN mkdir -p bot core/mini index config \
    && /app/.venv/bin/pip install --no-cache-dir -c constraints.txt ${PIP_ARGS} -e .
COPY bot bot
COPY core core
COPY index index
COPY config config

FROM python:${PYTHON}
LABEL org.opencontainers.image.title="Tangerine" \
      org.opencontainers.image.description="Self-hosted semantic image search for chat" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 10001 --no-create-home --home-dir /data tangerine \
    && install -d -o tangerine -g tangerine /data /gallery
COPY --from=build /app /app
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HF_HOME=/data/models/hub \
    TANGERINE_DATA_DIR=/data \
    TANGERINE_GALLERY=/gallery \
    TANGERINE_WEB_HOST=0.0.0.0
USER tangerine
WORKDIR /data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=180s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/readyz', timeout=4)"]
ENTRYPOINT ["tangerine"]
CMD ["run"]
