//! Rows of the flights' views, as they are answered. Another column than these is an error.

use serde::Deserialize;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoardRow<'t> {
    pub airport: &'t str,
    pub day: &'t str,
    pub flight: &'t str,
    pub carrier: &'t str,
    pub origin: &'t str,
    pub dest: &'t str,
    pub sched_dep: i64,
    pub status: &'t str,
    pub dep_delay: Option<i64>,
    pub arr_delay: Option<i64>,
}

#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PunctualityRow {
    pub carrier: String,
    pub month: i64,
    pub flights: i64,
    pub cancelled: i64,
    pub arrived: i64,
    pub late: i64,
    pub dep_delay: i64,
    pub arr_delay: i64,
    pub distance: i64,
}

#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteRow {
    pub origin: String,
    pub dest: String,
    pub flights: i64,
    pub air_time: i64,
    pub worst: Option<i64>,
    pub best: Option<i64>,
}

#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AircraftRow {
    pub tail: String,
    pub flights: i64,
    pub miles: i64,
    pub airports: i64,
}
