//! Timestamps, dates and durations as text. RFC 3339, always UTC on the way out, and the same as [`sterna_crdt::key_text`].

use std::fmt::Write as _;

pub(crate) const DAY_US: i64 = 86_400_000_000;
/// Microseconds since the Unix epoch of an RFC 3339 text; `None` if it is none. More digits than microseconds are cut.
pub fn parse_timestamp(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let separated = bytes.len() >= 20 && matches!(bytes[10], b'T' | b't') && bytes[13] == b':' && bytes[16] == b':';
    if !separated {
        return None;
    }
    let (day, clock) = (parse_date(text.get(..10)?)?, text.get(11..19)?);
    let (hour, minute, second) = (digits(clock, 0, 2)?, digits(clock, 3, 2)?, digits(clock, 6, 2)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let rest = text.get(19..)?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?),
        None => ("0", rest),
    };
    if fraction.is_empty() {
        return None;
    }
    let micros = fraction.bytes().chain(std::iter::repeat(b'0')).take(6).fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    let offset_minutes = match zone.as_bytes() {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let (hours, minutes) = (digits(zone, 1, 2)?, digits(zone, 4, 2)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if *sign == b'-' { -1 } else { 1 }
        }
        _ => return None,
    };
    let seconds = i64::from(day) * 86_400 + hour * 3600 + minute * 60 + second - offset_minutes * 60;
    Some(seconds * 1_000_000 + micros)
}

/// Days since the Unix epoch of `YYYY-MM-DD`.
pub fn parse_date(text: &str) -> Option<i32> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let (year, month, day) = (digits(text, 0, 4)?, digits(text, 5, 2)?, digits(text, 8, 2)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        1..=12 => 31,
        _ => return None,
    };
    (1..=days).contains(&day).then(|| days_from_civil(year, month, day) as i32)
}

/// Microseconds of `90s`, `15m`, `24h`, `7d` and the like, also joined: `1h30m`.
pub(crate) fn parse_duration_us(text: &str) -> Option<i64> {
    let (mut total, mut rest) = (0i64, text);
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let unit_end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let unit_us = match unit {
            "ms" => 1000,
            "s" => 1_000_000,
            "m" => 60_000_000,
            "h" => 3_600_000_000,
            "d" => DAY_US,
            _ => return None,
        };
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(unit_us)?)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

pub(crate) fn write_timestamp(at_us: i64, out: &mut String) {
    let (day, within) = (at_us.div_euclid(DAY_US), at_us.rem_euclid(DAY_US));
    write_day(day, out);
    let seconds = within / 1_000_000;
    let _ = write!(out, "T{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let micros = within % 1_000_000;
    if micros != 0 {
        let fraction = format!(".{micros:06}");
        out.push_str(fraction.trim_end_matches('0'));
    }
    out.push('Z');
}

pub(crate) fn write_date(day: i32, out: &mut String) {
    write_day(i64::from(day), out);
}

fn write_day(day: i64, out: &mut String) {
    let (year, month, day) = civil_from_days(day);
    let _ = match year {
        0..=9999 => write!(out, "{year:04}-{month:02}-{day:02}"),
        _ => write!(out, "{year:+07}-{month:02}-{day:02}"),
    };
}

fn digits(text: &str, from: usize, count: usize) -> Option<i64> {
    let digits = text.as_bytes().get(from..from + count)?;
    digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
}

/// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year + i64::from(month <= 2), month, of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 0000-01-01 and 9999-12-31.
    const FIRST: i32 = -719_528;
    const LAST: i32 = 2_932_896;

    #[test]
    fn every_day_of_four_digit_years_survives_its_text() {
        for day in (FIRST..=LAST).step_by(97).chain([FIRST, -1, 0, 11_016, LAST]) {
            let mut text = String::new();
            write_date(day, &mut text);
            assert_eq!(parse_date(&text), Some(day), "{text}");
        }
    }

    #[test]
    fn timestamps_are_read_with_any_offset_and_written_in_utc() {
        let cases = [
            ("1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z"),
            ("2013-01-01T05:15:00.25-05:00", 1_357_035_300_250_000, "2013-01-01T10:15:00.25Z"),
            ("1969-12-31T23:59:59.999999Z", -1, "1969-12-31T23:59:59.999999Z"),
        ];
        for (text, at, written) in cases {
            assert_eq!(parse_timestamp(text), Some(at), "{text}");
            let mut out = String::new();
            write_timestamp(at, &mut out);
            assert_eq!(out, written);
            assert_eq!(*sterna_crdt::key_text(&sterna_crdt::Value::Timestamp(at)), out);
        }
        for text in [
            "",
            "2013-01-01",
            "2013-02-29T00:00:00Z",
            "2013-01-01T24:00:00Z",
            "2013-01-01T00:00:00",
            "2013-01-01T00:00:00.Z",
            "2013-01-01T00:00:00+1:00",
        ] {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
    }

    #[test]
    fn durations_join_units() {
        assert_eq!(parse_duration_us("1h30m"), Some(5_400_000_000));
        assert_eq!(parse_duration_us("24h"), Some(DAY_US));
        for text in ["", "h", "5", "5 h", "9999999999999d"] {
            assert_eq!(parse_duration_us(text), None, "{text}");
        }
    }
}
