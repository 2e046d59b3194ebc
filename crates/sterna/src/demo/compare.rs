//! Every row of every view, in every region, against the truth.

use super::Source;
use super::rows::{AircraftRow, BoardRow, PunctualityRow, RouteRow};
use super::truth::Truth;
use crate::home::{DevRegion, DevRegions};
use crate::out::say;
use anyhow::{Context, Result};
use indicatif::HumanCount;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use sterna_client::{Client, Options};
use sterna_env::Env;

/// Rows of a page; the most that is answered.
const PAGE: usize = 1000;
/// Differences that are shown; the rest are counted.
const SHOWN_MAX: usize = 5;
/// Whose boards are also read through the index, for their order.
const BOARDS: [(&str, &str); 4] = [("JFK", "2013-01-01"), ("LAX", "2013-01-15"), ("ORD", "2013-01-31"), ("EWR", "2013-07-04")];

/// What was compared in one view of one region.
#[derive(Default)]
struct Compared {
    rows: u64,
    different: Vec<String>,
}

impl Compared {
    fn differs(&mut self, what: impl FnOnce() -> String) {
        self.different.push(if self.different.len() < SHOWN_MAX { what() } else { String::new() });
    }
}

#[derive(Deserialize)]
struct Page<R> {
    data: Vec<R>,
    next: Option<String>,
}

/// Prints what was compared. `false` if anything differs.
pub async fn compare(env: &Env, known: &DevRegions, source: &Source) -> Result<bool> {
    say("\nEvery row of every view, against what the CSV says by itself:");
    let began = env.now();
    let truth = Truth::read(source.flights()?)?;
    let regions = known.regions.iter().map(|region| Reader::new(env, region, &truth));
    let readers = regions.collect::<Result<Vec<_>>>()?;
    let compared = futures::future::try_join_all(readers.iter().map(Reader::all)).await?;
    let (mut rows, mut different) = (0, 0);
    for (reader, views) in readers.iter().zip(&compared) {
        let line = views.iter().map(|(name, view)| format!("{name} {}", HumanCount(view.rows))).collect::<Vec<_>>().join(", ");
        say(format!("  {:<12} {line}", reader.region));
        for (name, view) in views {
            rows += view.rows;
            different += view.different.len();
            view.different.iter().take(SHOWN_MAX).for_each(|what| say(format!("  {} {name} DIFFERS: {what}", reader.region)));
        }
    }
    let verdict = if different == 0 { "all equal".to_owned() } else { format!("{} DIFFER", HumanCount(different as u64)) };
    say(format!("  {} rows compared in {:.1} s: {verdict}.", HumanCount(rows), (env.now() - began).as_secs_f64()));
    Ok(different == 0)
}

struct Reader<'t> {
    region: String,
    client: Client,
    truth: &'t Truth,
}

impl<'t> Reader<'t> {
    fn new(env: &Env, region: &DevRegion, truth: &'t Truth) -> Result<Self> {
        Ok(Self { region: region.region.clone(), client: Client::new(env.clone(), Options::new([region.url.as_str()]))?, truth })
    }

    async fn all(&self) -> Result<[(&'static str, Compared); 4]> {
        Ok([
            ("board", self.board().await?),
            ("punctuality", self.listed::<PunctualityRow>("punctuality", &self.truth.punctuality).await?),
            ("routes", self.listed::<RouteRow>("routes", &self.truth.routes).await?),
            ("aircraft", self.listed::<AircraftRow>("aircraft", &self.truth.aircraft).await?),
        ])
    }

    /// Row by row, in order.
    async fn listed<R: DeserializeOwned + PartialEq + Debug + Send>(&self, view: &str, expected: &[R]) -> Result<Compared> {
        let (mut compared, mut expected) = (Compared::default(), expected.iter());
        self.pages(view, |body| {
            let page: Page<R> = serde_json::from_slice(body)?;
            for row in &page.data {
                compared.rows += 1;
                match expected.next() {
                    Some(expected) if expected == row => {}
                    expected => compared.differs(|| format!("{row:?} instead of {expected:?}")),
                }
            }
            Ok(page.next)
        })
        .await?;
        expected.for_each(|missing| compared.differs(|| format!("missing {missing:?}")));
        Ok(compared)
    }

    /// All rows, each once; and some airports' days, in order.
    async fn board(&self) -> Result<Compared> {
        let (mut compared, mut seen) = (Compared::default(), vec![[false; 2]; self.truth.flights().len()]);
        self.pages("board", |body| {
            let page: Page<BoardRow<'_>> = serde_json::from_slice(body)?;
            for row in &page.data {
                compared.rows += 1;
                if let Err(what) = self.on_board(row, &mut seen) {
                    compared.differs(|| what);
                }
            }
            Ok(page.next)
        })
        .await?;
        for (flight, seen) in self.truth.flights().iter().zip(&seen) {
            let missing = flight.rows().into_iter().zip(seen).filter(|(_, seen)| !**seen);
            missing.for_each(|(row, _)| compared.differs(|| format!("missing {row:?}")));
        }
        for (airport, day) in BOARDS {
            self.indexed(airport, day, &mut compared).await?;
        }
        Ok(compared)
    }

    fn on_board(&self, row: &BoardRow<'_>, seen: &mut [[bool; 2]]) -> Result<(), String> {
        let number = self.truth.find(row.flight).ok_or_else(|| format!("no such flight: {row:?}"))?;
        let expected = self.truth.flights()[number].rows();
        let side = expected.iter().position(|expected| expected.airport == row.airport);
        let side = side.ok_or_else(|| format!("not at this airport: {row:?}"))?;
        if std::mem::replace(&mut seen[number][side], true) {
            return Err(format!("twice: {row:?}"));
        }
        if expected[side] != *row { Err(format!("{row:?} instead of {:?}", expected[side])) } else { Ok(()) }
    }

    async fn indexed(&self, airport: &str, day: &str, compared: &mut Compared) -> Result<()> {
        let path = format!("/v1/views/board?airport={airport}&day={day}&limit={PAGE}");
        let response = self.client.fetch(path.clone()).await?;
        let page: Page<BoardRow<'_>> = serde_json::from_slice(response.body()).with_context(|| path.clone())?;
        compared.rows += page.data.len() as u64;
        if page.data != self.truth.board(airport, day) {
            compared.differs(|| format!("{path} has other rows, or another order"));
        }
        Ok(())
    }

    /// `page` says where the next one begins.
    async fn pages(&self, view: &str, mut page: impl FnMut(&[u8]) -> serde_json::Result<Option<String>>) -> Result<()> {
        let mut after: Option<String> = None;
        loop {
            let cursor = after.map(|after| format!("&after={after}")).unwrap_or_default();
            let path = format!("/v1/views/{view}?limit={PAGE}{cursor}");
            let response = self.client.fetch(path).await.with_context(|| format!("view {view} of {}", self.region))?;
            after = page(response.body()).with_context(|| format!("view {view} of {} has other columns than it should", self.region))?;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}
