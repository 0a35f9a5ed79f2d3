# Sourced by the scripts beside it: starts a server for them and exports where it is.
#
# Needs nothing but Rust: the models are stand-ins, the table of scores is made up. With FACEVAULT_TEST_HUB=1 the server
# is one of a hub, on a PostgreSQL server of the test's own: FACEVAULT_POSTGRES names the folder of its programs.

if [ "${FACEVAULT_TEST_HUB:-}" = 1 ]; then
    : "${FACEVAULT_POSTGRES:?names the folder of the programs of PostgreSQL, which FACEVAULT_TEST_HUB=1 needs}"
fi

work="$(mktemp -d)"
mkfifo "$work/stdin"
FACEVAULT_SERVED="$work/served" cargo test --quiet --test it -- --ignored --exact http::scripts::serve \
    <"$work/stdin" >"$work/log" 2>&1 &
server=$!
# The server ends when this end of the pipe is closed.
exec 9>"$work/stdin"
finish() {
    exec 9>&-
    wait "$server" || { cat "$work/log"; exit 1; }
    rm -rf "$work"
}
trap finish EXIT
until [ -e "$work/served" ]; do
    kill -0 "$server" 2>/dev/null || { cat "$work/log"; exit 1; }
    sleep 0.2
done
. "$work/served"
