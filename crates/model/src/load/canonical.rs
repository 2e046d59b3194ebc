//! Hashes of what a text declares, whatever its order of keys, its spaces and its comments.

use std::fmt::Write as _;
use toml::de::{DeTable, DeValue};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

pub(super) fn hash(table: &DeTable<'_>) -> [u8; 16] {
    let mut text = String::new();
    write_table(table, &[], &mut text);
    xxh3_128(text.as_bytes()).to_be_bytes()
}

/// Of one declaration, but for the keys `without`, and of what it depends on.
pub(super) fn hash_of(value: &DeValue<'_>, without: &[&str], context: &str) -> u64 {
    let mut text = String::new();
    match value {
        DeValue::Table(table) => write_table(table, without, &mut text),
        value => write_value(value, &mut text),
    }
    text.push_str(context);
    xxh3_64(text.as_bytes())
}

/// Keys come sorted from the table.
fn write_table(table: &DeTable<'_>, without: &[&str], out: &mut String) {
    out.push('{');
    for (key, value) in table.iter().filter(|(key, _)| !without.contains(&key.get_ref().as_ref())) {
        let _ = write!(out, "{:?}=", key.get_ref());
        write_value(value.get_ref(), out);
        out.push(',');
    }
    out.push('}');
}

fn write_value(value: &DeValue<'_>, out: &mut String) {
    let _ = match value {
        DeValue::String(text) => write!(out, "{text:?}"),
        DeValue::Integer(int) => write!(out, "{}r{}", int.as_str().replace('_', ""), int.radix()),
        DeValue::Float(float) => write!(out, "{}", float.as_str()),
        DeValue::Boolean(bool) => write!(out, "{bool}"),
        DeValue::Datetime(at) => write!(out, "{at}"),
        DeValue::Array(items) => {
            out.push('[');
            for item in items {
                write_value(item.get_ref(), out);
                out.push(',');
            }
            out.push(']');
            Ok(())
        }
        DeValue::Table(table) => {
            write_table(table, &[], out);
            Ok(())
        }
    };
}
