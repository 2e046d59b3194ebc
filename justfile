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

# formatting, lints, documentation, licences
check:
    .ci/lints

# the whole year of flights, from a folder with flights.csv.gz and airports.csv
year FOLDER:
    cargo run --release -- demo --data {{FOLDER}} --exit

# load and figures
bench *ARGS:
    cargo run --release -p sterna-loadtests -- {{ARGS}}
