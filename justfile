# Each recipe is one plain command.

# the main job: three regions, real flights, a cut link, the plain truth
demo:
    cargo run --release -- demo

# three regions of the built-in shop, to play with
dev *ARGS:
    cargo run --release -- dev {{ARGS}}

# all tests
test:
    cargo test

# 200 seeds of a simulated cluster; SEED replays one; --first N --count M; --mutation NAME plants a fault; --list-mutations
sim *ARGS:
    cargo run --quiet --config tests/sim/profile.toml -p sterna-sim -- {{ARGS}}

# the engine fluvio and the spine over real Fluvio clusters; needs fluvio-run and fluvio (FLUVIO_BIN, or on PATH), and says so without
test-fluvio *FILTERS:
    .ci/fluvio {{FILTERS}}

# the engine foundationdb, and the spine on real FoundationDB clusters; needs fdbserver (FDB_BIN, or on PATH), and says so without
test-foundationdb *FILTERS:
    .ci/foundationdb {{FILTERS}}

# three regions on FoundationDB and Fluvio together; needs the binaries of both (FDB_BIN, FLUVIO_BIN, or on PATH)
test-production *FILTERS:
    .ci/production {{FILTERS}}

# formatting, lints, documentation, licences
check:
    .ci/lints

# the whole year of flights, from a folder with flights.csv.gz and airports.csv
year FOLDER:
    cargo run --release -- demo --data {{FOLDER}} --exit

# load and figures
bench *ARGS:
    cargo run --release -p sterna-loadtests -- {{ARGS}}

# a million inputs for the model's parser, checker and expressions; for paths, headers, bodies and cursors; and as many raw exchanges
fuzz INPUTS="1000000":
    FUZZ_INPUTS={{INPUTS}} cargo test --release -p sterna-model --test fuzz
    STERNA_FUZZ={{INPUTS}} cargo test --release -p sterna-http --test it -- --nocapture random:: wire::
