#!/bin/sh
# A ledger: money moves within and between regions, also over a cut link, and none is made or lost.
. "$(dirname "$0")/lib.sh"
begin ledger.toml

does "the vault and two accounts are opened" us call account vault open owner=bank
does "..." us call account ann open owner=Ann
does "..." eu call account ben open owner=Ben
everywhere
does "the vault issues 1000 to Ann" us call account vault issue to=ann amount=1000
does "and 500 to Ben" us call account vault issue to=ben amount=500
everywhere
both "balances add up to zero" '"accounts":3,"balance":0,' view total
both "Ann has 1000" '"balance":1000' get account ann

refused "Ann can't pay what she does not have" not-covered us call account ann transfer to=ben amount=2000
refused "nor herself" same-account us call account ann transfer to=ann amount=1
does "Ann pays somebody who has no account" us call account ann transfer to=nobody amount=100
everywhere
both "she gets it back" '"balance":1000' get account ann
both "balances add up to zero" '"accounts":3,"balance":0,' view total

# transfers FROM TO COUNT KEY: as many transfers of 1, as lines of a bulk request.
transfers() {
    n=0
    while [ "$n" -lt "$3" ]; do
        n=$((n + 1))
        echo "{\"type\":\"account\",\"id\":\"$1\",\"command\":\"transfer\",\"args\":{\"to\":\"$2\",\"amount\":1},\"key\":\"$4-$n\"}"
    done
}

cut
transfers ann ben 150 a >"$HOME/ann.ndjson"
transfers ben ann 100 b >"$HOME/ben.ndjson"
transfers ann nobody 20 c >>"$HOME/ann.ndjson"
does "Ann sends 150 transfers to Ben in us-east, and 20 to nobody" "$STERNA" send "$HOME/ann.ndjson" --region us-east
does "Ben sends 100 transfers to Ann in eu-west" "$STERNA" send "$HOME/ben.ndjson" --region eu-west
does "and Ann spends her money in Europe, too" eu call account ann transfer to=ben amount=900
heal
does "all that is sent once more, with the same keys" "$STERNA" send "$HOME/ann.ndjson" --region us-east
does "..." "$STERNA" send "$HOME/ben.ndjson" --region eu-west
everywhere
both "balances add up to zero" '"accounts":3,"balance":0,' view total
both "Ann: 1000 - 150 + 100 - 900" '"balance":50,' get account ann
both "Ben: 500 + 150 - 100 + 900" '"balance":1450,' get account ben

does "Ann spends the last 50 in us-east" us call account ann transfer to=ben amount=50
everywhere
refused "which the other region knows by now" not-covered eu call account ann transfer to=ben amount=50
does "an account is closed" us call account ann close
everywhere
does "Ben pays Ann, whose account is closed" eu call account ben transfer to=ann amount=10
everywhere
both "Ben gets it back" '"balance":1500,' get account ben
both "balances add up to zero" '"accounts":3,"balance":0,' view total
echo "No money was made or lost."
