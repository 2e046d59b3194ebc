//! Filters, orders, cursors, histories, refusals.

use crate::models::FLIGHTS;
use crate::projecting::{Step, take};
use crate::world::{Node, WAIT, command, converge, data, one, two};
use serde_json::{Value as Json, json};
use sterna_read::ReadRefused;
use sterna_write::Command;

async fn filled() -> Node {
    let node = one(FLIGHTS).await;
    for flight in 0..12u8 {
        take(&node, &Step::Depart { flight, carrier: flight % 3, place: flight % 4, sched_dep: i64::from(flight % 5) }).await;
        if flight % 2 == 0 {
            take(&node, &Step::Arrive { flight, delay: (flight % 4 == 0).then_some(i64::from(flight)) }).await;
        }
    }
    node.projected().await;
    node
}

fn column<'r>(rows: &'r [Json], name: &str) -> Vec<&'r Json> {
    rows.iter().map(|row| &row[name]).collect()
}

#[tokio::test]
async fn filters_give_what_a_scan_would() {
    let node = filled().await;
    let all = node.rows("board", &[]).await;
    fn text<'r>(row: &'r Json, name: &str) -> &'r str {
        row[name].as_str().unwrap_or_default()
    }
    type Keep<'k> = &'k dyn Fn(&Json) -> bool;
    let cases: [(&[(&str, &str)], Keep); 9] = [
        (&[("airport", "JFK")], &|row| row["airport"] == "JFK"),
        (&[("airport", "")], &|row| row["airport"] == ""),
        (&[("day", "2013-01-02"), ("airport", "EWR")], &|row| row["airport"] == "EWR" && row["day"] == "2013-01-02"),
        (&[("airport", "EWR"), ("day[gte]", "2013-01-02")], &|row| row["airport"] == "EWR" && text(row, "day") >= "2013-01-02"),
        (&[("airport", "EWR"), ("day[gt]", "2013-01-01"), ("day[lt]", "2013-01-03")], &|row| {
            row["airport"] == "EWR" && row["day"] == "2013-01-02"
        }),
        (&[("airport[lte]", "JFK")], &|row| text(row, "airport") <= "JFK"),
        (&[("status", "arrived")], &|row| row["status"] == "arrived"),
        (&[("status", "arrived"), ("sched_dep[gt]", "1"), ("sched_dep[lte]", "4")], &|row| {
            row["status"] == "arrived" && row["sched_dep"].as_i64() > Some(1)
        }),
        (&[("airport", "JFK"), ("airport", "EWR")], &|_| false),
    ];
    for (filters, keep) in cases {
        let mut expected: Vec<Json> = all.iter().filter(|row| keep(row)).cloned().collect();
        let mut found = node.rows(("board", filters).0, filters).await;
        expected.sort_by_key(Json::to_string);
        found.sort_by_key(Json::to_string);
        assert_eq!(found, expected, "{filters:?}");
    }
}

#[tokio::test]
async fn rows_come_in_the_order_of_the_index_and_then_of_the_sort() {
    let node = filled().await;
    let rows = node.rows("board", &[("airport", "EWR")]).await;
    let places: Vec<_> =
        rows.iter().map(|row| (row["day"].as_str(), -row["sched_dep"].as_i64().expect("it is there"), row["flight"].as_str())).collect();
    assert!(places.len() > 2 && places.is_sorted(), "{places:?}");
    let nulls_first = node.rows("arrivals", &[]).await;
    let delays: Vec<_> = column(&nulls_first, "delay").iter().map(|delay| delay.as_i64()).collect();
    assert!(delays.contains(&None) && delays.is_sorted(), "{delays:?}");
    assert_eq!(node.rows("arrivals", &[("delay[lte]", "4")]).await.len(), 2, "null is in no range");
    let groups = node.rows("punctuality", &[("carrier", "C1"), ("day[gt]", "2013-01-01")]).await;
    assert!(groups.iter().all(|row| row["carrier"] == "C1"));
    assert_eq!(node.rows("punctuality", &[("carrier[gte]", "C1")]).await.len(), 2);
}

#[tokio::test]
async fn pages_join_to_the_whole_and_stay_in_place_while_rows_come_and_go() {
    let node = filled().await;
    for view in ["board", "punctuality", "arrivals", "activity", "aircraft"] {
        let whole = node.rows(view, &[]).await;
        for limit in [1, 2, 3, 7] {
            assert_eq!(node.rows_by(view, &[], limit).await, whole, "{view} by {limit}");
        }
    }
    let whole = node.rows("board", &[("status", "departed")]).await;
    let first = node.page("board", &[("status", "departed")], 3, None).await.expect("it is valid");
    let after = first.next.clone().expect("there is more");
    // One row before the cursor and one behind it; the last row that was read goes.
    node.run("flight", "a-first", "depart", json!({"carrier": "C", "origin": "A", "dest": "B", "day": "2013-01-01", "sched_dep": 9})).await;
    node.run("flight", "z-last", "depart", json!({"carrier": "C", "origin": "A", "dest": "B", "day": "2013-01-01", "sched_dep": -9})).await;
    node.run("flight", whole[2]["flight"].as_str().expect("it is there"), "drop", json!({})).await;
    let rest = node.page("board", &[("status", "departed")], 1_000, Some(&after)).await.expect("it is valid");
    let mut expected: Vec<Json> = whole[3..].iter().filter(|row| row["flight"] != whole[2]["flight"]).cloned().collect();
    let found = data(&rest);
    assert_eq!(found[found.len() - 2]["flight"], "z-last");
    expected.extend_from_slice(&found[found.len() - 2..]);
    assert_eq!(found, expected);
}

#[tokio::test]
async fn cursors_survive_a_rebuild_and_are_bound_to_their_query() {
    let node = filled().await;
    let whole = node.rows("board", &[]).await;
    let first = node.page("board", &[], 5, None).await.expect("it is valid");
    node.reads.rebuild("board").await.expect("it is declared");
    node.built().await;
    let rest = node.page("board", &[], 1_000, first.next.as_deref()).await.expect("the order is the same");
    assert_eq!(data(&rest), whole[5..]);
    for (view, filters, after) in [
        ("board", &[][..], "garbage"),
        ("board", &[], ""),
        ("board", &[("status", "departed")], first.next.as_deref().expect("there is more")),
        ("punctuality", &[], first.next.as_deref().expect("there is more")),
        ("board", &[("airport", "SFO"), ("day[gt]", "2013-01-01")], first.next.as_deref().expect("there is more")),
    ] {
        let refused = node.page(view, filters, 10, Some(after)).await;
        assert!(matches!(refused, Err(ReadRefused::InvalidCursor)), "{view} {filters:?} {after}");
    }
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_with_what_can() {
    let node = filled().await;
    type Filters<'f> = &'f [(&'f str, &'f str)];
    let cases: [(&str, Filters<'_>, &str); 10] = [
        ("bord", &[], "there is no view `bord` in the model; did you mean `board`?"),
        ("board", &[("airprt", "JFK")], "view `board` has no column `airprt`; did you mean `airport`?"),
        (
            "board",
            &[("day", "2013-01-01")],
            "view `board` can't be filtered by `day` through [airport, day, sched_dep] or [status, sched_dep]",
        ),
        (
            "board",
            &[("arr_delay[gt]", "1"), ("airport", "JFK")],
            "view `board` can't be filtered by `airport`, `arr_delay` through [airport, day, sched_dep] or [status, sched_dep]",
        ),
        (
            "board",
            &[("airport[gt]", "A"), ("day[gt]", "2013-01-01")],
            "view `board` can't be filtered by `airport`, `day` through [airport, day, sched_dep] or [status, sched_dep]",
        ),
        ("punctuality", &[("late", "3")], "view `punctuality` has no column `late`"),
        ("punctuality", &[("day", "2013-01-01")], "view `punctuality` can't be filtered by `day` through [carrier, day]"),
        ("board", &[("day", "yesterday"), ("airport", "JFK")], "filter `day`: must be a date like 2026-11-30"),
        ("board", &[("airport[ge]", "JFK")], "filter `airport[ge]`: a range is [gte], [gt], [lte] or [lt]"),
        ("board", &[("status", "gone")], "filter `status`: must be one of `departed`, `cancelled` and `arrived`"),
    ];
    for (view, filters, message) in cases {
        let refused = node.page(view, filters, 10, None).await.expect_err("it can't be asked");
        assert!(
            refused.to_string().starts_with(message.split(" like ").next().unwrap_or(message).split(" one of").next().unwrap_or(message)),
            "{refused}"
        );
    }
    let ReadRefused::NotIndexed { wanted, .. } =
        node.page("board", &[("arr_delay[gt]", "1"), ("airport", "JFK")], 10, None).await.expect_err("it can't be asked")
    else {
        panic!("an index is missing");
    };
    assert_eq!(wanted.expect("an index would do"), ["airport".into(), "arr_delay".into()]);
    for limit in [0, 1_001] {
        assert!(matches!(node.page("board", &[], limit, None).await, Err(ReadRefused::InvalidLimit { max: 1_000 })));
    }
}

#[tokio::test]
async fn a_document_that_is_not_there_is_missing_deleted_or_unknown() {
    let node = filled().await;
    take(&node, &Step::Drop { flight: 1 }).await;
    assert_eq!(node.document("flight", "f-1").await, Err(ReadRefused::Deleted));
    assert_eq!(node.document("flight", "f-77").await, Err(ReadRefused::NotFound));
    assert_eq!(node.document("flight", "..").await, Err(ReadRefused::InvalidId));
    assert!(matches!(node.document("flght", "f-1").await, Err(ReadRefused::UnknownType { suggestion: Some(of), .. }) if *of == *"flight"));
    take(&node, &Step::Arrive { flight: 1, delay: None }).await;
    assert!(node.document("flight", "f-1").await.expect("it is revived").contains("\"origin\":null"));
}

#[tokio::test]
async fn what_is_said_once_more_stays_what_it_became() {
    let nodes = two(crate::parking::TEXT).await;
    for (node, text) in nodes.iter().zip(["one", "other"]) {
        let write = command("note", "n", "write", &json!({"text": text}));
        node.writer.execute(Command { key: Some("k".into()), ..write }).await.expect("neither knows of the other");
    }
    converge(&nodes).await;
    for (node, other) in [(&nodes[0], &nodes[1]), (&nodes[1], &nodes[0])] {
        let history = async || node.reads.history("note", "n", None, None, Some(&node.all()), WAIT).await.expect("it is there").body;
        let (before, rows) = (history().await, node.rows("writes", &[]).await);
        assert_eq!((String::from_utf8_lossy(&before).matches("\"void\":true").count(), rows.len()), (1, 1));
        node.hear_again(other).await;
        node.projected().await;
        assert_eq!((history().await, node.rows("writes", &[]).await), (before, rows));
    }
}

#[tokio::test]
async fn a_history_has_the_events_of_all_regions_in_one_order() {
    let nodes = two(FLIGHTS).await;
    for at in 0..5 {
        nodes[at % 2].run("aircraft", "N1", "fly", json!({"dest": format!("D{at}")})).await;
    }
    converge(&nodes).await;
    let mut bodies = Vec::new();
    for node in &nodes {
        let page = node.reads.history("aircraft", "N1", None, None, Some(&node.all()), WAIT).await.expect("it is there");
        bodies.push(page.body.clone());
        let events = data(&page);
        assert_eq!(events.len(), 5);
        assert!(column(&events, "at").is_sorted_by_key(|at| sterna_model::parse_timestamp(at.as_str().expect("it is a text"))));
        let first = events[0].as_object().expect("an event is an object");
        assert_eq!(
            first.keys().map(String::as_str).collect::<Vec<_>>(),
            ["actor", "args", "at", "command", "event", "region", "settled", "void"]
        );
        assert_eq!(
            (&first["command"], &first["actor"], &first["void"], &first["settled"]),
            (&json!("fly"), &json!("anna"), &json!(false), &json!(true))
        );
        let (mut joined, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = node.reads.history("aircraft", "N1", Some(2), after.as_deref(), None, WAIT).await.expect("it is there");
            joined.extend(data(&page));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(joined, events);
        let garbage = node.reads.history("aircraft", "N1", None, Some("AAAA"), None, WAIT).await;
        assert!(matches!(garbage, Err(ReadRefused::InvalidCursor)));
        assert!(matches!(node.reads.history("aircraft", "N9", None, None, None, WAIT).await, Err(ReadRefused::NotFound)));
    }
    assert_eq!(bodies[0], bodies[1]);
}
