#!/bin/sh
# Flights: the place of departure and the place of arrival report in their own regions, in either order.
. "$(dirname "$0")/lib.sh"
begin flights/flights.toml

flight=20130101-UA-1545-EWR
cut
does "the arrival is reported first, in eu-west" \
    eu call flight $flight arrive tail=N14228 dest=IAH distance=1400 arr_delay=21 air_time=227
does "the departure is reported in us-east" \
    us call flight $flight depart carrier=UA number=1545 origin=EWR dest=IAH day=2013-01-01 month=1 sched_dep=515 \
    distance=1400 tail=N14228 dep_delay=2
does "a remark on each side" us call flight $flight remark text='left on time'
does "..." eu call flight $flight remark text='landed late'
does "another flight of the same aircraft arrives in us-east" \
    us call flight 20130102-UA-1-EWR arrive tail=N14228 dest=EWR distance=1400 arr_delay=-3 air_time=200
heal
everywhere

both "arrived is later than departed, whatever came first" '"status":"arrived"' get flight $flight
both "both sides of the flight are there" '"arr_delay":21' get flight $flight
both "both sides of the flight are there" '"dep_delay":2' get flight $flight
noted "the remark that lost is in the ledger" '"lost":"left on time"' flight $flight
both "two regions counted the same aircraft" '"flights":2,"miles":2800' view aircraft
both "a row for the origin" '"flight":"'$flight'"' view board airport=EWR day=2013-01-01
both "a row for the destination" '"flight":"'$flight'"' view board airport=IAH day=2013-01-01
both "late by its carrier and month" '"late":1' view punctuality carrier=UA month=1
echo "Every report counts once, in both regions."
