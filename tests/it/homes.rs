//! Types with a home, over three real regions.

use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use sterna_tests::{Answer, Cluster, Http, LinkMode, Options, Region, eventually, run, sterna};

const REGIONS: [&str; 3] = ["us-east", "eu-west", "ap-south"];

async fn started() -> Cluster {
    Cluster::start(Options::strict(), &REGIONS).await
}

fn region_of(answer: &Answer) -> String {
    answer.json()["event"].as_str().and_then(|dot| dot.split('.').next()).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_command_elsewhere_is_carried_out_at_home_and_answered_as_there() {
    let cluster = started().await;
    let (home, away) = (&cluster["us-east"], &cluster["ap-south"]);
    let charged = away.command("payment/p1/charge", json!({ "amount": 5 })).key("k").header("prefer", "return=representation").ok().await;
    // Members are numbered by name: us-east is the third.
    assert_eq!(region_of(&charged), "2");
    assert_eq!(charged.json()["document"]["state"]["amount"], 5);
    assert_eq!(charged.header("idempotency-key"), Some("k"));
    let (etag, token) = (charged.header("etag").expect("it has one"), charged.header("sterna-token").expect("it has one"));
    // The session reads what it wrote, where it wrote it.
    let read = away.get("/v1/payment/p1").token(token).ok().await;
    assert_eq!((read.json()["state"]["amount"].as_i64(), read.header("etag")), (Some(5), Some(etag)));
    let replayed = home.command("payment/p1/charge", json!({ "amount": 5 })).key("k").ok().await;
    assert_eq!((replayed.header("idempotent-replayed"), replayed.json()["event"].clone()), (Some("true"), charged.json()["event"].clone()));
    // Refusals are those of the home too.
    away.command("payment/p1/charge", json!({ "amount": 6 })).send().await.refused(409, "already-exists");
    away.command("payment/p1/charge", json!({ "amount": 6 })).key("k").send().await.refused(422, "key-reused");
    away.command("payment/p1/charge", json!({ "amount": "x" })).send().await.refused(400, "invalid-arguments");
    let stale = away.command("payment/p1/mark", json!({ "mark": "m" })).header("if-match", "\"0000000000000000\"").send().await;
    stale.refused(412, "version-mismatch");
    assert_eq!(stale.header("etag"), Some(etag));
    away.command("payment/p1/mark", json!({ "mark": "m" })).header("if-match", etag).ok().await;
    // Lines of one bulk request keep their order, whichever region takes them.
    let lines: Vec<String> = (0..40)
        .map(|n| {
            let (command, args) =
                if n % 4 == 0 { ("charge", json!({ "amount": n })) } else { ("mark", json!({ "mark": format!("m{n}") })) };
            json!({ "type": "payment", "id": format!("b{}", n / 4), "command": command, "args": args, "key": format!("b-{n}") }).to_string()
        })
        .collect();
    let answers = away.http().bulk(lines.join("\n") + "\n").ok().await.json_lines();
    assert_eq!(answers.last().map(|done| (done["accepted"].clone(), done["refused"].clone())), Some((json!(40), json!(0))), "{answers:?}");
    let status = away.status().await;
    assert!(
        status["homes"]
            .as_array()
            .is_some_and(|homes| homes.contains(&json!({ "type": "payment", "region": "us-east", "shards": [0, 1, 2, 3] }))),
        "{}",
        status["homes"]
    );
}

#[tokio::test]
async fn two_regions_that_create_one_id_at_once_make_exactly_one() {
    let cluster = started().await;
    let won = Cell::new(0);
    for n in 0..24 {
        let path = format!("seat/s{n}/take");
        let takes = REGIONS.map(|name| cluster[name].command(&path, json!({ "owner": name })).send());
        let answers = futures::future::join_all(takes).await;
        for answer in &answers {
            match answer.status.as_u16() {
                200 => won.set(won.get() + 1),
                _ => _ = answer.refused(409, "already-exists"),
            }
        }
        assert_eq!(won.get(), n + 1, "{answers:?}");
    }
    // `by-id` shares the shards out.
    let homes = cluster["us-east"].status().await["homes"].clone();
    let regions: BTreeSet<&str> =
        homes.as_array().expect("a list").iter().filter(|home| home["type"] == "seat").filter_map(|home| home["region"].as_str()).collect();
    assert_eq!(regions.len(), 3, "{homes}");
}

#[tokio::test]
async fn a_home_that_can_t_be_reached_is_a_503_that_says_where_it_is_and_stops_nothing_else() {
    let cluster = started().await;
    cluster.isolate("us-east", LinkMode::Cut);
    let away = &cluster["eu-west"];
    let refused = eventually("it is noticed", async || {
        let answer = away.command("payment/p/charge", json!({ "amount": 1 })).key("k").try_send().await?;
        if answer.status == 503 { Ok(answer) } else { Err(answer.text()) }
    })
    .await;
    let problem = refused.refused(503, "home-away");
    assert_eq!((&problem["home"], &problem["retry"]), (&json!("us-east"), &json!("same-key")), "{problem}");
    assert!(refused.header("retry-after").is_some());
    away.command("cart/c/add", json!({ "sku": "tea" })).ok().await;
    cluster["us-east"].command("payment/q/charge", json!({ "amount": 1 })).ok().await;
    away.get("/v1/cart/c").ok().await;
    cluster.isolate("us-east", LinkMode::Up);
    eventually("it is forwarded again", async || {
        let answer = away.command("payment/p/charge", json!({ "amount": 1 })).key("k").try_send().await?;
        if answer.status == 200 { Ok(()) } else { Err(answer.text()) }
    })
    .await;
}

/// Marks, with keys, until asked to stop; each is sent until it is accepted.
async fn mark(http: &Http, name: &str, stop: &Cell<bool>, acked: &RefCell<BTreeSet<String>>) {
    for n in 0.. {
        let mark = format!("{name}-{n}");
        eventually(&format!("{mark} is accepted"), async || {
            let args = json!({ "mark": mark });
            match http.command(&format!("payment/p{}/mark", n % 7), args).key(&mark).try_send().await {
                Ok(answer) if answer.status == 200 => Ok(()),
                Ok(answer) => {
                    assert_eq!(answer.status, 503, "{}", answer.text());
                    Err(answer.text())
                }
                Err(error) => Err(error),
            }
        })
        .await;
        acked.borrow_mut().insert(mark);
        if stop.get() {
            return;
        }
    }
}

/// Each mark is there once, and nothing else. Regions may agree for a moment on what was before the last of them.
async fn assert_marks(cluster: &Cluster, acked: &BTreeSet<String>) {
    let found = eventually("every mark that was acknowledged is there", async || {
        let mut found = BTreeSet::new();
        for n in 0..7 {
            let fits = |payment: &Value| {
                payment["state"]["count"].as_u64() == payment["state"]["marks"].as_array().map(|marks| marks.len() as u64)
            };
            let payment = cluster.agree(&format!("/v1/payment/p{n}"), "each mark counts once", fits).await;
            found.extend(payment["state"]["marks"].as_array().into_iter().flatten().filter_map(|mark| mark.as_str().map(str::to_owned)));
        }
        if found.is_superset(acked) { Ok(found) } else { Err(format!("{:?}", acked.difference(&found).collect::<Vec<_>>())) }
    })
    .await;
    assert_eq!(found.difference(acked).collect::<Vec<_>>(), Vec::<&String>::new());
}

async fn move_to(region: &Region, to: &str) -> Result<Value, String> {
    let answer = region.http().request(http::Method::POST, &format!("/admin/homes/payment/move?to={to}")).try_send().await?;
    if answer.status == 200 { Ok(answer.json()) } else { Err(answer.text()) }
}

/// Of every aggregate, the regions that accepted its events, in order: each change is a move.
async fn accepted_by(region: &Region, id: &str) -> Vec<String> {
    let mut regions: Vec<String> = Vec::new();
    let history = region.get(&format!("/v1/payment/{id}/events?limit=1000")).ok().await.json();
    for event in history["data"].as_array().expect("a list") {
        let name = event["region"].as_str().unwrap_or_default();
        if regions.last().is_none_or(|last| last != name) {
            regions.push(name.to_owned());
        }
    }
    regions
}

#[tokio::test]
async fn a_home_moves_under_load_and_no_two_regions_accept_at_once() {
    let cluster = started().await;
    let (stop, acked) = (Cell::new(false), RefCell::new(BTreeSet::new()));
    let https: Vec<Http> = REGIONS.iter().map(|name| cluster[*name].http()).collect();
    let loads = futures::future::join_all(https.iter().zip(REGIONS).map(|(http, name)| mark(http, name, &stop, &acked)));
    let moving = async {
        for to in ["eu-west", "ap-south"] {
            let count = acked.borrow().len() + 40;
            eventually("more marks", async || if acked.borrow().len() >= count { Ok(()) } else { Err(String::new()) }).await;
            let moved = eventually("the home moves", async || move_to(&cluster["us-east"], to).await).await;
            assert!(
                moved["homes"].as_array().is_some_and(|homes| homes.len() == 4 && homes.iter().all(|home| home["home"] == to)),
                "{moved}"
            );
        }
        let count = acked.borrow().len() + 40;
        eventually("more marks", async || if acked.borrow().len() >= count { Ok(()) } else { Err(String::new()) }).await;
        stop.set(true);
    };
    tokio::join!(loads, moving);
    assert_marks(&cluster, &acked.take()).await;
    for n in 0..7 {
        assert_eq!(accepted_by(&cluster["us-east"], &format!("p{n}")).await, ["us-east", "eu-west", "ap-south"], "p{n}");
    }
}

#[tokio::test]
async fn a_kill_in_the_middle_of_a_move_leaves_one_home_and_loses_nothing() {
    let mut cluster = started().await;
    let (stop, acked) = (Cell::new(false), RefCell::new(BTreeSet::new()));
    for (round, (from, to)) in [("us-east", "eu-west"), ("eu-west", "ap-south"), ("ap-south", "us-east")].into_iter().enumerate() {
        stop.set(false);
        // The old home or the new one dies, while shards move one after the other.
        let victim = if round % 2 == 0 { from } else { to };
        let clients: Vec<(Http, String)> = REGIONS.iter().map(|name| (cluster[*name].http(), format!("{name}{round}"))).collect();
        let loads = futures::future::join_all(clients.iter().map(|(http, name)| mark(http, name, &stop, &acked)));
        let operator = REGIONS.into_iter().find(|name| *name != victim).expect("there are three");
        let asking = cluster[operator].http();
        let moving = async {
            let count = acked.borrow().len() + 15;
            eventually("more marks", async || if acked.borrow().len() >= count { Ok(()) } else { Err(String::new()) }).await;
            let path = format!("/admin/homes/payment/move?to={to}");
            let (_, ()) = tokio::join!(asking.request(http::Method::POST, &path).try_send(), async { cluster[victim].kill().await });
            cluster[victim].start().await;
            eventually("the rest moves", async || {
                let answer = asking.request(http::Method::POST, &path).try_send().await?;
                if answer.status == 200 { Ok(()) } else { Err(answer.text()) }
            })
            .await;
            let count = acked.borrow().len() + 15;
            eventually("more marks", async || if acked.borrow().len() >= count { Ok(()) } else { Err(String::new()) }).await;
            stop.set(true);
        };
        tokio::join!(loads, moving);
    }
    assert_marks(&cluster, &acked.take()).await;
}

#[tokio::test]
async fn people_see_homes_and_move_them() {
    let cluster = started().await;
    let url = format!("http://127.0.0.1:{}", cluster["eu-west"].config.port);
    let shown = run(sterna().args(["homes", "--url", &url])).await;
    assert!(shown.code == Some(0) && shown.stdout.contains("payment") && shown.stdout.contains("us-east"), "{shown:?}");
    let moved = run(sterna().args(["homes", "move", "payment", "--to", "eu-west", "--shard", "2", "--url", &url])).await;
    assert!(moved.code == Some(0) && moved.stdout.contains("payment, shard 2: moved to eu-west (term 2)"), "{moved:?}");
    let wrong = run(sterna().args(["homes", "move", "payment", "--to", "mars", "--url", &url])).await;
    assert!(wrong.code == Some(1) && wrong.stderr.contains("there is no region `mars`"), "{wrong:?}");
    let wrong = run(sterna().args(["homes", "move", "cart", "--to", "eu-west", "--url", &url])).await;
    assert!(wrong.code == Some(1) && wrong.stderr.contains("no type `cart` with a home"), "{wrong:?}");
    let homes = cluster["eu-west"].status().await["homes"].clone();
    assert!(
        homes.as_array().is_some_and(|homes| homes.contains(&json!({ "type": "payment", "region": "eu-west", "shards": [2] }))),
        "{homes}"
    );
}
