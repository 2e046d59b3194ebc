//! Views and reactions: what is derived can be derived anew, and what is sent is sent from now on.

use super::Differ;
use crate::reaction::{Reaction, Send};
use crate::{Model, View};

impl Differ<'_> {
    pub(super) fn views(&mut self, old: &Model, new: &Model) {
        let before = |view: &View| {
            let named = |name: &str| old.views().iter().find(|held| *held.name == *name);
            named(&view.name).or_else(|| named(view.was.as_deref()?))
        };
        for view in new.views() {
            let path = format!("view.{}", view.name);
            let Some(held) = before(view) else {
                self.safe(&path, format!("the view `{}` is new; it answers once it is built", view.name));
                continue;
            };
            self.renamed(&path, "view", (&held.name, &held.name), (&view.name, view.was.as_ref().unwrap_or(&view.name)));
            self.deprecated(&path, &view.name, held.deprecated, view.deprecated);
            if held.hash != view.hash {
                self.safe(&path, format!("`{}` is built anew beside the present one, which answers until then", view.name));
            }
        }
        for gone in old.views().iter().filter(|held| !new.views().iter().filter_map(before).any(|found| found.name == held.name)) {
            self.safe(&format!("view.{}", gone.name), format!("the view `{}` is gone; queries of it are answered 404", gone.name));
        }
    }

    pub(super) fn reactions(&mut self, old: &Model, new: &Model) {
        let all = |model: &Model| -> Vec<(String, String)> {
            let reactions = model.reactions.values().flat_map(|commands| commands.values().flatten());
            reactions.map(|reaction| (reaction.name.to_string(), said(reaction))).collect()
        };
        let (old, new) = (all(old), all(new));
        for (name, text) in &new {
            let path = format!("reaction.{name}");
            match old.iter().find(|(before, _)| before == name) {
                None => self.safe(&path, format!("the reaction `{name}` is new; it follows events from now on")),
                Some((_, before)) if before != text => self.safe(&path, format!("`{name}` reacts differently to events from now on")),
                Some(_) => {}
            }
        }
        for (gone, _) in old.iter().filter(|(before, _)| !new.iter().any(|(name, _)| name == before)) {
            self.safe(&format!("reaction.{gone}"), format!("the reaction `{gone}` is gone; what it sent is still delivered"));
        }
    }
}

fn said(reaction: &Reaction) -> String {
    let send = |send: &Send| {
        let args: Vec<_> = send.args.iter().map(|(at, expr)| (*at, expr.source.clone())).collect();
        format!("{}.{} to {} with {args:?}", send.aggregate, send.command, send.to.source)
    };
    let source = |expr: &Option<crate::expr::Expr>| expr.as_ref().map(|expr| expr.source.clone());
    let (when, each) = (source(&reaction.when), source(&reaction.each));
    format!("{:?} {when:?} {each:?} {} else {:?}", reaction.on, send(&reaction.send), reaction.refused.as_ref().map(send))
}
