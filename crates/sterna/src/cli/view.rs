//! `view`: rows of a view, as a table.

use super::args::{Where, Who};
use super::session::with_session;
use super::target::Target;
use crate::out::{Form, Outcome, answer, note, say};
use anyhow::{Context, Result};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Value, json};
use sterna_client::Client;
use sterna_env::Env;

/// Read rows of a view.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  sterna view carts_by_size
  sterna view board airport=JFK 'day[gte]=2013-01-01' --limit 50

A filter must fit one of the view's indexes; the refusal names what would do.")]
pub struct View {
    pub name: String,
    /// Filters: COLUMN=VALUE, or with an operator (gte, gt, lte, lt) in square brackets behind the column
    #[arg(value_name = "COLUMN=VALUE")]
    pub filters: Vec<String>,
    /// Rows, at most 1000
    #[arg(long, default_value_t = 20)]
    pub limit: usize,
    /// Behind this row: the `next` of the page before
    #[arg(long, value_name = "CURSOR")]
    pub after: Option<String>,
    #[command(flatten)]
    pub at: Where,
    #[command(flatten)]
    pub who: Who,
}

pub async fn view(env: &Env, args: View, form: Form) -> Result<Outcome> {
    let target = Target::find(&args.at)?;
    let (client, session) = (target.client(env)?, target.session(&args.who));
    let limit = args.limit.to_string();
    let mut params = vec![("limit", limit.as_str())];
    for filter in &args.filters {
        params.push(filter.split_once('=').with_context(|| format!("`{filter}` is no filter; write it like airport=JFK"))?);
    }
    params.extend(args.after.as_deref().map(|after| ("after", after)));
    let read = async |client: &Client| client.view::<Row>(&args.name, &params).await;
    let page = with_session(&client, &session, read).await.map_err(|error| target.told(error))?;
    match form {
        Form::Json => answer(&json!({ "data": page.data.iter().map(Row::json).collect::<Vec<_>>(), "next": page.next })),
        Form::Text => {
            table(&page.data).iter().for_each(say);
            page.next.iter().for_each(|next| note(format!("There is more: --after {next}")));
        }
    }
    Ok(Outcome::Done)
}

/// Columns in the order of the answer.
struct Row(Vec<(String, Value)>);

impl Row {
    fn json(&self) -> Value {
        Value::Object(self.0.iter().cloned().collect())
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Columns;
        impl<'de> Visitor<'de> for Columns {
            type Value = Row;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a row")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
                let mut columns = Vec::new();
                while let Some(column) = map.next_entry()? {
                    columns.push(column);
                }
                Ok(Row(columns))
            }
        }
        deserializer.deserialize_map(Columns)
    }
}

/// A head and a line for each row; numbers stand to the right.
fn table(rows: &[Row]) -> Vec<String> {
    let Some(first) = rows.first() else { return vec!["no rows".to_owned()] };
    let head: Vec<String> = first.0.iter().map(|(name, _)| name.clone()).collect();
    let numbers: Vec<bool> =
        (0..head.len()).map(|at| rows.iter().any(|row| row.0.get(at).is_some_and(|(_, value)| value.is_number()))).collect();
    let lines: Vec<Vec<String>> = rows.iter().map(|row| row.0.iter().map(|(_, value)| cell(value)).collect()).collect();
    let all = || std::iter::once(&head).chain(&lines);
    let widths: Vec<usize> =
        (0..head.len()).map(|at| all().filter_map(|line| line.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0)).collect();
    let aligned = |line: &Vec<String>| {
        let cells = line.iter().enumerate().map(|(at, cell)| match numbers.get(at) {
            Some(true) => format!("{cell:>width$}", width = widths[at]),
            _ => format!("{cell:<width$}", width = widths.get(at).copied().unwrap_or(0)),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    all().map(aligned).collect()
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_keeps_the_order_of_columns_and_puts_numbers_to_the_right() {
        let rows: Vec<Row> =
            serde_json::from_str(r#"[{"sku":"tea","n":12,"a":null},{"sku":"mug","n":5,"a":"x y"}]"#).expect("they are rows");
        assert_eq!(table(&rows), ["sku   n  a", "tea  12  -", "mug   5  x y"]);
        assert_eq!(table(&[]), ["no rows"]);
    }
}
