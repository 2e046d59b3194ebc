//! A document's code blocks, and what is said of each in a comment above it.
//!
//! | comment | meaning |
//! | --- | --- |
//! | `<!-- file: NAME -->` | the block is written to this file, which commands below use |
//! | `<!-- from: PATH -->` | its lines stand in this file of the repository, in this order |
//! | `<!-- part -->` | a piece of something, shown to be read |
//! | `<!-- run by: TEST -->` | that test runs what it shows |
//! | `<!-- dev says -->` | the `sterna dev` that was started last prints this, after what was shown of it before |
//! | `<!-- skip: REASON -->` | it can't be run in a test |

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Said {
    Nothing,
    File(String),
    From(String),
    Part,
    RunBy(String),
    DevSays,
    Skip(String),
}

#[derive(Clone, Debug)]
pub struct Block {
    /// Of its first line, from 1.
    pub line: usize,
    /// `console`, `toml` and so on.
    pub language: String,
    pub said: Said,
    pub text: String,
}

/// One command of a console block, and what it prints.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Command {
    pub line: usize,
    pub command: String,
    pub output: Vec<String>,
}

pub fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut said = Said::Nothing;
    let mut lines = (1..).zip(text.lines());
    while let Some((line, content)) = lines.next() {
        let indent = content.len() - content.trim_start().len();
        let Some(language) = content.trim_start().strip_prefix("```") else {
            if !content.trim().is_empty() {
                said = comment(content.trim());
            }
            continue;
        };
        let body = lines.by_ref().map(|(_, content)| content).take_while(|content| content.trim_start() != "```");
        let body = body.map(|content| content.get(indent..).unwrap_or_default().to_owned() + "\n").collect();
        let said = std::mem::replace(&mut said, Said::Nothing);
        blocks.push(Block { line: line + 1, language: language.trim().to_owned(), said, text: body });
    }
    blocks
}

fn comment(line: &str) -> Said {
    let Some(inner) = line.strip_prefix("<!--").and_then(|rest| rest.strip_suffix("-->")) else { return Said::Nothing };
    let (name, value) = inner.trim().split_once(':').unwrap_or((inner.trim(), ""));
    let value = value.trim().to_owned();
    match name {
        "file" => Said::File(value),
        "from" => Said::From(value),
        "part" => Said::Part,
        "run by" => Said::RunBy(value),
        "dev says" => Said::DevSays,
        "skip" => Said::Skip(value),
        _ => Said::Nothing,
    }
}

impl Block {
    /// `$ ` begins a command, `> ` goes on with it.
    pub fn commands(&self) -> Vec<Command> {
        let mut commands: Vec<Command> = Vec::new();
        for (line, content) in (self.line..).zip(self.text.lines()) {
            if let Some(command) = content.strip_prefix("$ ") {
                commands.push(Command { line, command: command.to_owned(), output: Vec::new() });
            } else if let Some(last) = commands.last_mut() {
                match content.strip_prefix("> ") {
                    Some(more) if last.output.is_empty() => last.command += &format!("\n{more}"),
                    _ => last.output.push(content.to_owned()),
                }
            } else {
                panic!("line {line}: a console block begins with a command: {content}");
            }
        }
        for Command { output, .. } in &mut commands {
            output.truncate(output.iter().rposition(|line| !line.trim().is_empty()).map_or(0, |last| last + 1));
        }
        commands
    }
}

#[test]
fn blocks_are_found_with_what_is_said_of_them() {
    let text = "# A\n\n<!-- file: a.toml -->\n```toml\nversion = 1\n```\n\ntext\n\n```console\n$ one \\\n>   two\nout\n\n$ three\n```\n";
    let found = blocks(text);
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].line, found[0].said.clone(), found[0].text.as_str()), (5, Said::File("a.toml".to_owned()), "version = 1\n"));
    let commands = found[1].commands();
    assert_eq!(commands[0].command, "one \\\n  two");
    assert_eq!((commands[0].output.clone(), commands[1].command.as_str()), (vec!["out".to_owned()], "three"));
}
