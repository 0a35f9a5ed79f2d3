#!/usr/bin/env bash
# Runs every program of examples/clients/ whose language is on this machine, with a good token, for
# an unknown person and with a bad token. What is skipped is named. FACEVAULT_TEST_HUB=1: see serve.sh.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/http/serve.sh

try() {
    local program="$1"
    shift
    local said
    said="$("$@" 2>&1)" || { echo "$program: $said"; exit 1; }
    [ "$said" = 'John Doe Updated' ] || { echo "$program: unexpected: $said"; exit 1; }
    said="$(FACEVAULT_PERSON=nobody "$@" 2>&1)" && { echo "$program: accepted an unknown person"; exit 1; }
    [ "$said" = 'PERSON_NOT_FOUND' ] || { echo "$program: unexpected: $said"; exit 1; }
    said="$(FACEVAULT_TOKEN=none "$@" 2>&1)" && { echo "$program: accepted a bad token"; exit 1; }
    [ "$said" = 'UNAUTHORIZED' ] || { echo "$program: unexpected: $said"; exit 1; }
    echo "ok: $program"
}

cp examples/clients/* "$work"
if command -v node >/dev/null; then
    try update_fetch.mjs node "$work/update_fetch.mjs"
    if [ -n "${FACEVAULT_NODE_MODULES:-}" ]; then
        ln -s "$(realpath "$FACEVAULT_NODE_MODULES")" "$work/node_modules"
        try update_axios.mjs node "$work/update_axios.mjs"
    else
        echo 'skipped: update_axios.mjs: FACEVAULT_NODE_MODULES names no folder into which axios was installed'
    fi
else
    echo 'skipped: update_fetch.mjs, update_axios.mjs: there is no node'
fi
try update_http_client.py python3 "$work/update_http_client.py"
if python3 -c 'import requests' 2>/dev/null; then
    try update_requests.py python3 "$work/update_requests.py"
else
    echo 'skipped: update_requests.py: python3 has no requests'
fi
if php -r 'exit(function_exists("curl_init") ? 0 : 1);' 2>/dev/null; then
    try update.php php "$work/update.php"
else
    echo 'skipped: update.php: there is no php with curl'
fi
if command -v swift >/dev/null; then
    try update.swift swift "$work/update.swift"
else
    echo 'skipped: update.swift: there is no swift'
fi
