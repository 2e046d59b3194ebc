#!/bin/bash
# Starts and stops one process, and knows it again: process.sh start | stop | stop-all | await.
#
# A process is known by a variable in its environment, which /proc shows, and which nothing else has: also if whoever started it was
# interrupted before it could write the record down.
set -euo pipefail

START_WAIT=${UNIT_START_WAIT:-60}
READY_WAIT=${UNIT_READY_WAIT:-180}
STOP_WAIT=${UNIT_STOP_WAIT:-30}
PART_WAIT=${UNIT_PART_WAIT:-5}

unit="$UNIT_FOLDER/${UNIT_NAME:-}"

fail() {
    echo "${UNIT_NAME:-local}: $1" >&2
    exit 1
}

# The processes of one unit, or with a trailing slash of all units of a folder.
pids() {
    local pattern
    pattern=$(printf '%s' "$1" | sed 's/[][\.*^$(){}?+|/]/\\&/g')
    case "$1" in */) ;; *) pattern="$pattern\$" ;; esac
    { grep -lzE "^SUPERVISED_UNIT=$pattern" /proc/[0-9]*/environ 2>/dev/null || true; } | cut -d/ -f3
}

answers() { # url
    curl -fsS -o /dev/null -m 2 "$1" 2>/dev/null
}

# Polls `$2…` for so many seconds.
within() {
    local until=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$until" ] || return 1
        sleep 0.2
    done
}

# Ends scripts like this one that a killed terraform left behind: they would start things when nobody wants them any more.
end_orphans() {
    local found pid parent
    found=$({ grep -lzxF "UNIT_FOLDER=$UNIT_FOLDER" /proc/[0-9]*/environ 2>/dev/null || true; } | cut -d/ -f3)
    for pid in $found; do
        parent=$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d' ' -f2) || continue
        case " $PPID $(echo $found) " in *" $parent "*) ;; *) kill -KILL "$pid" 2>/dev/null || true ;; esac
    done
}

none_left() { [ -z "$(pids "$1")" ]; }

end() { # unit
    local found
    found=$(pids "$1")
    [ -n "$found" ] || return 0
    kill -TERM $found 2>/dev/null || true
    within "$STOP_WAIT" none_left "$1" && return 0
    kill -KILL $(pids "$1") 2>/dev/null || true
    within 10 none_left "$1" || fail "process $(pids "$1" | tr '\n' ' ')does not end"
}

write_files() {
    local path text
    while read -r path text; do
        [ -n "$path" ] || continue
        mkdir -p "$(dirname "$path")"
        printf '%s' "$text" | base64 -d > "$path.new"
        mv "$path.new" "$path"
    done <<< "$UNIT_FILES"
}

running_siblings() {
    local name url
    while read -r name url; do
        [ -n "$name" ] && [ -n "$(pids "$UNIT_FOLDER/$name")" ] && echo "$name $url"
    done <<< "$UNIT_SIBLINGS" || true
}

all_siblings_run() {
    [ "$(grep -c . <<< "$UNIT_SIBLINGS" || true)" -eq "$(running_siblings | grep -c . || true)" ]
}

# Nobody restarts while another one is not ready, or after one failed in this run of terraform.
await_siblings() {
    local name url
    [ "$(cat "$UNIT_FOLDER/failed" 2>/dev/null)" != "$PPID" ] || fail "another one failed, so this one is left as it runs; see what it said, and apply again"
    # A cluster that is not whole may have no ready region at all, until this one lets the next one start.
    if ! all_siblings_run; then
        while read -r name url; do
            [ -z "$name" ] || within "$PART_WAIT" answers "$url" || true
        done <<< "$(running_siblings)"
        return 0
    fi
    while read -r name url; do
        [ -n "$name" ] || continue
        within "$READY_WAIT" answers "$url" || fail "$name is not ready ($url), so this one is left as it runs; mend $name and apply again"
    done <<< "$(running_siblings)"
}

lives() { [ -n "$(pids "$unit")" ]; }
is_written_down() { grep -q "\"generation\":\"$UNIT_GENERATION\"" "$unit.json" 2>/dev/null; }

serves_or_ended() { answers "$UNIT_ALIVE_URL" || ! lives; }
ready_or_ended() { answers "$UNIT_READY_URL" || ! lives; }

told() { # seconds: what it said last
    echo "the end of $unit.log:" >&2
    tail -n 20 "$unit.log" >&2
}

spawn() {
    local -a command environment
    mapfile -t command <<< "$UNIT_COMMAND"
    mapfile -t environment <<< "$UNIT_ENVIRONMENT"
    [ -n "${environment[0]}" ] || environment=()
    # Not of this session, and with nothing of it open, so that it stays when this ends. It writes its record down before it becomes the
    # program: whoever holds a port is known, also if this is killed now.
    setsid env -i PATH="$PATH" HOME="${HOME:-/}" SUPERVISED_UNIT="$unit" "${environment[@]}" /bin/bash -c '
        life=$1 generation=$2 record=$3
        shift 3
        started=$(sed "s/.*) //" "/proc/$$/stat" | cut -d" " -f20)
        printf "{\"pid\":%s,\"started\":\"%s\",\"life\":\"%s\",\"generation\":\"%s\"}\n" "$$" "$started" "$life" "$generation" > "$record.new"
        mv "$record.new" "$record"
        exec "$@"' record "$UNIT_LIFE" "$UNIT_GENERATION" "$unit.json" "${command[@]}" >> "$unit.log" 2>&1 < /dev/null 8>&- 9>&- &
}

# One of the siblings at a time, and one turn of each unit.
alone() {
    local lock="$unit.lock"
    [ -z "$UNIT_SIBLINGS" ] || lock="$UNIT_FOLDER/siblings.lock"
    exec 9> "$lock"
    flock 9
}

start() {
    mkdir -p "$UNIT_FOLDER"
    end_orphans
    alone
    if lives; then
        await_siblings
        end "$unit"
    fi
    trap '[ $? -eq 0 ] || echo "$PPID" > "$UNIT_FOLDER/failed"' EXIT
    write_files
    spawn
    within 10 is_written_down || { told; fail "did not start"; }
    within "$START_WAIT" serves_or_ended || { told; fail "does not answer $UNIT_ALIVE_URL within $START_WAIT s"; }
    lives || { told; fail "ended at once"; }
    # Where a sibling is still to be started, nobody can be ready yet.
    all_siblings_run || return 0
    within "$READY_WAIT" ready_or_ended || { told; fail "is not ready within $READY_WAIT s"; }
    lives || { told; fail "ended before it was ready"; }
}

stop() {
    alone
    # Another one has taken its place already.
    is_written_down || return 0
    end "$unit"
    rm -f "$unit.json"
}

# What is left of an environment, also what an interrupted apply could not remember; then its folder.
stop_all() {
    end_orphans
    end "$UNIT_FOLDER/"
    rm -rf "$UNIT_FOLDER"
    case "$UNIT_KEEP_DATA" in
    false) rm -rf "$UNIT_DATA" && echo "removed the data in $UNIT_DATA" ;;
    *) echo "kept the data in $UNIT_DATA" ;;
    esac
}

# Everything that is listed answers.
await() {
    local name url
    while read -r name url; do
        within "$READY_WAIT" answers "$url" || fail "$name is not ready within $READY_WAIT s: $(curl -s -m 2 "$url" || echo "no answer from $url")"
    done <<< "$UNIT_SIBLINGS"
}

case "${1:-}" in
start | stop | await) "$1" ;;
stop-all) stop_all ;;
*) fail "say start, stop, stop-all or await" ;;
esac
