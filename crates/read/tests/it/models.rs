//! Small models.

/// Flights and aircraft, with views of all kinds.
pub const FLIGHTS: &str = r#"
version = 1

[aggregate.flight.fields]
carrier   = "string"
origin    = "string"
dest      = "string"
day       = "date"
sched_dep = "int"
arr_delay = "int?"
note      = { register = "string", on_conflict = "keep" }
status    = { register = { enum = ["departed", "cancelled", "arrived"] }, on_conflict = "max" }

[aggregate.flight.commands.depart]
args = { carrier = "string", origin = "string", dest = "string", day = "date", sched_dep = "int" }
effects = [
    { set = "args.carrier", to = "carrier" },
    { set = "args.origin", to = "origin" },
    { set = "args.dest", to = "dest" },
    { set = "args.day", to = "day" },
    { set = "args.sched_dep", to = "sched_dep" },
    { set = "'departed'", to = "status" },
]

[aggregate.flight.commands.arrive]
args = { arr_delay = "int?" }
effects = [
    { set = "args.arr_delay", to = "arr_delay", when = "args.arr_delay != null" },
    { set = "'arrived'", to = "status" },
]

[aggregate.flight.commands.annotate]
args    = { note = "string" }
effects = [{ set = "args.note", to = "note" }]

[aggregate.flight.commands.drop]
effects = [{ delete = true }]

[aggregate.aircraft.fields]
flights  = "counter"
airports = { set = "string" }

[aggregate.aircraft.commands.fly]
args    = { dest = "string" }
effects = [{ add = "1", to = "flights" }, { insert = "args.dest", to = "airports" }]

[view.board]
of      = "flight"
where   = "state.origin != null"
each    = "[state.origin, state.dest]"
columns = { airport = "it", day = "state.day", flight = "id", sched_dep = "state.sched_dep", status = "state.status", arr_delay = "state.arr_delay" }
index   = [["airport", "day"], ["status"]]
sort    = ["-sched_dep"]

[view.punctuality]
of    = "flight"
group = { carrier = "state.carrier", day = "state.day" }
avg   = { delay = "state.arr_delay" }
sum   = { total = "state.arr_delay" }
count = { flights = "true", late = "state.arr_delay != null && state.arr_delay > 15" }

[view.extremes]
of    = "flight"
where = "state.carrier != null"
group = { carrier = "state.carrier" }
max   = { worst = "state.arr_delay", last = "id" }
min   = { best = "state.arr_delay", first = "id" }

[view.total]
of    = "flight"
group = {}
count = { flights = "true" }

[view.aircraft]
of      = "aircraft"
columns = { tail = "id", flights = "state.flights", airports = "size(state.airports)" }
sort    = ["-flights"]

[view.fragile]
of      = "flight"
where   = "state.sched_dep != null"
columns = { flight = "id", share = "100 / state.sched_dep" }

[view.arrivals]
events  = "flight.arrive"
columns = { flight = "event.aggregate_id", delay = "event.args.arr_delay", region = "event.region" }
sort    = ["delay"]

[view.activity]
events = ["flight.arrive", "flight.depart", "aircraft.fly"]
group  = { name = "event.name" }
count  = { times = "true" }
"#;

/// [`FLIGHTS`], later: a field more in front, views changed, new and gone.
pub fn later_flights() -> String {
    FLIGHTS
        .replace("version = 1", "version = 2")
        .replace("carrier   = \"string\"\norigin ", "added     = \"int?\"\ncarrier   = \"string\"\norigin ")
        .replace("late = \"state.arr_delay != null && state.arr_delay > 15\"", "late = \"state.arr_delay != null && state.arr_delay > 5\"")
        .replace(
            "[view.total]\nof    = \"flight\"\ngroup = {}",
            "[view.carriers]\nof    = \"flight\"\ngroup = { carrier = \"state.carrier\" }",
        )
}
