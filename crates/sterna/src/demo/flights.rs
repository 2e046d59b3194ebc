//! Flights to commands: every flight is reported where it leaves, and where it lands.

use super::REGIONS;
use anyhow::{Context, Result, bail};
use csv::ByteRecord;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::sync::Arc;

/// Which region an airport belongs to.
pub struct Airports(HashMap<Vec<u8>, usize>);

impl Airports {
    /// By time zone: −6 is central, −7 and beyond west, the rest east.
    pub fn read(input: impl Read) -> Result<Self> {
        let mut reader = csv::Reader::from_reader(input);
        let headers = reader.byte_headers()?.clone();
        let (code, zone) = (column(&headers, "faa")?, column(&headers, "tz")?);
        let region = |record: ByteRecord| -> Result<(Vec<u8>, usize)> {
            let zone: i32 = std::str::from_utf8(&record[zone])?.parse().context("airports.csv: `tz` is no number")?;
            let region = if zone >= -5 {
                0
            } else if zone == -6 {
                1
            } else {
                2
            };
            Ok((record[code].to_vec(), region))
        };
        Ok(Self(reader.into_byte_records().map(|record| region(record?)).collect::<Result<_>>()?))
    }

    /// A number of [`REGIONS`]; the first for an airport that is not in the list.
    fn region(&self, airport: &[u8]) -> usize {
        self.0.get(airport).copied().unwrap_or(0)
    }
}

/// Lines of a bulk request.
#[derive(Debug, Default)]
pub struct Chunk {
    pub bytes: Vec<u8>,
    pub lines: u64,
}

/// How many commands the flights are.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    pub flights: u64,
    pub commands: [u64; REGIONS.len()],
    /// One for each arrival.
    pub reactions: u64,
}

impl Counts {
    pub fn all_commands(&self) -> u64 {
        self.commands.iter().sum()
    }
}

/// The flights, one after the other.
pub struct Flights<R> {
    reader: csv::Reader<R>,
    columns: Columns,
    record: ByteRecord,
    airports: Arc<Airports>,
}

struct Columns {
    year: usize,
    month: usize,
    day: usize,
    dep_time: usize,
    sched_dep: usize,
    dep_delay: usize,
    arr_time: usize,
    arr_delay: usize,
    carrier: usize,
    number: usize,
    tail: usize,
    origin: usize,
    dest: usize,
    air_time: usize,
    distance: usize,
}

impl<R: Read> Flights<R> {
    pub fn read(input: R, airports: Arc<Airports>) -> Result<Self> {
        let mut reader = csv::Reader::from_reader(input);
        let headers = reader.byte_headers()?.clone();
        let at = |name: &str| column(&headers, name);
        let columns = Columns {
            year: at("year")?,
            month: at("month")?,
            day: at("day")?,
            dep_time: at("dep_time")?,
            sched_dep: at("sched_dep_time")?,
            dep_delay: at("dep_delay")?,
            arr_time: at("arr_time")?,
            arr_delay: at("arr_delay")?,
            carrier: at("carrier")?,
            number: at("flight")?,
            tail: at("tailnum")?,
            origin: at("origin")?,
            dest: at("dest")?,
            air_time: at("air_time")?,
            distance: at("distance")?,
        };
        Ok(Self { reader, columns, record: ByteRecord::new(), airports })
    }

    /// The next commands of one region, about so many bytes; nothing at the end.
    pub fn chunk(&mut self, region: usize, bytes: usize) -> Result<Option<Chunk>> {
        let mut chunk = Chunk { bytes: Vec::with_capacity(bytes + 1024), lines: 0 };
        while chunk.bytes.len() < bytes && self.reader.read_byte_record(&mut self.record)? {
            let flight = Flight::new(&self.record, &self.columns)?;
            if self.airports.region(flight.origin) == region {
                flight.leave(&mut chunk);
            }
            if flight.landed && self.airports.region(flight.dest) == region {
                flight.arrive(&mut chunk);
            }
        }
        Ok((chunk.lines > 0).then_some(chunk))
    }

    pub fn count(mut self) -> Result<Counts> {
        let mut counts = Counts::default();
        while self.reader.read_byte_record(&mut self.record)? {
            let flight = Flight::new(&self.record, &self.columns)?;
            counts.flights += 1;
            counts.commands[self.airports.region(flight.origin)] += 1;
            if flight.landed {
                counts.commands[self.airports.region(flight.dest)] += 1;
                counts.reactions += 1;
            }
        }
        Ok(counts)
    }
}

/// A row, checked: texts are letters and digits, numbers are integers.
struct Flight<'r> {
    year: &'r str,
    month: u8,
    day: u8,
    carrier: &'r str,
    number: &'r str,
    origin: &'r [u8],
    dest: &'r [u8],
    sched_dep: &'r str,
    distance: &'r str,
    tail: Option<&'r str>,
    dep_delay: Option<&'r str>,
    arr_delay: Option<&'r str>,
    air_time: Option<&'r str>,
    departed: bool,
    landed: bool,
}

impl<'r> Flight<'r> {
    fn new(record: &'r ByteRecord, columns: &Columns) -> Result<Self> {
        let line = || record.position().map_or(0, csv::Position::line);
        let text = |at: usize| -> Result<&'r str> {
            match std::str::from_utf8(&record[at]) {
                Ok(text) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric()) => Ok(text),
                _ => bail!("flights.csv line {}: column {} is not of letters and digits", line(), at + 1),
            }
        };
        let number = |at: usize| -> Result<&'r str> {
            let text = std::str::from_utf8(&record[at]).unwrap_or_default();
            let digits = text.strip_prefix('-').unwrap_or(text);
            match digits.bytes().all(|b| b.is_ascii_digit()) && !digits.is_empty() {
                true => Ok(text),
                false => bail!("flights.csv line {}: column {} is no number", line(), at + 1),
            }
        };
        let there = |at: usize| record[at] != *b"NA";
        let optional = |at: usize| there(at).then(|| number(at)).transpose();
        Ok(Self {
            year: number(columns.year)?,
            month: number(columns.month)?.parse()?,
            day: number(columns.day)?.parse()?,
            carrier: text(columns.carrier)?,
            number: number(columns.number)?,
            origin: text(columns.origin)?.as_bytes(),
            dest: text(columns.dest)?.as_bytes(),
            sched_dep: number(columns.sched_dep)?,
            distance: number(columns.distance)?,
            tail: there(columns.tail).then(|| text(columns.tail)).transpose()?,
            dep_delay: optional(columns.dep_delay)?,
            arr_delay: optional(columns.arr_delay)?,
            air_time: optional(columns.air_time)?,
            departed: there(columns.dep_time),
            landed: there(columns.arr_time),
        })
    }

    /// `depart`, or `cancel`.
    fn leave(&self, chunk: &mut Chunk) {
        let out = &mut chunk.bytes;
        self.head(if self.departed { "depart" } else { "cancel" }, out);
        let Self { year, month, day, carrier, number, sched_dep, distance, .. } = self;
        let (origin, dest) = (str(self.origin), str(self.dest));
        put(out, format_args!("\"carrier\":\"{carrier}\",\"number\":{number},\"origin\":\"{origin}\",\"dest\":\"{dest}\","));
        put(
            out,
            format_args!("\"day\":\"{year}-{month:02}-{day:02}\",\"month\":{month},\"sched_dep\":{sched_dep},\"distance\":{distance}"),
        );
        if let Some(tail) = self.tail {
            put(out, format_args!(",\"tail\":\"{tail}\""));
        }
        if self.departed {
            member(out, "dep_delay", self.dep_delay);
        }
        end(chunk);
    }

    fn arrive(&self, chunk: &mut Chunk) {
        let out = &mut chunk.bytes;
        self.head("arrive", out);
        put(
            out,
            format_args!("\"tail\":\"{}\",\"dest\":\"{}\",\"distance\":{}", self.tail.unwrap_or_default(), str(self.dest), self.distance),
        );
        member(out, "arr_delay", self.arr_delay);
        member(out, "air_time", self.air_time);
        end(chunk);
    }

    /// Up to the first argument.
    fn head(&self, command: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"type\":\"flight\",\"id\":\"");
        let at = out.len();
        let Self { year, month, day, carrier, number, .. } = self;
        put(out, format_args!("{year}{month:02}{day:02}-{carrier}-{number}-{}", str(self.origin)));
        let id = at..out.len();
        put(out, format_args!("\",\"command\":\"{command}\",\"key\":\""));
        out.extend_from_within(id);
        put(out, format_args!("-{command}\",\"args\":{{"));
    }
}

fn str(letters: &[u8]) -> &str {
    std::str::from_utf8(letters).unwrap_or_default()
}

fn member(out: &mut Vec<u8>, name: &str, number: Option<&str>) {
    if let Some(number) = number {
        put(out, format_args!(",\"{name}\":{number}"));
    }
}

fn end(chunk: &mut Chunk) {
    chunk.bytes.extend_from_slice(b"}}\n");
    chunk.lines += 1;
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("memory takes what is written");
}

fn column(headers: &ByteRecord, name: &str) -> Result<usize> {
    headers.iter().position(|header| header == name.as_bytes()).with_context(|| format!("the file has no column `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::Source;

    fn flights(source: &Source) -> Flights<Box<dyn Read + Send>> {
        let airports = Airports::read(source.airports().expect("it is there")).expect("it is a list");
        Flights::read(source.flights().expect("they are there"), Arc::new(airports)).expect("they have a header")
    }

    #[test]
    fn a_month_is_in_the_binary() {
        let counts = flights(&Source::Sample).count().expect("it can be read");
        assert_eq!(counts, Counts { flights: 27_004, commands: [43_428, 5_527, 4_517], reactions: 26_468 });
    }

    #[test]
    fn the_chunks_of_a_region_are_all_of_its_commands() {
        let counts = flights(&Source::Sample).count().expect("it can be read");
        for (region, expected) in counts.commands.iter().enumerate() {
            let (mut flights, mut lines) = (flights(&Source::Sample), 0);
            while let Some(chunk) = flights.chunk(region, 1 << 20).expect("it can be read") {
                assert_eq!(chunk.bytes.iter().filter(|b| **b == b'\n').count() as u64, chunk.lines);
                lines += chunk.lines;
            }
            assert_eq!(lines, *expected);
        }
    }

    #[test]
    fn lines_are_commands() {
        let header = "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,origin,dest,air_time,distance";
        let rows = "2013,1,1,517,515,2,830,819,11,UA,1545,N14228,EWR,IAH,227,1400\n2013,1,2,NA,515,NA,NA,819,NA,UA,7,NA,EWR,IAH,NA,1400\n";
        let airports = Airports::read("faa,tz\nEWR,-5\nIAH,-6\n".as_bytes()).expect("it is a list");
        let lines = |region| {
            let mut flights =
                Flights::read(format!("{header}\n{rows}").into_bytes().leak() as &[u8], Arc::new(Airports(airports.0.clone())))
                    .expect("it has a header");
            let chunk = flights.chunk(region, 1 << 20).expect("it can be read").expect("it has lines");
            String::from_utf8(chunk.bytes).expect("it is text")
        };
        assert_eq!(
            lines(0),
            "{\"type\":\"flight\",\"id\":\"20130101-UA-1545-EWR\",\"command\":\"depart\",\"key\":\"20130101-UA-1545-EWR-depart\",\"args\":{\"carrier\":\"UA\",\"number\":1545,\"origin\":\"EWR\",\"dest\":\"IAH\",\"day\":\"2013-01-01\",\"month\":1,\"sched_dep\":515,\"distance\":1400,\"tail\":\"N14228\",\"dep_delay\":2}}\n\
             {\"type\":\"flight\",\"id\":\"20130102-UA-7-EWR\",\"command\":\"cancel\",\"key\":\"20130102-UA-7-EWR-cancel\",\"args\":{\"carrier\":\"UA\",\"number\":7,\"origin\":\"EWR\",\"dest\":\"IAH\",\"day\":\"2013-01-02\",\"month\":1,\"sched_dep\":515,\"distance\":1400}}\n"
        );
        assert_eq!(
            lines(1),
            "{\"type\":\"flight\",\"id\":\"20130101-UA-1545-EWR\",\"command\":\"arrive\",\"key\":\"20130101-UA-1545-EWR-arrive\",\"args\":{\"tail\":\"N14228\",\"dest\":\"IAH\",\"distance\":1400,\"arr_delay\":11,\"air_time\":227}}\n"
        );
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_line() {
        let header = "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,origin,dest,air_time,distance";
        let text = format!("{header}\n2013,1,1,517,515,2,830,819,11,\"U\"\"\",1545,N14228,EWR,IAH,227,1400\n");
        let flights = Flights::read(text.as_bytes(), Arc::new(Airports(HashMap::new()))).expect("it has a header");
        assert!(flights.count().expect_err("a carrier has no quote").to_string().contains("line 2"));
    }
}
