//! Map keys as text, the same in every region.

use crate::{Name, Value};
use std::fmt::Write;

const MICROS: i64 = 1_000_000;
const DAY_SECONDS: i64 = 86_400;

/// A map key as a JSON object's key: strings and variants as they are, ints in decimal, dates as `2013-01-31`, timestamps as
/// `2013-01-31T05:17:00.25Z` with as many digits of the second's fraction as it has. A model's keys are of one type, so that
/// different keys have different texts.
pub fn key_text(key: &Value) -> Name {
    match key {
        Value::Str(text) => text.clone(),
        Value::Enum { name, .. } => name.clone(),
        Value::Null => Name::from("null"),
        Value::Bool(yes) => Name::from(if *yes { "true" } else { "false" }),
        Value::Int(int) => Name::from(int.to_string()),
        Value::Date(days) => Name::from(date_text(i64::from(*days))),
        Value::Timestamp(micros) => Name::from(timestamp_text(*micros)),
        Value::List(items) => Name::from(format!("[{}]", joined(items.iter().map(key_text)))),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| Name::from(format!("{name}:{}", key_text(value))));
            Name::from(format!("{{{}}}", joined(members)))
        }
    }
}

fn joined(texts: impl Iterator<Item = Name>) -> String {
    texts.enumerate().fold(String::new(), |mut all, (at, text)| {
        if at > 0 {
            all.push(',');
        }
        all.push_str(&text);
        all
    })
}

fn timestamp_text(micros: i64) -> String {
    let (seconds, fraction) = (micros.div_euclid(MICROS), micros.rem_euclid(MICROS));
    let (days, second) = (seconds.div_euclid(DAY_SECONDS), seconds.rem_euclid(DAY_SECONDS));
    let mut text = date_text(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let _ = write!(text, "T{hour:02}:{minute:02}:{second:02}");
    if fraction != 0 {
        let _ = write!(text, "{}", format!(".{fraction:06}").trim_end_matches('0'));
    }
    text.push('Z');
    text
}

/// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
fn date_text(days: i64) -> String {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    match year {
        0..=9999 => format!("{year:04}-{month:02}-{day:02}"),
        _ => format!("{year:+07}-{month:02}-{day:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_timestamps_are_iso_8601() {
        let cases = [
            (Value::Date(0), "1970-01-01"),
            (Value::Date(15_736), "2013-01-31"),
            (Value::Date(11_016), "2000-02-29"),
            (Value::Date(-1), "1969-12-31"),
            (Value::Timestamp(0), "1970-01-01T00:00:00Z"),
            (Value::Timestamp(-1), "1969-12-31T23:59:59.999999Z"),
            (Value::Timestamp(1_359_609_420_250_000), "2013-01-31T05:17:00.25Z"),
            (Value::Int(-7), "-7"),
            (Value::str("sku-1"), "sku-1"),
        ];
        cases.iter().for_each(|(value, text)| assert_eq!(*key_text(value), **text));
    }

    #[test]
    fn extremes_have_a_text() {
        assert_eq!(*key_text(&Value::Timestamp(i64::MIN)), *"-290308-12-21T19:59:05.224192Z");
        assert!(key_text(&Value::Date(i32::MAX)).starts_with('+'));
    }
}
