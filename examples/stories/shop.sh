#!/bin/sh
# A shop: carts, stock, orders, coupons and payments over two regions.
. "$(dirname "$0")/lib.sh"
begin shop.toml

does "tea is listed and in stock in both regions" us call product tea list name=Tea price=350
does "..." us call product tea restock quantity=6
does "..." eu call product tea restock quantity=4
does "a coupon may be used once" us call coupon TEN issue uses=1 off=10
everywhere
settled product tea
settled coupon TEN
both "ten are in stock" '"stock":10' get product tea

cut
does "Ann adds tea to a cart in us-east" us call cart c-1 add_item sku=tea quantity=2
does "Ben adds tea to the same cart in eu-west" eu call cart c-1 add_item sku=tea quantity=3
does "Ann has it shipped to Kiel" us call cart c-1 ship_to address=Kiel
does "Ben to Oslo" eu call cart c-1 ship_to address=Oslo
heal
everywhere
both "what both added adds up" '"items":{"tea":5}' get cart c-1
both "both addresses stay until somebody decides" '"value":"Kiel"' get cart c-1
both "both addresses stay until somebody decides" '"value":"Oslo"' get cart c-1
refused "an address without having looked is refused" precondition-required us call cart c-1 ship_to address=Bergen
etag=$(us get cart c-1 --json | sed 's/.*"etag":"\\"\([0-9a-f]*\)\\"".*/"\1"/')
does "Ann looks, and decides" us call cart c-1 ship_to address=Bergen --if-match "$etag"
everywhere
both "one address" '"address":"Bergen"' get cart c-1
both "and no conflict" '"conflicts":{}' get cart c-1

does "Ann orders two, with the coupon" us call order o-1 place sku=tea quantity=2 amount=700 coupon=TEN
everywhere
both "two are reserved" '"stock":8' get product tea
both "she has the coupon" '"coupon":"TEN"' get order o-1
settled product tea
settled coupon TEN
does "Ben orders with the same coupon" eu call order o-2 place sku=tea quantity=1 amount=350 coupon=TEN
everywhere
both "it was used up" '"coupon":null' get order o-2
both "his tea is reserved" '"stock":7' get product tea
settled product tea
does "Ann orders more than there is" us call order o-3 place sku=tea quantity=50 amount=17500
everywhere
both "which is sold out" '"stage":"sold_out"' get order o-3
both "and nothing was taken" '"stock":7' get product tea

# orders REGION NAME: six orders of one each.
orders() {
    for n in 1 2 3 4 5 6; do
        quietly "$1" call order "$2-$n" place sku=tea quantity=1 amount=350
    done
}

cut
does "Ann's customers order six more" orders us a
does "Ben's customers order six more, of the same seven" orders eu b
heal
everywhere
left=$(us view products --json | sed 's/.*"stock":\(-*[0-9]*\).*/\1/')
# o-1 and o-2 are among those that were placed.
sold=$(($(us view orders stage=placed --limit 100 --json | grep -o '"order":' | wc -l) - 2))
echo "  = $sold of twelve were sold, $left are left, the others were told that it is sold out"
[ "$left" -ge 0 ] || fail "the stock is below zero"
[ "$sold" -ge 1 ] && [ $((sold + left)) -eq 7 ] || fail "what was sold and what is left are not what there was"
both "the same stock" '"stock":'"$left" get product tea

does "Ann pays" us call payment o-1 charge amount=630 card=visa-1
everywhere
both "the order is paid" '"stage":"paid"' get order o-1
refused "a second payment is refused, in any region" already-exists us call payment o-1 charge amount=630 card=visa-2
refused "..." already-exists eu call payment o-1 charge amount=630 card=visa-3
both "as many items were sold as are gone" '"items":'$((sold + 3)) view sold
echo "Nothing was sold, used or charged twice."
