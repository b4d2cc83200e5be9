#!/bin/sh
# install.sh PYTHON ARGUMENTS…: installs packages as `pip install ARGUMENTS…` does, with uv, which
# takes a fifth of the time. pip does it where uv cannot be had, or where only pip's own settings
# (pip.conf, an option that uv does not know) lead to the packages.
set -eu
python=$1
shift
lock=$(dirname "$0")/../requirements-dev.lock
pip="$python -m pip --quiet --disable-pip-version-check"

# uv reads its own variables; who has set pip's for a mirror means both.
: "${UV_DEFAULT_INDEX=${PIP_INDEX_URL:-}}" "${UV_INDEX=${PIP_EXTRA_INDEX_URL:-}}"
: "${UV_FIND_LINKS=$(echo "${PIP_FIND_LINKS:-}" | tr ' ' ',')}"
: "${SSL_CERT_FILE=${PIP_CERT:-}}"
for name in UV_DEFAULT_INDEX UV_INDEX UV_FIND_LINKS SSL_CERT_FILE; do
  eval "value=\$$name"
  if [ -n "$value" ]; then export "${name?}"; else unset "$name"; fi
done

with_uv() {
  if ! "$python" -c 'import uv' 2>/dev/null; then
    wanted=$(mktemp)
    # The package's own block of the lock file: its version, and the hashes of its files.
    sed -n '/^uv==/,/[^\\]$/p' "$lock" >"$wanted"
    $pip install --require-hashes --no-deps -r "$wanted" || { rm -f "$wanted"; return 1; }
    rm -f "$wanted"
  fi
  # As pip: the best version of all indexes, not of the first that knows the name; and compiled
  # now, by all cores, since not everybody's Python may write what it compiles at the first start.
  "$python" -m uv pip install --quiet --python "$python" --index-strategy unsafe-best-match \
    --compile-bytecode "$@"
}

with_uv "$@" || {
  echo 'uv could not install this; pip tries.' >&2
  $pip install "$@"
}
