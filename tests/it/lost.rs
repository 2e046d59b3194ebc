//! A region that an operator declares lost.

use serde_json::json;
use std::cell::Cell;
use sterna_tests::{Cluster, Options, eventually, run, sterna};

const REGIONS: [&str; 3] = ["us-east", "eu-west", "ap-south"];

async fn declare(cluster: &Cluster, at: &str, parameters: &str) -> sterna_tests::Answer {
    let path = format!("/admin/regions/us-east/lost{parameters}");
    cluster[at].http().request(http::Method::POST, &path).send().await
}

#[tokio::test]
async fn its_rights_and_homes_go_to_the_heir_and_it_takes_no_commands_when_it_comes_back() {
    let mut cluster = Cluster::start(Options::strict(), &REGIONS).await;
    cluster["us-east"].command("product/tea/restock", json!({ "quantity": 300 })).key("stock").ok().await;
    cluster["us-east"].command("payment/p/charge", json!({ "amount": 1 })).key("first").ok().await;
    cluster.agree("/v1/payment/p", "the payment", |payment| payment["state"]["amount"] == 1).await;
    cluster.agree("/v1/product/tea", "the stock", |product| product["state"]["stock"] == 300).await;
    declare(&cluster, "eu-west", "").await.refused(400, "invalid-query");
    declare(&cluster, "eu-west", "?confirm=us-east").await.refused(409, "not-lost");
    // Commands can't settle without it.
    cluster["us-east"].kill().await;
    let url = format!("http://127.0.0.1:{}", cluster["ap-south"].config.port);
    eventually("it is silent, and declared lost", async || {
        let args = ["regions", "declare-lost", "us-east", "--confirm", "us-east", "--heir", "eu-west", "--url", &url];
        let told = run(sterna().args(args)).await;
        if told.code == Some(0) { Ok(()) } else { Err(told.stderr) }
    })
    .await;
    // What is in no region's hands but its own is in the heir's now; and what is new settles without it.
    cluster["ap-south"].command("product/tea/restock", json!({ "quantity": 30 })).key("more").ok().await;
    let sold = Cell::new(0);
    eventually("all of it can be sold", async || {
        let answer = cluster["eu-west"].command("product/tea/reserve", json!({ "quantity": 10 })).try_send().await?;
        if answer.status == 200 {
            sold.set(sold.get() + 10);
        }
        if sold.get() == 330 { Ok(()) } else { Err(format!("{} sold; {}", sold.get(), answer.text())) }
    })
    .await;
    cluster["ap-south"].command("product/tea/reserve", json!({ "quantity": 1 })).send().await.refused(409, "bound-reached");
    // Its homes, asked from elsewhere.
    eventually("the heir is the home", async || {
        let answer = cluster["ap-south"].command("payment/q/charge", json!({ "amount": 2 })).key("second").try_send().await?;
        if answer.status == 200 { Ok(()) } else { Err(answer.text()) }
    })
    .await;
    cluster["ap-south"].command("payment/p/charge", json!({ "amount": 3 })).send().await.refused(409, "already-exists");
    let again = declare(&cluster, "ap-south", "?confirm=us-east").await;
    assert_eq!((again.status.as_u16(), again.json()["heir"].clone(), again.json()["before"].clone()), (200, json!("eu-west"), json!(true)));
    assert_eq!(cluster["eu-west"].status_of("us-east").await["lost"], "eu-west");
    // A survivor that starts again knows it still, and is not kept from spending by the one that is gone.
    cluster["eu-west"].kill().await;
    cluster["eu-west"].start().await;
    cluster["ap-south"].command("product/tea/restock", json!({ "quantity": 9 })).ok().await;
    eventually("it spends", async || {
        let answer = cluster["eu-west"].command("product/tea/reserve", json!({ "quantity": 9 })).try_send().await?;
        if answer.status == 200 { Ok(()) } else { Err(answer.text()) }
    })
    .await;
    cluster["us-east"].spawn();
    eventually("it knows that it was declared lost", async || {
        let answer = cluster["us-east"].command("cart/c/add", json!({ "sku": "tea" })).try_send().await?;
        if answer.status == 503 && answer.text().contains("declared lost") { Ok(()) } else { Err(answer.text()) }
    })
    .await;
    // Nor with an empty folder: its name is spent. It says what is to be done, and nothing of it reaches the others.
    cluster["us-east"].kill().await;
    std::fs::remove_dir_all(cluster["us-east"].data()).expect("the folder is there");
    cluster["us-east"].spawn();
    eventually("it is refused, and told what to do", async || {
        let answer = cluster["us-east"].get("/readyz").try_send().await?;
        let text = answer.text();
        let told = ["declared lost", "also with an empty folder", "Stop it", "the other regions go on without it"];
        if answer.status == 503 && told.iter().all(|part| text.contains(part)) { Ok(()) } else { Err(text) }
    })
    .await;
    cluster["us-east"].command("cart/c/add", json!({ "sku": "tea" })).send().await.refused(503, "not-accepting");
    cluster["ap-south"].command("product/tea/restock", json!({ "quantity": 3 })).ok().await;
    eventually("the others go on", async || {
        let answer = cluster["eu-west"].command("product/tea/reserve", json!({ "quantity": 3 })).try_send().await?;
        if answer.status == 200 { Ok(()) } else { Err(answer.text()) }
    })
    .await;
}
