//! `cut` and `heal`: links between the regions of `dev`, on both sides.

use super::args::{Cut, Heal};
use super::target::dev_regions;
use crate::home::DevRegions;
use crate::links::{self, Change};
use crate::out::{Form, Outcome, answer, bad, good, say};
use anyhow::{Result, bail};
use serde_json::json;
use sterna_env::Env;

pub async fn cut(env: &Env, args: Cut, form: Form) -> Result<Outcome> {
    change(env, Some(args.a), args.b, Change::Cut, form).await
}

pub async fn heal(env: &Env, args: Heal, form: Form) -> Result<Outcome> {
    change(env, args.a, args.b, Change::Heal, form).await
}

async fn change(env: &Env, a: Option<String>, b: Option<String>, change: Change, form: Form) -> Result<Outcome> {
    let known = dev_regions();
    for (a, b) in pairs(&known, a.as_deref(), b.as_deref())? {
        links::set(env, &known, &a, &b, change).await?;
        match (form, change) {
            (Form::Json, change) => answer(&json!({ "a": a, "b": b, "cut": change == Change::Cut })),
            (Form::Text, Change::Cut) => say(format!("{a} ↔ {b}: {}", bad("cut"))),
            (Form::Text, Change::Heal) => say(format!("{a} ↔ {b}: {}", good("whole"))),
        }
    }
    Ok(Outcome::Done)
}

/// The links that are meant.
fn pairs(known: &DevRegions, a: Option<&str>, b: Option<&str>) -> Result<Vec<(String, String)>> {
    [a, b].into_iter().flatten().try_for_each(|name| known.url(name).map(drop))?;
    if a.is_some() && a == b {
        bail!("a region has no link to itself");
    }
    let names: Vec<&String> = known.regions.iter().map(|region| &region.region).collect();
    let all = names.iter().enumerate().flat_map(|(at, a)| names[at + 1..].iter().map(move |b| (*a, *b)));
    let has = |(x, y): &(&String, &String), name: &str| *x == name || *y == name;
    let meant = all.filter(|pair| a.is_none_or(|a| has(pair, a)) && b.is_none_or(|b| has(pair, b)));
    Ok(meant.map(|(a, b)| (a.clone(), b.clone())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::DevRegion;

    #[test]
    fn two_names_are_a_link_one_is_all_of_its_links_none_is_every_link() {
        let regions = ["a", "b", "c"].map(|name| DevRegion { region: name.to_owned(), url: String::new() });
        let known = DevRegions { run: String::new(), regions: regions.into() };
        let meant = |a, b| pairs(&known, a, b).expect("they exist").iter().map(|(a, b)| format!("{a}{b}")).collect::<Vec<_>>();
        assert_eq!(meant(Some("c"), Some("a")), ["ac"]);
        assert_eq!(meant(Some("b"), None), ["ab", "bc"]);
        assert_eq!(meant(None, None), ["ab", "ac", "bc"]);
        assert!(pairs(&known, Some("d"), None).is_err() && pairs(&known, Some("a"), Some("a")).is_err());
    }
}
