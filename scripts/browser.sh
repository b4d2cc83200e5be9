#!/bin/sh
# Make sure that the browser tests find Chromium: Debian's package where we may install it.
set -eu
for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null 2>&1; then exit 0; fi
done
if command -v apt-get >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ]; then sudo=; else sudo="sudo -n"; fi
    if { $sudo apt-get update -qq && $sudo apt-get install -y -qq --no-install-recommends chromium; } >/dev/null 2>&1
    then exit 0; fi
fi
echo "No Chromium here: the tests of the web page will be skipped. Install Debian's package 'chromium' to run them." >&2
