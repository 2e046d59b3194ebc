#!/bin/sh
# A board: two people work on one card while their regions do not hear each other.
. "$(dirname "$0")/lib.sh"
begin board.toml

does "Ann adds a card" us call card c-1 add title='Fly to Kiel'
does "and labels it" us call card c-1 label 'labels=["travel"]'
everywhere

cut
does "Ann renames it" us call card c-1 rename title='Fly to Kiel in May'
does "Ben renames it, too" eu call card c-1 rename title='Take the train to Kiel'
does "Ann takes the label away" us call card c-1 unlabel label=travel
does "Ben puts the same label on once more, and another one" eu call card c-1 label 'labels=["travel","train"]'
does "Ann ticks a task off" us call card c-1 task task=book done=true
does "Ben writes the same task down as open" eu call card c-1 task task=book done=false
does "Ann votes" us call card c-1 vote person=ann
does "Ben votes twice" eu call card c-1 vote person=ben
does "..." eu call card c-1 vote person=ben
does "Ann moves the card" us call card c-1 move column=doing
does "Ben adds another one" eu call card c-2 add title='Buy a map'
heal
everywhere

both "a label that is added wins over its concurrent removal" '"labels":["train","travel"]' get card c-1
both "what is done on one side is done" '"tasks":{"book":true}' get card c-1
both "votes add up" '"votes":{"ann":1,"ben":2}' get card c-1
both "both titles are kept" '"value":"Fly to Kiel in May"' get card c-1
both "both titles are kept" '"value":"Take the train to Kiel"' get card c-1
noted "the ledger has it" '"field":"title"' card c-1

refused "Ann renames it without having looked" precondition-required us call card c-1 rename title='To Kiel'
etag=$(us get card c-1 --json | sed 's/.*"etag":"\\"\([0-9a-f]*\)\\"".*/"\1"/')
does "Ann looks, and decides" us call card c-1 rename title='To Kiel' --if-match "$etag"
everywhere
both "one title, and no conflict" '"conflicts":{}' get card c-1
both "one title, and no conflict" '"title":"To Kiel"' get card c-1

settled card c-1
cut
does "Ann drops the card" us call card c-1 drop
does "Ben, who does not know, comments on it" eu call card c-1 say text='I have the tickets'
heal
everywhere
both "a change that nobody had seen revives the card" 'I have the tickets' get card c-1
both "it is on the board" '"card":"c-2"' view board
echo "The board is what both did, in both regions."
