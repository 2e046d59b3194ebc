//! Pictures of dashboards for the documentation, from a test's own data: one SVG a dashboard.

use super::panels::{Dashboard, Panel};
use super::server::Series;
use std::collections::BTreeMap;
use std::fmt::Write;

/// A panel with what its queries gave: the legend's pattern beside each series.
pub type Drawn<'a> = (&'a Panel, Vec<(String, Series)>);

const WIDTH: usize = 440;
const HEIGHT: usize = 210;
const COLUMNS: usize = 3;
const COLOURS: [&str; 8] = ["#3274d9", "#e0752d", "#37872d", "#a352cc", "#c4162a", "#8f6d1f", "#1f8f86", "#6b6b6b"];
const LEGENDS_MAX: usize = 6;

pub fn dashboard(dashboard: &Dashboard, panels: &[Drawn<'_>]) -> String {
    let rows = panels.len().div_ceil(COLUMNS);
    let (width, height) = (COLUMNS * WIDTH + 20, rows * HEIGHT + 60);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"Helvetica,Arial,sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"#f4f5f5\"/>\n<text x=\"14\" y=\"28\" font-size=\"18\">{}</text>\n",
        escaped(&dashboard.title)
    );
    for (at, (panel, series)) in panels.iter().enumerate() {
        let (x, y) = (10 + at % COLUMNS * WIDTH, 45 + at / COLUMNS * HEIGHT);
        _ = writeln!(out, "<g transform=\"translate({x},{y})\">");
        _ = writeln!(out, "<rect width=\"{}\" height=\"{}\" fill=\"#fff\" stroke=\"#ddd\"/>", WIDTH - 10, HEIGHT - 10);
        _ = writeln!(out, "<text x=\"10\" y=\"18\" font-weight=\"bold\">{}</text>", escaped(&panel.title));
        if panel.is_graph {
            graph(&mut out, panel, series)
        } else {
            table(&mut out, panel, series)
        }
        out.push_str("</g>\n");
    }
    out.push_str("</svg>\n");
    out
}

fn graph(out: &mut String, panel: &Panel, series: &[(String, Series)]) {
    let points = || series.iter().flat_map(|(_, series)| &series.points);
    let (from, to) = points().fold((f64::MAX, f64::MIN), |(from, to), (at, _)| (from.min(*at), to.max(*at)));
    let top = points().fold(f64::MIN_POSITIVE, |top, (_, value)| top.max(*value)) * 1.08;
    let low = points().fold(0.0_f64, |low, (_, value)| low.min(*value));
    let place = |(at, value): &(f64, f64)| {
        let x = 60.0 + (at - from) / (to - from).max(1.0) * (WIDTH as f64 - 85.0);
        let y = 130.0 - (value - low) / (top - low) * 100.0;
        format!("{x:.1},{y:.1}")
    };
    for part in 0..=2 {
        let value = low + (top - low) * f64::from(part) / 2.0;
        let y = 130 - 50 * part;
        _ = writeln!(out, "<path d=\"M60 {y}H{}\" stroke=\"#eee\"/>", WIDTH - 25);
        _ = writeln!(out, "<text x=\"55\" y=\"{}\" text-anchor=\"end\" fill=\"#666\">{}</text>", y + 4, shown(value, &panel.unit));
    }
    for (n, (legend, series)) in series.iter().enumerate() {
        let colour = COLOURS[n % COLOURS.len()];
        // One point every two seconds is enough for a picture of this size.
        let line: Vec<String> = series.points.iter().step_by(2).map(place).collect();
        _ = writeln!(out, "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.3\"/>", line.join(" "));
        if n < LEGENDS_MAX {
            let (x, y) = (14 + n % 2 * (WIDTH / 2 - 10), 150 + n / 2 * 16);
            let text: String = name(legend, &series.labels).chars().take(34).collect();
            _ = writeln!(out, "<rect x=\"{x}\" y=\"{}\" width=\"9\" height=\"3\" fill=\"{colour}\"/>", y - 5);
            _ = writeln!(out, "<text x=\"{}\" y=\"{y}\" fill=\"#444\">{}</text>", x + 13, escaped(&text));
        }
    }
}

/// A matrix of origins and destinations, or a list.
fn table(out: &mut String, panel: &Panel, series: &[(String, Series)]) {
    let last = |series: &Series| series.points.last().map_or(0.0, |(_, value)| *value);
    let of = |label: &str| {
        let mut names: Vec<String> = series.iter().filter_map(|(_, series)| series.labels.get(label).cloned()).collect();
        names.sort();
        names.dedup();
        names
    };
    let (origins, destinations) = (of("origin"), of("destination"));
    if destinations.is_empty() {
        for (n, (legend, series)) in series.iter().take(8).enumerate() {
            let text = if legend.is_empty() {
                labels(&series.labels)
            } else {
                format!("{}  {}", name(legend, &series.labels), shown(last(series), &panel.unit))
            };
            _ = writeln!(out, "<text x=\"14\" y=\"{}\">{}</text>", 42 + 18 * n, escaped(&text));
        }
        return;
    }
    for (column, destination) in destinations.iter().enumerate() {
        _ = writeln!(
            out,
            "<text x=\"{}\" y=\"46\" fill=\"#666\" text-anchor=\"middle\">→ {}</text>",
            150 + 110 * column,
            escaped(destination)
        );
    }
    for (row, origin) in origins.iter().enumerate() {
        let y = 58 + 36 * row;
        _ = writeln!(out, "<text x=\"14\" y=\"{}\" fill=\"#666\">{}</text>", y + 20, escaped(origin));
        for (column, destination) in destinations.iter().enumerate() {
            let pair = [("origin", origin.as_str()), ("destination", destination.as_str())];
            let Some((_, series)) = series.iter().find(|(_, series)| series.has(&pair)) else { continue };
            let value = last(series);
            let limits = if panel.unit == "s" { [5.0, 60.0] } else { [100.0, 10_000.0] };
            let colour = if value >= limits[1] {
                "#f2495c"
            } else if value >= limits[0] {
                "#fade2a"
            } else {
                "#96d98d"
            };
            let x = 100 + 110 * column;
            _ = writeln!(out, "<rect x=\"{x}\" y=\"{y}\" width=\"100\" height=\"30\" fill=\"{colour}\"/>");
            _ = writeln!(out, "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>", x + 50, y + 19, shown(value, &panel.unit));
        }
    }
}

fn name(legend: &str, labels: &BTreeMap<String, String>) -> String {
    let known = labels.iter().fold(legend.to_owned(), |text, (label, value)| text.replace(&format!("{{{{{label}}}}}"), value));
    // A label without a value is no label for Prometheus.
    let mut parts = known.split("{{");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text.trim_end_matches('.').to_owned() + part.split_once("}}").map_or(part, |(_, rest)| rest))
}

fn labels(labels: &BTreeMap<String, String>) -> String {
    let shown = labels.iter().filter(|(label, _)| !["__name__", "instance", "job", "commit"].contains(&label.as_str()));
    shown.map(|(_, value)| value.chars().take(12).collect::<String>()).collect::<Vec<_>>().join("   ")
}

fn shown(value: f64, unit: &str) -> String {
    match unit {
        "s" if value < 1.0 => format!("{:.3} s", value),
        "s" => format!("{value:.1} s"),
        "percentunit" => format!("{:.0} %", value * 100.0),
        "ops" | "reqps" => format!("{value:.1}/s"),
        "bytes" => format!("{:.0} MB", value / 1e6),
        _ if value >= 1e9 => format!("{:.1} G", value / 1e9),
        _ if value >= 1e6 => format!("{:.0} M", value / 1e6),
        _ if value.fract() == 0.0 => format!("{value:.0}"),
        _ => format!("{value:.2}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
