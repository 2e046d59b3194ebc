//! The grammar, and the help that teaches it.

use clap::{ArgGroup, Parser, Subcommand};
use std::path::PathBuf;

/// Sterna: commands are accepted in the nearest region, and reach every other one.
///
/// Declare a model in one file, run one binary per region, and talk HTTP.
#[derive(Parser)]
#[command(name = "sterna", version, max_term_width = 110, arg_required_else_help = true, after_help = AFTER)]
pub struct Args {
    /// Print one JSON text a line, for programs
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

const AFTER: &str = "\
Begin with:
  sterna demo         three regions, a month of flights, a cut link; then it stays up
  sterna dev          three regions with a shop, empty
  sterna call cart c1 add_item sku=tea quantity=2 --region us-east
  sterna get cart c1 --region eu-west

Exit statuses:
  0  done
  1  it failed, or the answer is no: something was refused, is not there, or differs
  2  the command line is not understood
  3  no answer, or one that asks to come again later: send the same line again, a command with the same --key

Colours are for terminals; NO_COLOR=1 turns them off there, too.";

#[derive(Subcommand)]
pub enum Command {
    Dev(Dev),
    Demo(Demo),
    Serve(Serve),
    Call(Call),
    Get(Get),
    Send(Send),
    Cut(Cut),
    Heal(Heal),
    Status(Status),
    Conflicts(Conflicts),
    History(super::history::History),
    View(super::view::View),
    Homes(Homes),
    Regions(Regions),
    Views(Views),
    Model(super::model::Model),
    Completions(super::completions::Completions),
}

/// Run several regions in this process, to develop against.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  sterna dev                                 the built-in shop in three regions
  sterna dev my.toml --regions paris,oslo    your model in two
  sterna dev my.toml --data ./data           keep the data; --fresh begins anew

The n-th region listens on 127.0.0.1, port 7100 + n. Ctrl-C stops: what was accepted is finished first.")]
pub struct Dev {
    /// A model's file [default: the built-in shop]
    pub model: Option<PathBuf>,
    /// Names of the regions
    #[arg(long, value_delimiter = ',', default_values_t = crate::dev::REGIONS.map(str::to_owned))]
    pub regions: Vec<String>,
    /// Keep the data in this folder [default: a temporary folder, removed at the end]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Begin with empty regions: removes what they have in --data
    #[arg(long)]
    pub fresh: bool,
    #[command(flatten)]
    pub common: Common,
}

#[derive(clap::Args)]
pub struct Common {
    /// The n-th region listens n above this port
    #[arg(long, default_value_t = crate::dev::PORT, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..=65_000))]
    pub port: u16,
    /// What is logged, to standard error: `info,sterna_write=debug`
    #[arg(long, default_value = "warn", value_name = "FILTER")]
    pub log: String,
}

/// See it work: flights of 2013 through three regions, a cut link, and every row compared with the plain truth.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  sterna demo                   a month, which is in the binary
  sterna demo --data FOLDER     the year: flights.csv.gz and airports.csv of a folder
  sterna demo --exit            end after the comparison; status 1 if a row differs")]
pub struct Demo {
    /// A folder with flights.csv.gz and airports.csv [default: the built-in month]
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
    /// Keep the regions' data in this folder [default: a temporary folder, removed at the end]
    #[arg(long, value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// Begin with empty regions: removes what they have in --store
    #[arg(long)]
    pub fresh: bool,
    /// End when the comparison is done
    #[arg(long)]
    pub exit: bool,
    #[command(flatten)]
    pub common: Common,
}

/// Run one region.
#[derive(clap::Args)]
#[command(after_help = "\
Every key is also read from the environment: STERNA_STORE__PATH, STERNA_PEER__0__URL.

Example of region.toml:
  region = \"eu-west\"
  listen = \"0.0.0.0:7102\"
  model  = \"shop.toml\"
  shards = 16                     # fixed for the life of the cluster
  secret = \"env:STERNA_SECRET\"    # the same in all regions
  [store]
  path   = \"/var/lib/sterna\"
  [[peer]]
  region = \"us-east\"
  url    = \"http://10.1.0.5:7101\"

SIGTERM or Ctrl-C stops it: what was accepted is finished first.")]
pub struct Serve {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// What this process does, where several share the stores of a region
    #[arg(long, value_enum, default_value_t)]
    pub role: Role,
}

/// Beside taking commands, and the region's work that one of its processes is enough for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum Role {
    /// Projects, and answers queries
    #[default]
    All,
    /// Neither: for further processes of a region on FoundationDB
    Write,
}

/// Where to ask.
#[derive(clap::Args)]
#[command(group = ArgGroup::new("where").multiple(false))]
pub struct Where {
    /// A region of `sterna dev` or `sterna demo` [default: the first one]
    #[arg(long, short, group = "where")]
    pub region: Option<String>,
    /// Any region's address, http://host:port
    #[arg(long, group = "where")]
    pub url: Option<String>,
}

/// Whose eyes to see with.
#[derive(clap::Args)]
pub struct Who {
    /// A session sees what it has written and read, in every region: its token is kept. Two names are two people
    #[arg(long = "as", value_name = "NAME", default_value = "me")]
    pub session: String,
}

/// Send one command.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  sterna call cart c1 add_item sku=tea quantity=2
  sterna call cart c1 ship_to address=Kiel --region eu-west
  sterna call cart c1 add_item sku=tea quantity=2 --key k17     sent twice, it has one effect

A value is read as JSON where it is JSON (2, true, null, [1,2], {\"a\":1}), else as a string;
'\"2\"' is the string 2.")]
pub struct Call {
    /// Type of the aggregate
    #[arg(value_name = "TYPE")]
    pub kind: String,
    /// Id of the aggregate
    pub id: String,
    /// Name of the command
    pub command: String,
    /// Arguments
    #[arg(value_name = "K=V")]
    pub args: Vec<String>,
    /// The idempotency key [default: a random one]
    #[arg(long)]
    pub key: Option<String>,
    /// Refuse if the aggregate has changed since this ETag
    #[arg(long, value_name = "ETAG")]
    pub if_match: Option<String>,
    #[command(flatten)]
    pub at: Where,
    #[command(flatten)]
    pub who: Who,
}

/// Read an aggregate.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  sterna get cart c1
  sterna get cart c1 --region ap-south --as ben")]
pub struct Get {
    /// Type of the aggregate
    #[arg(value_name = "TYPE")]
    pub kind: String,
    /// Id of the aggregate
    pub id: String,
    #[command(flatten)]
    pub at: Where,
    #[command(flatten)]
    pub who: Who,
}

/// Send many commands: one JSON object a line.
#[derive(clap::Args)]
#[command(after_help = "\
A line:
  {\"type\":\"cart\",\"id\":\"c1\",\"command\":\"add_item\",\"args\":{\"sku\":\"tea\",\"quantity\":2},\"key\":\"k1\"}

Every line needs a key, so that sending the file again has no second effect.
Refused lines are printed; the status is 1 if there are any.")]
pub struct Send {
    /// A file, or - for standard input
    #[arg(value_name = "FILE.ndjson")]
    pub file: PathBuf,
    #[command(flatten)]
    pub at: Where,
}

/// Cut the link between two regions of `sterna dev`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  sterna cut us-east eu-west        the third region still carries what passes between the two
  sterna cut eu-west                eu-west is alone
  sterna heal                       everything is whole again")]
pub struct Cut {
    pub a: String,
    /// [default: every other region]
    pub b: Option<String>,
}

/// Heal what was cut.
#[derive(clap::Args)]
pub struct Heal {
    /// [default: every link]
    pub a: Option<String>,
    /// [default: every other region]
    pub b: Option<String>,
}

/// Show the regions, and how far they are behind each other.
#[derive(clap::Args)]
pub struct Status {
    #[command(flatten)]
    pub at: Where,
    /// First wait, so many seconds at most, until these regions have all that the others have and no reaction is on its way
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub wait: Option<u64>,
}

/// Show the ledger: what met what, which rule decided, and what was dropped.
#[derive(clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  sterna conflicts
  sterna conflicts --type cart --id c1 --region ap-south
  sterna conflicts --type cart --field note --rule latest
  sterna conflicts replay --model next.toml      what would its rules have decided? Changes nothing

`open` rows may still change; once nothing concurrent can arrive any more, a row is `final`, and the same in every region."
)]
pub struct Conflicts {
    #[command(subcommand)]
    pub command: Option<ConflictsCommand>,
    /// Of this type of aggregate
    #[arg(long = "type", value_name = "TYPE")]
    pub kind: Option<String>,
    /// Of this aggregate
    #[arg(long, requires = "kind")]
    pub id: Option<String>,
    /// Of this field
    #[arg(long)]
    pub field: Option<String>,
    /// Decided by this rule: latest, keep, max, min, prefer, max-by, min-by, add-wins, true-wins, delete, delete-wins, void, decided-on-void
    #[arg(long)]
    pub rule: Option<String>,
    /// Only rows that will never change again, or (false) may still
    #[arg(long = "final", value_name = "BOOL")]
    pub is_final: Option<bool>,
    /// Rows
    #[arg(long, default_value_t = 20)]
    pub limit: usize,
    /// Go on where a page ended: its `next`
    #[arg(long, value_name = "CURSOR")]
    pub after: Option<String>,
    #[command(flatten)]
    pub at: Where,
}

#[derive(Subcommand)]
pub enum ConflictsCommand {
    Replay(Replay),
}

/// What would the rules of another model have decided? Changes nothing.
#[derive(clap::Args)]
pub struct Replay {
    /// The other model
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
    /// Of this type of aggregate
    #[arg(long = "type", value_name = "TYPE")]
    pub kind: Option<String>,
    /// Of this aggregate
    #[arg(long, requires = "kind")]
    pub id: Option<String>,
    #[command(flatten)]
    pub at: Where,
}

/// Work on regions.
#[derive(clap::Args)]
pub struct Regions {
    #[command(subcommand)]
    pub command: RegionsCommand,
}

#[derive(Subcommand)]
pub enum RegionsCommand {
    /// Declare a region lost, for good
    ///
    /// What it accepted that no other region has copied never counts, also if it comes back; it then takes no commands. Its heir takes
    /// over the homes and the rights of bounded counters that it had. Every other region has to take part. Safe to repeat.
    DeclareLost {
        #[arg(value_name = "REGION")]
        lost: String,
        /// The region that takes over [default: the one that is asked]
        #[arg(long, value_name = "REGION")]
        heir: Option<String>,
        /// The region's name once more: this can't be taken back
        #[arg(long, value_name = "REGION")]
        confirm: Option<String>,
        #[command(flatten)]
        at: Where,
    },
}

/// Show where types with a home accept their commands, or move a home.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  sterna homes                                  which region accepts what
  sterna homes move payment --to eu-west        every shard's home of the type, one after the other

While a home moves no region accepts its commands: the new one does once it has everything that the old one accepted.
Commands that arrive meanwhile wait for that.")]
pub struct Homes {
    #[command(subcommand)]
    pub command: Option<HomesCommand>,
    #[command(flatten)]
    pub at: Where,
}

#[derive(Subcommand)]
pub enum HomesCommand {
    /// Move the homes of a type to a region
    Move {
        /// Type of the aggregates
        #[arg(value_name = "TYPE")]
        kind: String,
        /// The region that is to accept their commands
        #[arg(long, value_name = "REGION")]
        to: String,
        /// Of this shard only [default: all]
        #[arg(long, value_name = "N")]
        shard: Option<u16>,
        #[command(flatten)]
        at: Where,
    },
}

/// Work on views.
#[derive(clap::Args)]
pub struct Views {
    #[command(subcommand)]
    pub command: ViewsCommand,
}

#[derive(Subcommand)]
pub enum ViewsCommand {
    /// Build a view anew; the present one answers until the new one has caught up
    Rebuild {
        name: String,
        #[command(flatten)]
        at: Where,
    },
}
