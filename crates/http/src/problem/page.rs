//! `/problems` and `/problems/{code}`: what a problem's `type` leads to.

use super::{Code, Problem, Retry};
use crate::request::Segments;
use axum::response::Html;
use std::fmt::Write;

pub(crate) async fn pages() -> Html<String> {
    Html(list())
}

pub(crate) async fn page(Segments(code): Segments<String>) -> Result<Html<String>, Problem> {
    let code =
        code.parse::<Code>().map_err(|()| Problem::new(Code::UnknownPath, "there is no problem of this code; `/problems` lists them"))?;
    Ok(Html(explain(code)))
}

fn explain(code: Code) -> String {
    let retry = match code.retry() {
        Retry::Never => "Sending the same request again does not help.",
        Retry::SameKey => "Send the same request again, with the same key, after <code>Retry-After</code> seconds.",
    };
    let body = format!(
        "<p><code>{}</code>, status {}</p><p>{}</p><p>{retry}</p><p><a href=\"/problems\">All problems</a></p>",
        code.as_str(),
        code.status().as_u16(),
        marked(code.page()),
    );
    document(code.title(), &body)
}

fn list() -> String {
    let mut body = "<table><tr><th>Code</th><th>Status</th><th>Meaning</th></tr>".to_owned();
    for code in Code::ALL {
        let text = code.as_str();
        let (status, title) = (code.status().as_u16(), code.title());
        let _ = write!(body, "<tr><td><a href=\"/problems/{text}\"><code>{text}</code></a></td><td>{status}</td><td>{title}</td></tr>");
    }
    document("Problems", &(body + "</table>"))
}

fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <style>body{{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem;color-scheme:light dark}}\
         td,th{{text-align:left;padding:.2rem 1rem .2rem 0;vertical-align:top}}</style><h1>{title}</h1>{body}</html>\n"
    )
}

/// Text of [`Code::page`], in which backquotes mark code.
fn marked(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut parts = escaped.split('`');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for (at, part) in parts.enumerate() {
        out.push_str(if at % 2 == 0 { "<code>" } else { "</code>" });
        out.push_str(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_page_with_balanced_code() {
        for code in Code::ALL {
            let page = explain(*code);
            assert!(page.contains(code.as_str()) && page.contains(code.title()));
            assert_eq!(page.matches("<code>").count(), page.matches("</code>").count(), "{code:?}");
            assert!(list().contains(&format!("/problems/{}", code.as_str())));
        }
    }
}
