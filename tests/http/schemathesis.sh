#!/usr/bin/env bash
# Sends what /openapi.json allows and what it does not, with a good token, another client's, an
# expired one and a bad one: tests/http/schemathesis.sh [EXAMPLES OF EACH OPERATION]. FACEVAULT_TEST_HUB=1: see
# serve.sh.
set -euo pipefail
cd "$(dirname "$0")/../.."
examples="${1:-200}"
. tests/http/serve.sh

if ! { python3 -m venv "$work/venv" &&
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check 'schemathesis==4.32.5'; }; then
    echo 'skipped: schemathesis cannot be installed'
    exit 0
fi
python3 - "$work/openapi.json" <<'PYTHON'
import os, sys, urllib.request
request = urllib.request.Request(os.environ["FACEVAULT_URL"] + "/openapi.json")
request.add_header("Authorization", "Bearer " + os.environ["FACEVAULT_TOKEN"])
open(sys.argv[1], "wb").write(urllib.request.urlopen(request).read())
PYTHON

config="$PWD/tests/http/schemathesis.toml"
# What it remembers between runs goes with the folder.
cd "$work"
run() {
    echo "-- $1 token"
    venv/bin/schemathesis --config-file "$config" run openapi.json \
        --url "$FACEVAULT_URL" --header "Authorization: Bearer $2" --max-examples "$3" --checks all --seed 1 "${@:4}"
}
run good "$FACEVAULT_TOKEN" "$examples"
run "another client's" "$FACEVAULT_TOKEN_OTHER" "$examples"
# Whatever is sent is refused: what these are about is that nothing else ever happens.
refused=(--exclude-checks positive_data_acceptance,unsupported_method,allow_header_conformance)
run expired "$FACEVAULT_TOKEN_EXPIRED" "$examples" "${refused[@]}"
run bad "$FACEVAULT_TOKEN_BAD" "$examples" "${refused[@]}"
