# What all stories share: two regions of their own, and checks that end a story that is not true.
# STERNA names the binary, PORT the port below that of the first region.
set -eu
STERNA=${STERNA:-sterna}
PORT=${PORT:-7100}
examples=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
HOME=$(mktemp -d)
export HOME
unset XDG_STATE_HOME
server=

end() {
    status=$?
    trap - EXIT
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    if [ "$status" -ne 0 ] && [ -f "$HOME/said" ]; then
        sed 's/^/  dev: /' "$HOME/said" >&2
    fi
    rm -rf "$HOME"
    exit "$status"
}
trap end EXIT
trap 'exit 130' INT TERM

# begin MODEL: us-east and eu-west run it.
begin() {
    "$STERNA" dev "$examples/$1" --regions us-east,eu-west --port "$PORT" >"$HOME/said" 2>&1 &
    server=$!
    until grep -q 'Ctrl-C stops' "$HOME/said"; do
        kill -0 "$server" 2>/dev/null || { echo "the regions do not start" >&2; exit 1; }
        sleep 0.1
    done
}

# Ann is in America, Ben in Europe; each sees what they have written themselves.
us() { "$STERNA" "$@" --region us-east --as ann; }
eu() { "$STERNA" "$@" --region eu-west --as ben; }

quietly() { "$@" >/dev/null 2>"$HOME/error" || { cat "$HOME/error" >&2; fail "$*"; }; }
cut() { quietly "$STERNA" cut us-east eu-west; echo "- the link between us-east and eu-west is cut"; }
heal() { quietly "$STERNA" heal; echo "- the link is whole again"; }

# Both regions have everything, and no reaction is on its way.
everywhere() { quietly "$STERNA" status --wait 60; }

fail() { echo "NOT TRUE: $*" >&2; exit 1; }

# does WHAT COMMAND...: it is accepted.
does() { echo "- $1"; shift; quietly "$@"; }

# refused WHAT CODE COMMAND...: it is refused with this code.
refused() {
    echo "- $1"
    what=$1 code=$2
    shift 2
    if "$@" --json >/dev/null 2>"$HOME/error"; then fail "$what: it was accepted"; fi
    grep -q -e "$code" "$HOME/error" || { cat "$HOME/error" >&2; fail "$what: the refusal is not $code"; }
}

# shows WHAT TEXT COMMAND...: what it prints as JSON has this text.
shows() {
    what=$1 text=$2
    shift 2
    shown=$("$@" --json)
    case $shown in
    *"$text"*) echo "  = $what" ;;
    *) fail "$what: no $text in $shown" ;;
    esac
}

# both WHAT TEXT VERB...: it is so in both regions.
both() {
    both_what=$1 both_text=$2
    shift 2
    shows "us-east: $both_what" "$both_text" us "$@"
    shows "eu-west: $both_what" "$both_text" eu "$@"
}

# noted WHAT TEXT TYPE ID: the ledger of conflicts has it, in both regions.
noted() {
    for region in us-east eu-west; do
        shows "$region: $1" "$2" "$STERNA" conflicts --type "$3" --id "$4" --region "$region"
    done
}

# settled TYPE ID: no region can still send something that is concurrent with what happened to it.
settled() {
    tries=0
    while
        known="$(us history "$1" "$2" --limit 1000 --json) $(eu history "$1" "$2" --limit 1000 --json)"
        case $known in *'"settled":false'*) true ;; *'"settled":true'*) false ;; *) fail "$1/$2 has no history: $known" ;; esac
    do
        tries=$((tries + 1))
        [ "$tries" -lt 300 ] || fail "$1/$2 does not settle"
        sleep 0.2
    done
}
