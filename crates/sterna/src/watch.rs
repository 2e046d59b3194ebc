//! `dev` follows its model file: a safe change is taken while the regions run, and any other is explained and left alone.

use crate::dev::Cluster;
use crate::out::say;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use sterna_crdt::Name;
use sterna_env::Env;
use sterna_model::Model;
use sterna_model::diff::{Change, Verdict, diff, verdict};

const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What a new text of the model file comes to.
pub enum Look {
    /// It says what the regions have.
    Same,
    /// Why the regions go on with what they have, as it is shown.
    Refused(String),
    /// It may follow.
    Safe(Box<Model>, Vec<Change>),
}

/// Judges a text against the newest model that the regions have.
pub fn look(text: &str, name: &str, members: &[Name], held: &Model) -> Look {
    let (model, diagnostics) = sterna_model::parse_with(text, Some(members));
    let show = |mistakes: &mut dyn Iterator<Item = String>| mistakes.collect::<Vec<_>>().join("\n");
    let Some(model) = model else {
        let mut mistakes = diagnostics.iter().filter(|mistake| mistake.is_error()).map(|mistake| mistake.render(name, text));
        return Look::Refused(show(&mut mistakes));
    };
    let changes = diff(held, &model);
    if verdict(&changes) != Verdict::Safe {
        let unsafe_ones = changes.iter().filter(|change| change.verdict != Verdict::Safe);
        return Look::Refused(show(&mut unsafe_ones.map(|change| change.diagnostic.render(name, text))));
    }
    if model.hash == held.hash { Look::Same } else { Look::Safe(Box::new(model), changes) }
}

/// Follows the file for ever.
pub async fn watch(env: &Env, file: &Path, cluster: &Cluster) -> std::convert::Infallible {
    let name = file.display().to_string();
    let members: Vec<Name> = cluster.members();
    let mut judged = fs::read_to_string(file).unwrap_or_default();
    let mut seen = judged.clone();
    loop {
        env.sleep(LOOK_EVERY).await;
        let Ok(text) = fs::read_to_string(file) else { continue };
        // An editor may be writing still: a text is judged once it was seen twice.
        if text == judged || std::mem::replace(&mut seen, text.clone()) != text {
            continue;
        }
        let Some(held) = cluster.newest_model() else { continue };
        match look(&text, &name, &members, &held) {
            Look::Same => {}
            Look::Refused(why) => say(format!("\n{why}\n{name} is not taken; the regions go on with version {}.", held.version)),
            Look::Safe(model, changes) => {
                changes.iter().for_each(|change| say(format!("  {}: {}", change.path, change.diagnostic.message)));
                offer(env, cluster, Arc::new(*model)).await;
            }
        }
        judged = text;
    }
}

/// Returns when every region has taken it.
async fn offer(env: &Env, cluster: &Cluster, model: Arc<Model>) {
    for region in &cluster.regions {
        if let Err(why) = region.region().offer_model(Arc::clone(&model)) {
            return say(format!("region {}: {why}", region.name));
        }
    }
    say(format!("Version {} of the model: it takes commands when every region has heard of it.", model.version));
    while cluster.regions.iter().any(|region| region.region().model().hash != model.hash) {
        env.sleep(LOOK_EVERY).await;
    }
    say(format!("Version {} takes commands.", model.version));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::SHOP;

    fn held() -> Model {
        sterna_model::parse(SHOP).0.expect("the shop is a model")
    }

    #[test]
    fn a_safe_change_is_offered_and_any_other_is_explained() {
        let (held, members) = (held(), ["eu".into(), "us".into()]);
        let look = |text: &str| look(text, "shop.toml", &members, &held);
        assert!(matches!(look(&format!("{SHOP}\n# a remark\n")), Look::Same));
        let next = SHOP.replace("version = 1", "version = 2");
        let safe = next.replace("note    = \"string?\"", "note    = \"string?\"\nvip     = \"flag\"");
        let Look::Safe(model, changes) = look(&safe) else { panic!("it is safe") };
        assert_eq!((model.version, changes.len()), (2, 1));
        let Look::Refused(why) = look(&safe.replace("version = 2", "version = 1")) else { panic!("the version is the old one") };
        assert!(why.contains("write `version = 2`"), "{why}");
        let typed = next.replace("note    = \"string?\"", "note    = \"int?\"").replace("{ note = \"string?\" }", "{ note = \"int?\" }");
        let Look::Refused(why) = look(&typed) else { panic!("another type") };
        assert!(why.contains("error[needs-a-new-name]") && why.contains("shop.toml:"), "{why}");
        let Look::Refused(why) = look(&next.replace("state.items", "state.itmes")) else { panic!("a mistake") };
        assert!(why.contains("did you mean `items`?"), "{why}");
    }
}
