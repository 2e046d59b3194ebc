//! What the views must say, computed from the CSV alone: maps and sums, nothing of Sterna.

use super::rows::{AircraftRow, BoardRow, PunctualityRow, RouteRow};
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io::Read;
use std::sync::Arc;

/// Every view of the flights.
#[derive(Default)]
pub struct Truth {
    flights: Vec<Flight>,
    by_id: HashMap<Arc<str>, usize>,
    /// In order of carrier and month.
    pub punctuality: Vec<PunctualityRow>,
    /// In order of origin and destination.
    pub routes: Vec<RouteRow>,
    /// Most miles first, then by tail.
    pub aircraft: Vec<AircraftRow>,
}

pub struct Flight {
    pub id: Arc<str>,
    day: Arc<str>,
    carrier: Arc<str>,
    origin: Arc<str>,
    dest: Arc<str>,
    sched_dep: i64,
    status: &'static str,
    dep_delay: Option<i64>,
    arr_delay: Option<i64>,
}

impl Flight {
    /// Its row of the board at its origin, and the one at its destination.
    pub fn rows(&self) -> [BoardRow<'_>; 2] {
        let row = |airport| BoardRow {
            airport,
            day: &self.day,
            flight: &self.id,
            carrier: &self.carrier,
            origin: &self.origin,
            dest: &self.dest,
            sched_dep: self.sched_dep,
            status: self.status,
            dep_delay: self.dep_delay,
            arr_delay: self.arr_delay,
        };
        [row(&self.origin), row(&self.dest)]
    }
}

impl Truth {
    pub fn read(flights: impl Read) -> Result<Self> {
        let mut reader = csv::Reader::from_reader(flights);
        let columns: HashMap<String, usize> = reader.headers()?.iter().enumerate().map(|(at, name)| (name.to_owned(), at)).collect();
        let (mut truth, mut sums, mut words) = (Self::default(), Sums::default(), HashSet::new());
        for record in reader.records() {
            let row = Row { record: record?, columns: &columns };
            let flight = flight(&row, &mut words)?;
            sums.add(&row, &flight)?;
            truth.by_id.insert(flight.id.clone(), truth.flights.len());
            truth.flights.push(flight);
        }
        truth.punctuality = sums.punctuality.into_values().collect();
        truth.routes = sums.routes.into_values().collect();
        truth.aircraft =
            sums.aircraft.into_values().map(|(row, airports)| AircraftRow { airports: airports.len() as i64, ..row }).collect();
        truth.aircraft.sort_by(|a, b| (-a.miles, &a.tail).cmp(&(-b.miles, &b.tail)));
        Ok(truth)
    }

    pub fn flights(&self) -> &[Flight] {
        &self.flights
    }

    /// The flight's number, in order of the file.
    pub fn find(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// One airport's day, in order of the board.
    pub fn board<'t>(&'t self, airport: &str, day: &str) -> Vec<BoardRow<'t>> {
        let mut rows: Vec<_> = self.flights.iter().flat_map(Flight::rows).filter(|row| row.airport == airport && row.day == day).collect();
        rows.sort_by_key(|row| (row.sched_dep, row.flight));
        rows
    }
}

/// A row of the file. `NA` is missing.
struct Row<'c> {
    record: csv::StringRecord,
    columns: &'c HashMap<String, usize>,
}

impl Row<'_> {
    fn text(&self, column: &str) -> Result<&str> {
        let at = self.columns.get(column).with_context(|| format!("flights.csv has no column `{column}`"))?;
        Ok(&self.record[*at])
    }

    fn has(&self, column: &str) -> Result<bool> {
        Ok(self.text(column)? != "NA")
    }

    fn number(&self, column: &str) -> Result<i64> {
        let text = self.text(column)?;
        text.parse().with_context(|| format!("flights.csv: {column} `{text}` is no number"))
    }

    fn maybe(&self, column: &str) -> Result<Option<i64>> {
        if self.has(column)? { self.number(column).map(Some) } else { Ok(None) }
    }
}

fn flight(row: &Row<'_>, words: &mut HashSet<Arc<str>>) -> Result<Flight> {
    let mut word = |text: &str| match words.get(text) {
        Some(known) => known.clone(),
        None => {
            let new: Arc<str> = text.into();
            words.insert(new.clone());
            new
        }
    };
    let (year, month, day) = (row.number("year")?, row.number("month")?, row.number("day")?);
    let (carrier, number, origin) = (row.text("carrier")?, row.text("flight")?, row.text("origin")?);
    let status = if row.has("arr_time")? {
        "arrived"
    } else if row.has("dep_time")? {
        "departed"
    } else {
        "cancelled"
    };
    Ok(Flight {
        id: format!("{year}{month:02}{day:02}-{carrier}-{number}-{origin}").into(),
        day: word(&format!("{year}-{month:02}-{day:02}")),
        carrier: word(carrier),
        origin: word(origin),
        dest: word(row.text("dest")?),
        sched_dep: row.number("sched_dep_time")?,
        status,
        dep_delay: row.maybe("dep_delay")?,
        arr_delay: row.maybe("arr_delay")?,
    })
}

#[derive(Default)]
struct Sums {
    punctuality: BTreeMap<(Arc<str>, i64), PunctualityRow>,
    routes: BTreeMap<(Arc<str>, Arc<str>), RouteRow>,
    aircraft: BTreeMap<String, (AircraftRow, BTreeSet<Arc<str>>)>,
}

impl Sums {
    fn add(&mut self, row: &Row<'_>, flight: &Flight) -> Result<()> {
        let (month, distance) = (row.number("month")?, row.number("distance")?);
        let carrier = self.punctuality.entry((flight.carrier.clone(), month)).or_default();
        (carrier.carrier, carrier.month) = (flight.carrier.to_string(), month);
        carrier.flights += 1;
        carrier.cancelled += i64::from(flight.status == "cancelled");
        carrier.arrived += i64::from(flight.status == "arrived");
        carrier.late += i64::from(flight.arr_delay.is_some_and(|delay| delay > 15));
        carrier.dep_delay += flight.dep_delay.unwrap_or(0);
        carrier.arr_delay += flight.arr_delay.unwrap_or(0);
        carrier.distance += distance;

        let route = self.routes.entry((flight.origin.clone(), flight.dest.clone())).or_default();
        (route.origin, route.dest) = (flight.origin.to_string(), flight.dest.to_string());
        route.flights += 1;
        route.air_time += row.maybe("air_time")?.unwrap_or(0);
        route.worst = route.worst.max(flight.arr_delay);
        route.best = route.best.into_iter().chain(flight.arr_delay).min();

        if flight.status == "arrived" {
            let tail = row.text("tailnum")?;
            let (aircraft, airports) = self.aircraft.entry(tail.to_owned()).or_default();
            tail.clone_into(&mut aircraft.tail);
            aircraft.flights += 1;
            aircraft.miles += distance;
            airports.insert(flight.dest.clone());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,origin,dest,air_time,distance
2013,1,1,530,515,15,830,819,16,UA,1545,N1,EWR,IAH,227,1400
2013,1,1,500,500,-5,800,819,-19,UA,7,N1,EWR,IAH,220,1400
2013,1,1,NA,600,NA,NA,819,NA,UA,8,NA,EWR,IAH,NA,1400
2013,2,1,700,700,0,900,NA,NA,B6,9,N2,JFK,EWR,NA,20
2013,2,1,700,655,5,NA,NA,NA,B6,9,N2,EWR,JFK,NA,20
";

    fn truth() -> Truth {
        Truth::read(TEXT.as_bytes()).expect("it can be read")
    }

    #[test]
    fn a_flight_is_on_the_boards_of_two_airports_in_order_of_its_time() {
        let truth = truth();
        let board = truth.board("IAH", "2013-01-01");
        let shown: Vec<_> = board.iter().map(|row| (row.flight, row.status, row.dep_delay, row.arr_delay)).collect();
        let expected = [
            ("20130101-UA-7-EWR", "arrived", Some(-5), Some(-19)),
            ("20130101-UA-1545-EWR", "arrived", Some(15), Some(16)),
            ("20130101-UA-8-EWR", "cancelled", None, None),
        ];
        assert_eq!(shown, expected);
        let there: Vec<_> = truth.board("EWR", "2013-02-01").iter().map(|row| (row.flight, row.status)).collect();
        assert_eq!(there, [("20130201-B6-9-EWR", "departed"), ("20130201-B6-9-JFK", "arrived")]);
    }

    #[test]
    fn carriers_are_counted_by_month() {
        let expected = [
            PunctualityRow { carrier: "B6".into(), month: 2, flights: 2, arrived: 1, dep_delay: 5, distance: 40, ..Default::default() },
            PunctualityRow {
                carrier: "UA".into(),
                month: 1,
                flights: 3,
                cancelled: 1,
                arrived: 2,
                late: 1,
                dep_delay: 10,
                arr_delay: -3,
                distance: 4200,
            },
        ];
        assert_eq!(truth().punctuality, expected);
    }

    #[test]
    fn routes_have_the_worst_and_the_best_of_what_is_known() {
        let expected = [
            RouteRow { origin: "EWR".into(), dest: "IAH".into(), flights: 3, air_time: 447, worst: Some(16), best: Some(-19) },
            RouteRow { origin: "EWR".into(), dest: "JFK".into(), flights: 1, ..Default::default() },
            RouteRow { origin: "JFK".into(), dest: "EWR".into(), flights: 1, ..Default::default() },
        ];
        assert_eq!(truth().routes, expected);
    }

    #[test]
    fn aircraft_are_those_that_landed_most_miles_first() {
        let expected = [
            AircraftRow { tail: "N1".into(), flights: 2, miles: 2800, airports: 1 },
            AircraftRow { tail: "N2".into(), flights: 1, miles: 20, airports: 1 },
        ];
        assert_eq!(truth().aircraft, expected);
    }
}
