//! Everything that README and `docs/` show is run, and its output compared.

mod blocks;
mod compare;
mod shell;

use blocks::{Block, Command, Said, blocks};
use compare::lines;
pub use shell::repository;

use shell::Shell;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;
use sterna_tests::SOON;

/// Languages of what is typed.
const TYPED: [&str; 2] = ["console", "sh"];

macro_rules! documents {
    ($($name:ident $path:literal)*) => {
        const DOCUMENTS: &[&str] = &[$($path),*];
        $(
            #[tokio::test]
            async fn $name() {
                run($path).await;
            }
        )*
    };
}

documents! {
    the_readme_is_true "README.md"
    the_tutorial_is_true "docs/tutorial.md"
    the_model_reference_is_true "docs/model.md"
    the_interface_reference_is_true "docs/interface.md"
    the_command_line_reference_is_true "docs/cli.md"
    the_concepts_are_true "docs/concepts.md"
    the_examples_page_is_true "docs/examples.md"
    the_operations_page_is_true "docs/operations.md"
    the_figures_page_is_true "docs/figures.md"
}

/// Nothing is waited for longer than this where a document is written anew.
const UPDATE_WAIT: Duration = Duration::from_secs(8);

async fn run(path: &str) {
    let text = fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut shell = Shell::new();
    let mut printed = Vec::new();
    for block in blocks(&text) {
        let at = format!("{path}:{}", block.line);
        match &block.said {
            Said::File(name) => shell.write(name, &block.text),
            Said::From(file) => assert_stands_in(&block, file, &at),
            Said::RunBy(test) => assert!(test_exists(test), "{at}: there is no test `{test}`"),
            Said::DevSays => {
                let shown = lines(&block.text);
                if let Err(output) = shell.heard(&shown, if updating() { UPDATE_WAIT } else { SOON }).await {
                    let told = output.join("\n");
                    assert!(updating(), "{at}: `sterna dev` shows\n{}\nbut printed\n{told}", block.text);
                    printed.push((Command { line: block.line, command: String::new(), output: shown }, output));
                }
            }
            Said::Skip(reason) => assert!(reason.len() > 10, "{at}: why is it not run?"),
            Said::Part => assert!(!TYPED.contains(&block.language.as_str()), "{at}: what is typed is run"),
            Said::Nothing if block.language == "console" => {
                for command in block.commands() {
                    if let Err(output) = shell.run(&command, if updating() { UPDATE_WAIT } else { SOON }).await {
                        let (line, shown) = (command.line, command.output.join("\n"));
                        let told = output.join("\n");
                        assert!(updating(), "{path}:{line}: $ {}\nshows\n{shown}\nbut printed\n{told}", command.command);
                        printed.push((command, output));
                    }
                }
            }
            Said::Nothing => {
                assert_ne!(block.language, "sh", "{at}: write it as `console`, with `$` before commands, so that it is run");
            }
        }
    }
    shell.stop().await;
    if !printed.is_empty() {
        fs::write(repository().join(path), updated(&text, printed)).expect("the document can be written");
    }
}

/// `STERNA_DOCS=update` writes what was printed into the documents, to be looked at before it is committed.
#[allow(clippy::disallowed_methods, reason = "for people who write documents; no test depends on it")]
fn updating() -> bool {
    std::env::var("STERNA_DOCS").is_ok_and(|value| value == "update")
}

fn updated(text: &str, printed: Vec<(Command, Vec<String>)>) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (command, output) in printed.into_iter().rev() {
        let first = command.line + command.command.lines().count() - 1;
        lines.splice(first..first + command.output.len(), output);
    }
    lines.join("\n") + "\n"
}

/// Each line of the block, in this order.
fn assert_stands_in(block: &Block, file: &str, at: &str) {
    let text = fs::read_to_string(repository().join(file)).unwrap_or_else(|error| panic!("{at}: {file}: {error}"));
    let mut lines = text.lines();
    for line in block.text.lines().filter(|line| !line.trim().is_empty() && line.trim() != "…") {
        assert!(lines.any(|known| known == line), "{at}: {file} does not have, in this order: {line}");
    }
}

fn test_exists(name: &str) -> bool {
    let here = repository().join("tests");
    sources(&here).iter().any(|source| source.contains(&format!("fn {name}(")))
}

fn sources(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("it can be read").path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![fs::read_to_string(&path).unwrap_or_default()] }).collect()
}

#[test]
fn every_document_is_in_the_book_and_every_one_with_commands_is_run() {
    let docs = repository().join("docs");
    let summary = fs::read_to_string(docs.join("SUMMARY.md")).expect("the book has a summary");
    let mut with_commands = BTreeSet::from(["README.md".to_owned()]);
    for path in pages(&docs) {
        let name = path.strip_prefix(&docs).expect("it is in the folder").display().to_string();
        if name == "SUMMARY.md" {
            continue;
        }
        assert!(name.contains('/') || summary.contains(&format!("({name})")), "{name} is not in SUMMARY.md");
        let text = fs::read_to_string(&path).expect("it can be read");
        if blocks(&text).iter().any(|block| TYPED.contains(&block.language.as_str())) {
            with_commands.insert(format!("docs/{name}"));
        }
    }
    let run: BTreeSet<String> = DOCUMENTS.iter().map(|path| (*path).to_owned()).collect();
    let forgotten: Vec<_> = with_commands.difference(&run).collect();
    assert!(forgotten.is_empty(), "{forgotten:?} show commands that no test runs");
}

fn pages(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("it can be read").path());
    let pages = entries.flat_map(|path| if path.is_dir() && !path.ends_with("book") { pages(&path) } else { vec![path] });
    pages.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let root = repository();
    let mut all = pages(&root.join("docs"));
    all.extend(["README.md", "ARCHITECTURE.md"].map(|name| root.join(name)));
    let link = regex::Regex::new(r"\]\(([^)#:\s]+)(#[^)]*)?\)").expect("it is a pattern");
    for page in all {
        let text = fs::read_to_string(&page).expect("it can be read");
        for found in link.captures_iter(&text) {
            let target = page.parent().expect("it is in a folder").join(&found[1]);
            assert!(target.exists(), "{}: {} leads nowhere", page.display(), &found[1]);
        }
    }
}
